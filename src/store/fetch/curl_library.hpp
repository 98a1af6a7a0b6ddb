#pragma once

#include <curl/curl.h>

#include "base/result.hpp"

namespace hearth::store::fetch {

// libcurl's functions, loaded when the first transfer needs them: with all the libraries that it needs it would take
// 5 MiB of every process that never fetches anything. Names as in libcurl, without "curl_".
struct CurlLibrary {
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_setopt) multi_setopt;
  decltype(&::curl_multi_wakeup) multi_wakeup;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_url) url;
  decltype(&::curl_url_cleanup) url_cleanup;
  decltype(&::curl_url_get) url_get;
  decltype(&::curl_url_set) url_set;
  decltype(&::curl_free) free;
  decltype(&::curl_getdate) getdate;
};

// kUnsupported names the package if libcurl is not there. Thread-safe; ask before anything else of this folder.
[[nodiscard]] Result<void> load_curl();
// REQUIRES: load_curl() has succeeded (else it throws).
[[nodiscard]] const CurlLibrary& curl();

}  // namespace hearth::store::fetch
