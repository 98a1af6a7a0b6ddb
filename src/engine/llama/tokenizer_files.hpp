#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "engine/llama/llama_test_files.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

// GGUF files with nothing but a tokenizer, written of a checkpoint's tokenizer.json as llama.cpp's converter does.
namespace hearth::engine::llama::test_support {

// Of a checkpoint's folder: `model` and `pre` are GGUF's names for the algorithm and for how a text is cut into words.
struct TokenizerKind {
  const char* folder;
  const char* model;
  const char* pre;
};

class TokenizerFile {
 public:
  explicit TokenizerFile(const std::filesystem::path& folder)
      : root_(json::parse(base::read_file(folder / "tokenizer.json").value()).value()) {}

  [[nodiscard]] GgufFile gguf(const TokenizerKind& kind) {
    const std::string_view model = kind.model;
    read_tokens(model);
    GgufFile out;
    // What a file must have of the model, too: vocabularies alone need little of it.
    out.text("general.architecture", "llama").number("llama.block_count", 1).number("llama.context_length", 512);
    out.number("llama.embedding_length", 32).number("llama.attention.head_count", 1);
    out.real("llama.attention.layer_norm_rms_epsilon", 1e-6F).number("llama.feed_forward_length", 32);
    out.text("tokenizer.ggml.model", kind.model).text("tokenizer.ggml.pre", kind.pre);
    out.texts("tokenizer.ggml.tokens", tokens_).numbers("tokenizer.ggml.token_type", types_);
    if (model == "gpt2") out.texts("tokenizer.ggml.merges", merges());
    if (model == "llama" || model == "t5") {
      out.reals("tokenizer.ggml.scores", scores_);
      out.flag("tokenizer.ggml.add_space_prefix", adds_space());
    }
    if (model == "t5") charsmap(out);
    if (model == "bert") out.flag("tokenizer.ggml.normalizer.lowercase", part("normalizer").at("lowercase").as_bool());
    specials(out, model);
    return out;
  }

 private:
  enum Type : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  using Json = json::Value;

  [[nodiscard]] const boost::json::object& part(const char* name) const { return root_.at(name).as_object(); }
  [[nodiscard]] const boost::json::object& model() const { return part("model"); }
  static std::string str(const Json& value) { return std::string(value.as_string()); }

  void put(std::size_t id, std::string token, Type type, float score) {
    if (tokens_.size() <= id) {
      for (std::size_t i = tokens_.size(); i <= id; ++i) tokens_.push_back("[PAD" + std::to_string(i) + "]");
      types_.resize(id + 1, kUnused);
      scores_.resize(id + 1, 0);
    }
    tokens_[id] = std::move(token);
    types_[id] = type;
    scores_[id] = score;
  }

  // Bytes have tokens of their own where the algorithm falls back to them.
  static bool is_byte(const std::string& token) {
    return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">");
  }

  // WordPiece: what begins a word is marked instead of what continues it.
  static std::string piece(const std::string& token, std::string_view model, bool added) {
    if (model != "bert" || added) return token;
    return token.starts_with("##") ? token.substr(2) : "\xE2\x96\x81" + token;
  }

  void read_tokens(std::string_view model_name) {
    std::map<std::string, const boost::json::object*> added;
    for (const Json& token : root_.at("added_tokens").as_array()) added[str(token.at("content"))] = &token.as_object();
    const Json& vocab = model().at("vocab");
    const auto add = [&](const std::string& token, std::size_t id, float score) {
      const bool byte = model_name == "llama" && is_byte(token);
      put(id, piece(token, model_name, added.contains(token)), byte ? kByte : kNormal, score);
    };
    if (vocab.is_object()) {
      for (const auto& [token, id] : vocab.as_object()) {
        const auto place = json_id(id);
        add(std::string(token), place, -static_cast<float>(place));  // sentencepiece gives ids in order of its merges
      }
    } else {
      std::size_t id = 0;
      for (const Json& entry : vocab.as_array())
        add(str(entry.at(0)), id++, static_cast<float>(entry.at(1).as_double()));
    }
    for (const auto& [token, entry] : added) {
      const bool special = entry->at("special").as_bool();
      const auto id = json_id(entry->at("id"));
      put(id, special || model_name == "bert" ? token : spaced(token), special ? kControl : kUserDefined,
          id < scores_.size() ? scores_[id] : 0);
    }
    if (const Json* unknown = model().if_contains("unk_token"); unknown != nullptr && unknown->is_string())
      mark_unknown(str(*unknown));
    if (const Json* unknown = model().if_contains("unk_id"); unknown != nullptr && unknown->is_int64())
      mark_unknown(tokens_[json_id(*unknown)]);
  }
  static std::size_t json_id(const Json& value) { return static_cast<std::size_t>(value.as_int64()); }

  // Tokens that are added to a vocabulary are texts as they stand, blanks included.
  static std::string spaced(std::string token) {
    constexpr std::string_view kMark = "\xE2\x96\x81";
    for (auto at = token.find(kMark); at != std::string::npos; at = token.find(kMark, at))
      token.replace(at, kMark.size(), " ");
    return token;
  }

  void mark_unknown(const std::string& token) {
    const auto found = std::ranges::find(tokens_, token);
    if (found == tokens_.end()) return;
    unknown_ = static_cast<std::int32_t>(found - tokens_.begin());
    types_[static_cast<std::size_t>(unknown_)] = kUnknown;
  }

  [[nodiscard]] std::vector<std::string> merges() const {
    std::vector<std::string> out;
    for (const Json& merge : model().at("merges").as_array())
      out.push_back(merge.is_string() ? str(merge) : str(merge.at(0)) + " " + str(merge.at(1)));
    return out;
  }

  // Whether a blank is put before the text.
  [[nodiscard]] bool adds_space() const {
    const std::string text = json::to_text(root_.at("normalizer")) + json::to_text(root_.at("pre_tokenizer"));
    return text.contains(R"("Prepend")") || text.contains(R"("prepend_scheme":"always")") ||
           text.contains(R"("prepend_scheme":"first")");
  }

  // How characters are replaced before anything else.
  void charsmap(GgufFile& out) const {
    const std::string all = json::to_text(root_.at("normalizer"));
    out.flag("tokenizer.ggml.remove_extra_whitespaces", all.contains(" {2,}"));
    constexpr std::string_view kKey = R"("precompiled_charsmap":")";
    const auto begin = all.find(kKey);
    if (begin == std::string::npos) return;
    const auto from = begin + kKey.size();
    const auto bytes = base::base64_decode(std::string_view(all).substr(from, all.find('"', from) - from)).value();
    out.bytes("tokenizer.ggml.precompiled_charsmap", {bytes.begin(), bytes.end()});
  }
  [[nodiscard]] std::int32_t id_of(const std::string& token) const {
    const auto found = std::ranges::find(tokens_, token);
    return found == tokens_.end() ? -1 : static_cast<std::int32_t>(found - tokens_.begin());
  }

  // What the post-processor puts before and after a text.
  struct Frame {
    std::int32_t before = -1;
    std::int32_t after = -1;
  };
  [[nodiscard]] Frame frame(const Json& processor) const {
    Frame out;
    if (!processor.is_object()) return out;
    const std::string type = str(processor.at("type"));
    if (type == "Sequence") {
      for (const Json& each : processor.at("processors").as_array()) {
        const Frame found = frame(each);
        if (found.before >= 0) out.before = found.before;
        if (found.after >= 0) out.after = found.after;
      }
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
      out = {.before = id_of(str(processor.at("cls").at(0))), .after = id_of(str(processor.at("sep").at(0)))};
    } else if (type == "TemplateProcessing") {
      const auto& single = processor.at("single").as_array();
      const auto special = [&](const Json& item) {
        const auto* token = item.as_object().if_contains("SpecialToken");
        return token == nullptr ? -1 : id_of(str(token->at("id")));
      };
      out = {.before = special(single.front()), .after = special(single.back())};
    }
    return out;
  }

  void specials(GgufFile& out, std::string_view model_name) const {
    const Frame around = frame(root_.at("post_processor"));
    const auto number = [&](const char* key, std::int32_t id) {
      if (id >= 0) out.number(key, static_cast<std::uint32_t>(id));
    };
    number("tokenizer.ggml.bos_token_id", around.before);
    number(model_name == "bert" ? "tokenizer.ggml.seperator_token_id" : "tokenizer.ggml.eos_token_id", around.after);
    number("tokenizer.ggml.unknown_token_id", unknown_);
    out.flag("tokenizer.ggml.add_bos_token", around.before >= 0);
    if (model_name != "bert") out.flag("tokenizer.ggml.add_eos_token", around.after >= 0);
  }

  json::Value root_;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> types_;
  std::vector<float> scores_;
  std::int32_t unknown_ = -1;
};

}  // namespace hearth::engine::llama::test_support
