#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace hearth::store {

// A folder of its own for one test.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path touch(std::string_view file, std::string_view content = "x") const {
    const auto target = path_ / file;
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(target) << content;
    return target;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace hearth::store
