// The one place where Asio and its TLS part are compiled (BOOST_ASIO_SEPARATE_COMPILATION everywhere else).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
