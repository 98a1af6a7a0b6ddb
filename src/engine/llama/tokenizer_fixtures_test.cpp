// Every tokenizer of the fixtures that a GGUF can carry: the ids and texts that transformers gives, hearth must give.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "engine/llama/llama_vocab.hpp"
#include "engine/llama/tokenizer_files.hpp"

namespace hearth::engine::llama {
namespace {

using Json = json::Value;
using test_support::TokenizerKind;
const std::filesystem::path kFolder = std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures/tokenizers";

constexpr TokenizerKind kKinds[] = {
    {"bert-cased", "bert", "default"},
    {"bert-uncased", "bert", "default"},
    {"bloom", "gpt2", "bloom"},
    {"codegen", "gpt2", "phi-2"},
    {"deepseek", "gpt2", "deepseek-v3"},
    {"falcon", "gpt2", "falcon"},
    {"gemma", "llama", "default"},
    {"gpt2", "gpt2", "gpt-2"},
    {"gpt_neox", "gpt2", "olmo"},
    {"llama2", "llama", "default"},
    {"llama2-legacy", "llama", "default"},
    {"llama3", "gpt2", "llama-bpe"},
    {"o200k", "gpt2", "gpt-4o"},
    {"opt", "gpt2", "gpt-2"},
    {"phi3", "llama", "default"},
    {"qwen2", "gpt2", "qwen2"},
    {"roberta", "gpt2", "roberta-bpe"},
    {"starcoder", "gpt2", "starcoder"},
    {"t5", "t5", "default"},
    {"tekken", "gpt2", "tekken"},
    {"xlm-roberta", "t5", "default"},
    {"camembert", "t5", "default"},
};

// Of algorithms or for architectures that llama.cpp does not have.
const std::set<std::string> kNotCarried{"albert", "blenderbot", "clip",    "deberta-v2", "mbart",
                                        "mpnet",  "nllb",       "pegasus", "whisper",    "xlnet"};

std::string text(const Json& value) { return std::string(value.as_string()); }
domain::Tokens ids(const Json& value) {
  domain::Tokens out;
  for (const Json& id : value.as_array()) out.push_back(static_cast<domain::Token>(id.as_int64()));
  return out;
}

struct VocabOnly {
  std::unique_ptr<llama_model, decltype(&llama_model_free)> model{nullptr, llama_model_free};
  const llama_vocab* vocab = nullptr;
  explicit VocabOnly(const test_support::TestFile& file) {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    auto params = llama_model_default_params();
    params.vocab_only = true;
    model.reset(llama_model_load_from_file(file.path().c_str(), params));
    if (model) vocab = llama_model_get_vocab(model.get());
  }
};

// What is compared: ids without and with what stands around every text, the texts of ids, and plain texts there and
// back.
enum class What { kIds, kFramed, kDecoded, kPieces, kRoundTrip };
constexpr const char* kNames[] = {"ids", "framed", "decoded", "pieces", "round trip"};

// Where llama.cpp's tokenizer differs from the checkpoint's own. `cases`: names separated by blanks.
struct Known {
  const char* folder;
  std::set<What> what;
  const char* cases;
  const char* why;
};
const std::set<What> kBothIds{What::kIds, What::kFramed};
constexpr const char* kNfc = "a GGUF does not say that texts are put into NFC first";
constexpr const char* kMarks = "its patterns, written by hand, end a word at a combining mark";
constexpr const char* kClean =
    "words of more than 100 characters are cut instead of unknown, control characters are not dropped";
const Known kKnown[] = {
    {"bert-cased", kBothIds, "control long_word nbsp very_long_word", kClean},
    {"bert-uncased", kBothIds, "control long_word nbsp very_long_word", kClean},
    {"bert-uncased", kBothIds, "hindi korean long_world",
     "more than the accents is taken off, less than all is taken apart"},
    {"camembert", {What::kDecoded}, "special_llama", "no blank is put after a BOS in the midst of a text"},
    {"gemma", kBothIds, "byte_tokens", "sentencepiece's mark is no blank in a text"},
    {"gpt_neox", kBothIds, "korean_jamo nfd stacked_marks", kNfc},
    {"o200k", kBothIds, "hindi thai long_world", kMarks},
    {"qwen2", kBothIds, "korean_jamo nfd stacked_marks", kNfc},
    {"roberta", kBothIds, "special_mask", "the mask does not take the blank before it"},
    {"tekken", kBothIds, "hindi thai long_world", kMarks},
    {"xlm-roberta", {What::kDecoded}, "special_llama", "no blank is put after a BOS in the midst of a text"},
};
// Which merges blanks puts one before the text too, whatever the file says: only texts that begin with one are equal.
constexpr std::string_view kT5 = "t5";

class Differences {
 public:
  void add(const char* folder, What what, const std::string& name) { found_[folder][what].insert(name); }
  void compare_with_known() const {
    std::map<std::string, std::map<What, std::set<std::string>>> rest = found_;
    for (const Known& known : kKnown) {
      for (const What what : known.what) {
        std::istringstream names(known.cases);
        for (std::string name; names >> name;)
          EXPECT_EQ(rest[known.folder][what].erase(name), 1U)
              << known.folder << "/" << name << " (" << kNames[static_cast<int>(what)]
              << ") differs no longer: take it off the list (" << known.why << ")";
      }
    }
    for (const auto& [folder, kinds] : rest) {
      for (const auto& [what, names] : kinds)
        EXPECT_TRUE(names.empty()) << folder << ", " << kNames[static_cast<int>(what)] << ": "
                                   << fmt::format("{}", fmt::join(names, " "));
    }
  }

 private:
  std::map<std::string, std::map<What, std::set<std::string>>> found_;
};

// A text that begins with the text of the BOS token does not get a second one (see LlamaVocab).
domain::Tokens one_bos(domain::Tokens tokens, const llama_vocab* raw) {
  const auto bos = llama_vocab_bos(raw);
  if (llama_vocab_get_add_bos(raw) && tokens.size() > 1 && tokens[0] == bos && tokens[1] == bos)
    tokens.erase(tokens.begin());
  return tokens;
}

// Which of the texts there and back are the same, control tokens taken for text.
std::string kept(std::string text, enum llama_vocab_type type) {
  constexpr std::string_view kMark = "\xE2\x96\x81";  // sentencepiece's blank
  if (type == LLAMA_VOCAB_TYPE_SPM) {
    for (auto at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at))
      text.replace(at, kMark.size(), " ");
  }
  return text;
}

constexpr std::string_view kBegun = "\xEF\xBF\xBD";  // of a character that has only begun

bool blank_first(std::string_view text) { return std::string_view(" \t\n").contains(text.front()); }

int check_kind(const TokenizerKind& kind, Differences& out) {
  const auto folder = kFolder / kind.folder;
  const test_support::TestFile file(test_support::TokenizerFile(folder).gguf(kind));
  const VocabOnly model(file);
  if (!model.vocab) return ADD_FAILURE() << kind.folder << " does not load", 0;
  const LlamaVocab vocab(model.vocab);
  const auto type = llama_vocab_type(model.vocab);
  const auto expected = json::parse(base::read_file(folder / "expected.json").value()).value();
  int compared = 0;
  const auto compare = [&](What what, bool equal, const std::string& name) {
    ++compared;
    if (!equal) out.add(kind.folder, what, name);
  };
  for (const Json& test : expected.at("cases").as_array()) {
    const std::string name = text(test.at("name"));
    const std::string input = text(test.at("text"));
    if (kind.folder == kT5 && !input.empty() && !blank_first(input)) {
      if (name == "sentence")
        EXPECT_NE(vocab.tokenize(input, false, true), ids(test.at("ids"))) << "t5 differs no longer: compare all of it";
      continue;
    }
    compare(What::kIds, vocab.tokenize(input, false, true) == ids(test.at("ids")), name);
    compare(What::kFramed, vocab.tokenize(input, true, true) == one_bos(ids(test.at("ids_special")), model.vocab),
            name);
    if (type == LLAMA_VOCAB_TYPE_WPM) continue;  // blanks are lost, and put back by guess
    compare(What::kDecoded, vocab.detokenize(ids(test.at("ids"))) == text(test.at("decoded")), name);
    if (type == LLAMA_VOCAB_TYPE_UGM) continue;  // characters are replaced
    const auto plain = vocab.tokenize(input, false, false);
    EXPECT_TRUE(std::ranges::none_of(plain, [&](auto token) { return llama_vocab_is_control(model.vocab, token); }))
        << kind.folder << "/" << name;
    compare(What::kRoundTrip, vocab.detokenize(plain) == kept(input, type), name);
  }
  if (type == LLAMA_VOCAB_TYPE_WPM || type == LLAMA_VOCAB_TYPE_UGM) return compared;
  for (const Json& test : expected.at("decode").as_array()) {
    const std::string name = "decode:" + fmt::format("{}", fmt::join(ids(test.at("ids")), ","));
    compare(What::kDecoded, base::to_valid_utf8(vocab.detokenize(ids(test.at("ids")))) == text(test.at("text")), name);
  }
  // Each beginning of an answer, as it is streamed: piece by piece.
  const auto& stream = expected.at("stream").as_object();
  const auto all = ids(stream.at("ids"));
  std::string so_far;
  for (std::size_t i = 0; i < all.size(); ++i) {
    so_far += vocab.piece(all[i], false);
    const std::string name = "stream:" + std::to_string(i);
    const domain::Tokens prefix(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    const std::string wanted = text(stream.at("prefixes").as_array()[i]);
    // There a run of bytes that is no text is lost whole.
    if (type == LLAMA_VOCAB_TYPE_SPM && wanted.ends_with(kBegun)) continue;
    compare(What::kDecoded, base::to_valid_utf8(vocab.detokenize(prefix)) == wanted, name);
    compare(What::kPieces, base::to_valid_utf8(so_far) == wanted, name);
  }
  return compared;
}

TEST(TokenizerFixtures, EachIsComparedOrNamedAsNotCarried) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "no fixtures in " << kFolder;
  auto expected = kNotCarried;
  for (const TokenizerKind& kind : kKinds) expected.insert(kind.folder);
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) found.insert(entry.path().filename().string());
  EXPECT_EQ(found, expected);
}

TEST(TokenizerFixtures, IdsAndTextsAreTheCheckpoints) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "no fixtures in " << kFolder;
  Differences differences;
  int compared = 0;
  for (const TokenizerKind& kind : kKinds) compared += check_kind(kind, differences);
  std::cout << compared << " comparisons over " << std::size(kKinds) << " tokenizers\n";
  EXPECT_GE(compared, 8800);
  differences.compare_with_known();
}

// Of any length, in the stack of a thread.
TEST(TokenizerFixtures, LongRuns) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "no fixtures in " << kFolder;
  for (const TokenizerKind& kind : kKinds) {
    const test_support::TestFile file(test_support::TokenizerFile(kFolder / kind.folder).gguf(kind));
    const VocabOnly model(file);
    const LlamaVocab vocab(model.vocab);
    if (llama_vocab_type(model.vocab) != LLAMA_VOCAB_TYPE_BPE) continue;
    std::string all;
    for (const std::string_view unit : {"a", " ", "=", "\n", "7", "\xC3\xA9", "/", "\t", "A"})
      for (int i = 0; i < 20'000; ++i) all += unit;
    const auto tokens = vocab.tokenize(all, false, false);
    EXPECT_EQ(vocab.detokenize(tokens), all) << kind.folder;
    auto framed = vocab.tokenize("", true, false);
    const auto at = static_cast<std::ptrdiff_t>(llama_vocab_get_add_bos(model.vocab) ? 1 : 0);
    framed.insert(framed.begin() + at, tokens.begin(), tokens.end());
    EXPECT_EQ(vocab.tokenize(all, true, false), framed) << kind.folder;
  }
}

}  // namespace
}  // namespace hearth::engine::llama
