#include "store/reference.hpp"

#include <gtest/gtest.h>

namespace hearth::store {
namespace {

using Kind = Reference::Kind;

TEST(Reference, Table) {
  struct Case {
    const char* text;
    Reference reference;
  };
  const Case cases[] = {
      {"tinyllama", {Kind::kName, "tinyllama", "", ""}},
      {"llama3.2:1b", {Kind::kName, "llama3.2", "", "1b"}},
      {"gpt2", {Kind::kName, "gpt2", "", ""}},
      {"org/Name", {Kind::kName, "org/Name", "", ""}},
      {"org/name@v1.0:Q4_K_M", {Kind::kName, "org/name", "v1.0", "Q4_K_M"}},
      {"hf:org/name", {Kind::kHub, "org/name", "", ""}},
      {"HF:gpt2", {Kind::kHub, "gpt2", "", ""}},
      {"hf:org/name@refs/pr/1:sub/model-Q8_0.gguf", {Kind::kHub, "org/name", "refs/pr/1", "sub/model-Q8_0.gguf"}},
      {"hf.co/org/name:q4_0", {Kind::kHub, "org/name", "", "q4_0"}},
      {"https://huggingface.co/org/name", {Kind::kHub, "org/name", "", ""}},
      {"https://huggingface.co/org/name/", {Kind::kHub, "org/name", "", ""}},
      {"https://huggingface.co/o/n/resolve/main/a.gguf",
       {Kind::kUrl, "https://huggingface.co/o/n/resolve/main/a.gguf", "", ""}},
      {"ollama:smollm", {Kind::kOllama, "smollm", "", ""}},
      {"ollama:user/smollm:135m-q8_0", {Kind::kOllama, "user/smollm", "", "135m-q8_0"}},
      {"https://example.org/m.gguf?x=1", {Kind::kUrl, "https://example.org/m.gguf?x=1", "", ""}},
      {"s3://bucket/models/a", {Kind::kS3, "s3://bucket/models/a", "", ""}},
      {"S3://bucket", {Kind::kS3, "s3://bucket", "", ""}},
      {"s3://b.c/a b/d//:Q4_K_M", {Kind::kS3, "s3://b.c/a b/d", "", "Q4_K_M"}},
      {"s3://b:q8_0/", {Kind::kS3, "s3://b", "", "q8_0"}},
      {"s3://b/a:b:c", {Kind::kS3, "s3://b/a:b", "", "c"}},
      {"s3://b/a:b/c", {Kind::kS3, "s3://b/a:b/c", "", ""}},
      {"/models/a b.gguf", {Kind::kFile, "/models/a b.gguf", "", ""}},
      {"./a.gguf", {Kind::kFile, "./a.gguf", "", ""}},
      {"file:///m/a.gguf", {Kind::kFile, "/m/a.gguf", "", ""}},
      {"file:a.gguf", {Kind::kFile, "a.gguf", "", ""}},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_reference(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, c.reference) << c.text;
    EXPECT_EQ(parse_reference(to_text(*parsed)), *parsed) << c.text;
  }
}

TEST(Reference, RefusesWithAReason) {
  for (const auto* text :
       {"",          "hf:",     "hf:a/b/c",  "hf:../x",      "hf:org/na me", "hf:org/name:", "hf:org/name@",
        "org//name", "ollama:", "ollama:x:", "ollama:a/b/c", "a\nb",         "file:",        "hf:org/..",
        "-\x7f",     "s3://",   "s3:///a",   "s3://b /a",    "s3://b/a:",    "s3://b/a:/",   "s3://b/../a",
        "s3://b/./a"}) {
    const auto parsed = parse_reference(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidRequest);
    EXPECT_NE(parsed.error().message.find("a model is NAME[:TAG]"), std::string::npos);
  }
  EXPECT_FALSE(parse_reference(std::string(3000, 'a')));
}

}  // namespace
}  // namespace hearth::store
