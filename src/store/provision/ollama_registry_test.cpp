#include "store/provision/ollama_registry.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/fetch/testing/file_server.hpp"

namespace hearth::store::provision {
namespace {

using fetch::testing::FileServer;
using fetch::testing::Reply;
using fetch::testing::Seen;

std::string digest_of(const std::string& content) {
  fetch::Hasher hasher(fetch::Digest::Kind::kSha256, content.size());
  hasher.add(content);
  return to_text(hasher.finish());
}

// A registry with one model: layers by kind.
class Registry {
 public:
  explicit Registry(std::vector<std::pair<std::string, std::string>> layers)
      : layers_(std::move(layers)), server_([this](const Seen& seen) { return answer(seen); }) {}

  [[nodiscard]] OllamaRegistry client() const {
    return OllamaRegistry({.endpoint = server_.url(""), .net = {.retry = {.attempts_max = 1}}});
  }
  [[nodiscard]] Result<Publication> look_up(const std::string& text) const {
    const auto reference = parse_reference(text);
    EXPECT_TRUE(reference);
    return client().look_up(*reference, {});
  }
  std::string token;    // needed, if any
  bool refuse = false;  // gives none
  bool lie = false;     // of blobs
  std::string realm;    // where tokens are said to be; empty = here

 private:
  Reply answer(const Seen& seen) {
    if (seen.path.starts_with("/token"))
      return refuse ? Reply{.status = 401} : Reply{.content = fmt::format(R"({{"token":"{}"}})", token)};
    if (!token.empty() && seen.header("authorization") != "Bearer " + token)
      return {.status = 401,
              .headers = {fmt::format(R"(www-authenticate: Bearer realm="{}",service="reg",scope="repository:x:pull")",
                                      realm.empty() ? server_.url("/token") : realm)}};
    if (seen.path == "/v2/library/tiny/manifests/1b" || seen.path == "/v2/me/tiny/manifests/latest")
      return {.content = manifest()};
    for (const auto& [kind, content] : layers_) {
      if (seen.path.ends_with("/blobs/" + digest_of(content))) return {.content = lie ? content + "!" : content};
    }
    return {.status = 404};
  }
  [[nodiscard]] std::string manifest() const {
    std::string list;
    for (const auto& [kind, content] : layers_)
      list += fmt::format(R"({}{{"mediaType":"application/vnd.ollama.image.{}","digest":"{}","size":{}}})",
                          list.empty() ? "" : ",", kind, digest_of(content), content.size());
    const auto config = layers_.empty() || layers_.front().first != "config" ? "" : list.substr(0, list.find('}') + 1);
    return R"({"schemaVersion":2,)" + (config.empty() ? "" : R"("config":)" + config + ",") + R"("layers":[)" + list +
           "]}";
  }

  std::vector<std::pair<std::string, std::string>> layers_;
  FileServer server_;
};

const std::vector<std::pair<std::string, std::string>> kWhole{
    {"projector", "PPPP"},
    {"model", "GGUFGGUF"},
    {"template", "<{{ .Prompt }}>"},
    {"system", "be kind"},
    {"params", R"({"stop":["<a>","<b>"],"temperature":0.5,"num_keep":3,"new_thing":1,"top_k":"bad"})"},
    {"messages", R"([{"role":"user","content":"1+1?"},{"role":"assistant","content":"2"}])"},
    {"license", "MIT"},
    {"license", "and more"},
};

TEST(OllamaRegistry, AModelWithEverything) {
  const Registry registry(kWhole);
  const auto found = registry.look_up("ollama:tiny:1b");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->source, "ollama:tiny");
  EXPECT_EQ(found->folder, "tiny");
  EXPECT_TRUE(found->complete);
  ASSERT_EQ(found->files.size(), 2U);
  EXPECT_EQ(found->files[0].name, "tiny@1b.gguf");
  EXPECT_EQ(found->files[0].size, 8U);
  EXPECT_EQ(to_text(found->files[0].digest), digest_of("GGUFGGUF"));
  EXPECT_TRUE(found->files[0].url.ends_with("/v2/library/tiny/blobs/" + digest_of("GGUFGGUF")));
  EXPECT_EQ(found->files[1].name, "mmproj-tiny@1b.gguf");
  EXPECT_TRUE(found->files[1].settings.empty());
  const auto& s = found->files[0].settings;
  EXPECT_EQ(s.system, "be kind");
  EXPECT_EQ(s.license, "MIT\n\nand more");
  EXPECT_EQ(s.messages.size(), 2U);
  EXPECT_EQ(s.chat_template, "<{{ .Prompt }}>");
  EXPECT_TRUE(found->notes.empty());
  using Line = domain::ModelSettings::Line;
  EXPECT_EQ(s.parameters,
            (std::vector<Line>{{"stop", "<a>"}, {"stop", "<b>"}, {"temperature", "0.5"}, {"num_keep", "3"}}));
}

TEST(OllamaRegistry, TemplatesThatCannotBeUsedAreLeftOut) {
  struct {
    const char* config;
    const char* text;
    const char* kept;
    const char* note;
  } const cases[] = {
      {R"({"model_format":"gguf"})", "{{ .Prompt }}", "{{ .Prompt }}", ""},
      {R"({"renderer":"qwen3"})", "{{ .Prompt }}", "", "code of its own, 'qwen3'"},
      {R"({"renderer":"qwen3"})", "{% for m in messages %}x{% endfor %}", "{% for m in messages %}x{% endfor %}", ""},
      {"{}", "a\n{{ if .Prompt }}", "", "its template is left out: the template cannot be used: line 2: {{if}} has no"},
      {"{}", "\xFF{{ .Prompt }}", "", "its template is left out: it is not UTF-8"},
      {"no json", "{{ .Prompt }}", "{{ .Prompt }}", ""},
  };
  for (const auto& c : cases) {
    const Registry registry({{"config", c.config}, {"model", "GGUF"}, {"template", c.text}, {"system", "kind"}});
    const auto found = registry.look_up("ollama:tiny:1b");
    ASSERT_TRUE(found) << found.error().message;
    const auto& s = found->files.at(0).settings;
    EXPECT_EQ(s.chat_template, c.kept) << c.text;
    EXPECT_EQ(s.system, "kind");
    EXPECT_EQ(found->notes.size(), *c.note == 0 ? 0U : 1U);
    if (!found->notes.empty()) EXPECT_NE(found->notes[0].find(c.note), std::string::npos) << found->notes[0];
  }
}

TEST(OllamaRegistry, OfSomebody) {
  const Registry registry({{"model", "GGUF"}});
  const auto found = registry.look_up("ollama:me/tiny");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->folder, "me/tiny");
  EXPECT_EQ(found->files.at(0).name, "tiny@latest.gguf");
}

TEST(OllamaRegistry, AsksForATokenWhereOneIsWanted) {
  Registry registry(kWhole);
  registry.token = "abc";
  const auto found = registry.look_up("ollama:tiny:1b");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->headers, (std::vector<std::string>{"authorization: Bearer abc"}));
  registry.realm = "http://elsewhere.invalid/token";
  const auto sent_away = registry.look_up("ollama:tiny:1b");
  ASSERT_FALSE(sent_away);
  EXPECT_EQ(sent_away.error().code, ErrorCode::kForbidden) << sent_away.error().message;
  registry.realm.clear();
  registry.refuse = true;
  const auto refused = registry.look_up("ollama:tiny:1b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthorized);
}

TEST(OllamaRegistry, SaysWhyNot) {
  struct {
    std::vector<std::pair<std::string, std::string>> layers;
    const char* reference;
    ErrorCode code;
    const char* message;
  } const cases[] = {
      {kWhole, "ollama:absent", ErrorCode::kModelNotFound, "Model 'ollama:absent:latest' not found"},
      {{{"model", "a"}, {"adapter", "b"}}, "ollama:tiny:1b", ErrorCode::kUnsupported, "adapter"},
      {{{"model", "a"}, {"model", "b"}}, "ollama:tiny:1b", ErrorCode::kUnsupported, "several layers"},
      {{{"tensor", "a"}}, "ollama:tiny:1b", ErrorCode::kUnsupported, "single tensors"},
      {{{"system", "a"}}, "ollama:tiny:1b", ErrorCode::kUnsupported, "no weights"},
      {{}, "ollama:tiny:1b", ErrorCode::kBackendError, "no manifest"},
  };
  for (const auto& c : cases) {
    const Registry registry(c.layers);
    const auto found = registry.look_up(c.reference);
    ASSERT_FALSE(found) << c.message;
    EXPECT_EQ(found.error().code, c.code) << found.error().message;
    EXPECT_NE(found.error().message.find(c.message), std::string::npos) << found.error().message;
  }
  Registry liar({{"system", "a"}, {"model", "b"}});
  liar.lie = true;
  const auto found = liar.look_up("ollama:tiny:1b");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("another system"), std::string::npos) << found.error().message;
}

TEST(OllamaRegistry, Challenges) {
  EXPECT_EQ(token_address(R"(Bearer realm="https://h/t",service="s s",scope="a:b")"),
            "https://h/t?service=s%20s&scope=a%3Ab");
  EXPECT_EQ(token_address(R"(Bearer realm="https://h/t?x=1",service="s")"), "https://h/t?x=1&service=s&scope=");
  for (const auto* text : {"", "Basic realm=\"x\"", "Bearer service=\"x\"", "Bearer realm=\""})
    EXPECT_EQ(token_address(text), "") << text;
}

}  // namespace
}  // namespace hearth::store::provision
