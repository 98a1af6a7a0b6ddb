#include "config/credentials.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

#include "base/files.hpp"

namespace hearth::config {
namespace {

namespace fs = std::filesystem;

class Credentials : public ::testing::Test {
 protected:
  Credentials() {
    std::string pattern = (fs::temp_directory_path() / "hearth-credentials-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Credentials() override { fs::remove_all(folder_); }
  fs::path folder_;
  fs::path file_ = {};
  void SetUp() override { file_ = folder_ / "a" / "credentials"; }
};

TEST_F(Credentials, AreKeptForTheirOwnerAlone) {
  EXPECT_TRUE(load_credentials(file_)->empty());
  ASSERT_TRUE(save_credential(file_, "HF_TOKEN", "hf_one"));
  ASSERT_TRUE(save_credential(file_, "OTHER", "x=y z"));
  ASSERT_TRUE(save_credential(file_, "HF_TOKEN", "hf_two"));
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(*load_credentials(file_), (std::map<std::string, std::string>{{"HF_TOKEN", "hf_two"}, {"OTHER", "x=y z"}}));
  ASSERT_TRUE(save_credential(file_, "HF_TOKEN", ""));
  EXPECT_FALSE(load_credentials(file_)->contains("HF_TOKEN"));
}

TEST_F(Credentials, AreRefusedWhereOthersMayReadThem) {
  ASSERT_TRUE(save_credential(file_, "HF_TOKEN", "hf_one"));
  fs::permissions(file_, fs::perms::others_read, fs::perm_options::add);
  const auto loaded = load_credentials(file_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kForbidden);
  EXPECT_NE(loaded.error().message.find("chmod 600"), std::string::npos);
}

TEST_F(Credentials, AreReadStrictlyAndNeverShown) {
  ASSERT_TRUE(base::write_private_file(file_, "# mine\n\n A=b \nhf_secret\n"));
  const auto loaded = load_credentials(file_);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("line 4"), std::string::npos);
  EXPECT_EQ(loaded.error().message.find("hf_secret"), std::string::npos);
  EXPECT_EQ(save_credential(folder_ / "new", "HF_TOKEN", "a\nb").error().code, ErrorCode::kInvalidRequest);
}

}  // namespace
}  // namespace hearth::config
