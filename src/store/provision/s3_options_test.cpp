#include "store/provision/s3_options.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "store/test_folder.hpp"

namespace hearth::store::provision {
namespace {

using Variables = std::map<std::string, std::string>;

S3Options options(Variables variables) {
  // No file of whoever runs the test.
  variables.emplace("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
  variables.emplace("AWS_CONFIG_FILE", "/nowhere");
  return s3_options([&](const char* name) { return variables[name]; });
}

TEST(S3Options, VariablesInTheirOrder) {
  const auto none = options({});
  EXPECT_TRUE(none.credentials.anonymous());
  EXPECT_EQ(none.endpoint, "");
  EXPECT_EQ(none.region, "us-east-1");
  Variables all{
      {"S3_ACCESS_KEY", "s"}, {"S3_SECRET_KEY", "t"}, {"S3_ENDPOINT", "minio.lan:9000/"}, {"AWS_DEFAULT_REGION", "r"}};
  auto found = options(all);
  EXPECT_EQ(found.credentials.access_key + found.credentials.secret_key, "st");
  EXPECT_EQ(found.endpoint, "https://minio.lan:9000");
  EXPECT_EQ(found.region, "r");
  all.insert({{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_REGION", "q"}, {"AWS_ENDPOINT_URL", "http://h//"}});
  found = options(all);
  EXPECT_EQ(found.credentials.access_key, "s") << "half a pair is none";
  EXPECT_EQ(found.endpoint, "http://h");
  EXPECT_EQ(found.region, "q");
  all.insert({{"AWS_SECRET_ACCESS_KEY", "b"}, {"AWS_SESSION_TOKEN", "c"}, {"AWS_ENDPOINT_URL_S3", "http://s3"}});
  found = options(all);
  EXPECT_EQ(found.credentials.access_key + found.credentials.secret_key + found.credentials.session_token, "abc");
  EXPECT_EQ(found.endpoint, "http://s3");
}

TEST(S3Options, Profiles) {
  const TestFolder folder;
  const auto credentials = folder.path() / "credentials";
  const auto config = folder.path() / "config";
  ASSERT_TRUE(base::write_file_atomically(credentials,
                                          "# mine\n[default]\naws_access_key_id = a\n"
                                          "aws_secret_access_key=b=\n[lab]\r\naws_access_key_id=c\r\n"
                                          "aws_secret_access_key = d\naws_session_token= e\n"));
  ASSERT_TRUE(base::write_file_atomically(config,
                                          "[default]\nregion = eu-west-1\ns3 =\n  region = no\n"
                                          "[profile lab]\nendpoint_url = http://lab\naws_access_key_id=no\n"));
  const Variables files{{"AWS_SHARED_CREDENTIALS_FILE", credentials}, {"AWS_CONFIG_FILE", config}};
  const auto plain = options(files);
  EXPECT_EQ(plain.credentials.access_key + plain.credentials.secret_key, "ab=");
  EXPECT_EQ(plain.region, "eu-west-1");
  Variables named = files;
  named["AWS_PROFILE"] = "lab";
  const auto lab = options(named);
  EXPECT_EQ(lab.credentials.access_key + lab.credentials.secret_key + lab.credentials.session_token, "cde");
  EXPECT_EQ(lab.endpoint, "http://lab");
  EXPECT_EQ(lab.region, "us-east-1");
  named["AWS_PROFILE"] = "none";
  EXPECT_TRUE(options(named).credentials.anonymous());
}

}  // namespace
}  // namespace hearth::store::provision
