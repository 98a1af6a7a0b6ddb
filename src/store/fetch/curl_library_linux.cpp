#include <dlfcn.h>
#include <fmt/format.h>
#include <stdexcept>

#include "store/fetch/curl_library.hpp"

namespace hearth::store::fetch {
namespace {

struct Loaded {
  CurlLibrary functions{};
  std::string problem;  // empty = all is there
};

template <class Function>
void find(void* library, const char* name, Function& out, std::string& problem) {
  out = reinterpret_cast<Function>(::dlsym(library, name));
  if (out == nullptr && problem.empty()) problem = fmt::format("libcurl has no {}", name);
}

Loaded load() {
  Loaded out;
  void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    out.problem = "libcurl is not installed (Debian package libcurl4)";
    return out;
  }
  auto& f = out.functions;
  auto& p = out.problem;
  find(library, "curl_easy_init", f.easy_init, p);
  find(library, "curl_easy_cleanup", f.easy_cleanup, p);
  find(library, "curl_easy_reset", f.easy_reset, p);
  find(library, "curl_easy_setopt", f.easy_setopt, p);
  find(library, "curl_easy_strerror", f.easy_strerror, p);
  find(library, "curl_multi_init", f.multi_init, p);
  find(library, "curl_multi_cleanup", f.multi_cleanup, p);
  find(library, "curl_multi_add_handle", f.multi_add_handle, p);
  find(library, "curl_multi_remove_handle", f.multi_remove_handle, p);
  find(library, "curl_multi_info_read", f.multi_info_read, p);
  find(library, "curl_multi_perform", f.multi_perform, p);
  find(library, "curl_multi_poll", f.multi_poll, p);
  find(library, "curl_multi_setopt", f.multi_setopt, p);
  find(library, "curl_multi_wakeup", f.multi_wakeup, p);
  find(library, "curl_slist_append", f.slist_append, p);
  find(library, "curl_slist_free_all", f.slist_free_all, p);
  find(library, "curl_url", f.url, p);
  find(library, "curl_url_cleanup", f.url_cleanup, p);
  find(library, "curl_url_get", f.url_get, p);
  find(library, "curl_url_set", f.url_set, p);
  find(library, "curl_free", f.free, p);
  find(library, "curl_getdate", f.getdate, p);
  decltype(&::curl_global_init) initialise = nullptr;
  find(library, "curl_global_init", initialise, p);
  if (p.empty() && initialise(CURL_GLOBAL_DEFAULT) != CURLE_OK) p = "libcurl cannot be initialised";
  return out;
}

const Loaded& loaded() {
  static const Loaded once = load();  // never unloaded: handles of other threads may outlive any scope of ours
  return once;
}

}  // namespace

Result<void> load_curl() {
  if (loaded().problem.empty()) return {};
  return fail(ErrorCode::kUnsupported, fmt::format("cannot fetch anything: {}", loaded().problem));
}

const CurlLibrary& curl() {
  if (!loaded().problem.empty()) throw std::runtime_error(loaded().problem);
  return loaded().functions;
}

}  // namespace hearth::store::fetch
