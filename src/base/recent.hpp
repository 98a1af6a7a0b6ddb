#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hearth::base {

// Values of the last keys that were asked for, as many as have room together. Not thread-safe.
template <class Value>
class Recent {
 public:
  explicit Recent(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Is no use of it: the order stays.
  [[nodiscard]] bool has(std::string_view key) const { return places_.contains(key); }
  // Until the next add; null: not there.
  [[nodiscard]] const Value* find(std::string_view key) {
    const auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, place->second);
    return &place->second->value;
  }
  // Replaces. `bytes` of the value, without the key. The least recent ones make room; what is too large is not kept.
  void add(std::string key, Value value, std::size_t bytes) {
    bytes += key.size();
    if (const auto place = places_.find(key); place != places_.end()) drop(place->second);
    if (bytes > bytes_max_) return;
    while (bytes_ + bytes > bytes_max_) drop(std::prev(entries_.end()));
    entries_.push_front({.key = std::move(key), .value = std::move(value), .bytes = bytes});
    places_.emplace(entries_.front().key, entries_.begin());
    bytes_ += bytes;
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    std::size_t bytes = 0;  // with the key
  };
  using Place = typename std::list<Entry>::iterator;

  void drop(Place entry) {
    bytes_ -= entry->bytes;
    places_.erase(entry->key);
    entries_.erase(entry);
  }

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // latest first
  std::unordered_map<std::string_view, Place> places_;
};

}  // namespace hearth::base
