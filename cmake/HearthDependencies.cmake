# Third-party packages. Each is visible to a layer only through that layer's own link line.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(pugixml REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(CURL 7.85 REQUIRED)  # headers; the library is loaded when it is needed
find_package(PkgConfig REQUIRED)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)
if(HEARTH_TESTS)
  find_package(GTest REQUIRED)
endif()
if(HEARTH_BENCH)
  find_package(benchmark REQUIRED)
endif()

# Boost: coroutines and Beast compile once (rt/asio_impl.cpp, http/detail/beast_impl.cpp), not in every file.
add_library(hearth_boost INTERFACE)
target_link_libraries(hearth_boost INTERFACE Boost::headers Boost::json Boost::url OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(hearth_boost INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
if(HEARTH_SANITIZE MATCHES "thread")
  # Asio's reference counts use fences, which ThreadSanitizer does not model.
  target_compile_definitions(hearth_boost INTERFACE BOOST_ASIO_DISABLE_STD_ATOMIC)
endif()

# XGrammar: built once by scripts/xgrammar, optimised and without sanitizers.
execute_process(COMMAND "${CMAKE_SOURCE_DIR}/scripts/xgrammar" --print
  OUTPUT_VARIABLE xgrammar_dir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT EXISTS "${xgrammar_dir}/.done")
  message(FATAL_ERROR "XGrammar is not built in ${xgrammar_dir}: run scripts/setup first")
endif()
add_library(hearth_xgrammar INTERFACE)
target_include_directories(hearth_xgrammar SYSTEM INTERFACE
  "${xgrammar_dir}/source/include" "${xgrammar_dir}/source/3rdparty/dlpack/include")
target_link_libraries(hearth_xgrammar INTERFACE "${xgrammar_dir}/libxgrammar.a" Threads::Threads)

# llama.cpp: built once by scripts/llama, optimised and without sanitizers; every preset links to that build.
if(HEARTH_LLAMA)
  execute_process(COMMAND "${CMAKE_SOURCE_DIR}/scripts/llama" --print
    OUTPUT_VARIABLE llama_dir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  if(NOT EXISTS "${llama_dir}/.done")
    message(FATAL_ERROR "llama.cpp is not built in ${llama_dir}: run scripts/setup first")
  endif()
  get_filename_component(HEARTH_LLAMA_BUILD "${llama_dir}" NAME)  # saved states are of one build only
  add_library(hearth_llama_cpp INTERFACE)
  target_include_directories(hearth_llama_cpp SYSTEM INTERFACE
    "${llama_dir}/source/include" "${llama_dir}/source/ggml/include")
  set(llama_libs "${llama_dir}/src/libllama.a" "${llama_dir}/ggml/src/libggml.a"
    "${llama_dir}/ggml/src/libggml-cpu.a" "${llama_dir}/ggml/src/libggml-base.a")
  target_link_libraries(hearth_llama_cpp INTERFACE ${llama_libs} Threads::Threads ${CMAKE_DL_LIBS} m)
  set(HEARTH_LLAMA_TEMPLATES "${llama_dir}/source/models/templates")  # for tests
  add_library(hearth_llama_common INTERFACE)
  target_include_directories(hearth_llama_common SYSTEM INTERFACE
    "${llama_dir}/source/common" "${llama_dir}/source/vendor")
  # In the order of their use of each other: GNU ld reads each archive once.
  target_link_libraries(hearth_llama_common INTERFACE
    "${llama_dir}/common/libllama-common.a" "${llama_dir}/common/libllama-common-base.a"
    "${llama_dir}/vendor/cpp-httplib/libcpp-httplib.a" hearth_llama_cpp)
endif()
