// The one place where Beast is compiled (BOOST_BEAST_SEPARATE_COMPILATION everywhere else).
#include <boost/beast/src.hpp>
