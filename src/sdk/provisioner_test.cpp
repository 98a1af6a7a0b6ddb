#include "hearth/provisioner.hpp"

#include <atomic>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

#include "store/fetch/testing/file_server.hpp"
#include "store/gguf_test_file.hpp"
#include "store/test_folder.hpp"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using store::TestFolder;
using store::fetch::testing::FileServer;
using store::fetch::testing::Reply;
using store::fetch::testing::Seen;

const std::string kModel = store::testing::small_model().bytes();

class Provisioner : public ::testing::Test {
 protected:
  fs::path put(const std::string& file, std::string_view content = kModel) const {
    return folder_.touch("models/" + file, content);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& model : provisioner_.list_models().value()) out.push_back(model.name);
    return out;
  }
  using Names = std::vector<std::string>;

  TestFolder folder_;
  fs::path base_ = folder_.path() / "models";
  ModelProvisioner provisioner_{base_};
};

// Listing

TEST_F(Provisioner, ListsNothingWhereThereIsNothing) {
  EXPECT_EQ(names(), Names{});  // no folder
  fs::create_directories(base_);
  EXPECT_EQ(names(), Names{});  // an empty one
  fs::create_directories(base_ / "org/name");
  EXPECT_EQ(names(), Names{});
}

TEST_F(Provisioner, ListsOneModelWithItsPath) {
  const auto file = put("org/name/name.gguf");
  const auto models = provisioner_.list_models().value();
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0].name, "org/name");
  EXPECT_EQ(models[0].path, file);
  EXPECT_EQ(models[0].format, "gguf");
  EXPECT_EQ(models[0].size, kModel.size());
  EXPECT_EQ(models[0].task, "text-generation");
  EXPECT_EQ(models[0].quantization, "F32");
}

TEST_F(Provisioner, ListsSeveralModelsAndIgnoresOtherFiles) {
  put("b/two/two.gguf");
  put("a/one/one.gguf");
  put("flat/flat.gguf");
  put("loose.gguf");
  put("a/one/README.md", "text");
  put("a/one/config.json", "{}");
  put("a/one/one.gguf.partial", "half");
  put("a/one/.hidden.gguf");
  put("a/one/mmproj-one.gguf");
  put("notes/todo.txt", "text");
  EXPECT_EQ(names(), (Names{"a/one", "b/two", "flat", "loose"}));
}

TEST_F(Provisioner, ListsEveryFileOfAFolder) {
  put("org/name/name-Q8_0.gguf");
  put("org/name/name-Q4_K_M.gguf");
  put("org/name/name-Q2_K.gguf");
  EXPECT_EQ(names(), (Names{"org/name:q2_k", "org/name", "org/name:q8_0"}));  // by id, q4_k_m is what `org/name` means
}

TEST_F(Provisioner, ListsASplitModelOnce) {
  put("org/big/big-00001-of-00002.gguf");
  put("org/big/big-00002-of-00002.gguf");
  EXPECT_EQ(names(), Names{"org/big"});
}

TEST_F(Provisioner, ReadsTheHubsOwnLayout) {
  put("models--org--name/blobs/abc123", kModel);
  fs::create_directories(base_ / "models--org--name/snapshots/1234");
  fs::create_symlink("../../blobs/abc123", base_ / "models--org--name/snapshots/1234/name-Q8_0.gguf");
  put("models--org--name/refs/main", "1234");
  EXPECT_EQ(names(), Names{"org/name"});
  const auto info = provisioner_.get_model_info("org/name");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->file_count, 1U);
  EXPECT_EQ(info->total_size, kModel.size());
  EXPECT_TRUE(provisioner_.verify_model("org/name")->ok);
  ASSERT_TRUE(provisioner_.delete_model("org/name"));
  EXPECT_FALSE(fs::exists(base_ / "models--org--name/blobs/abc123"));
  EXPECT_EQ(names(), Names{});
}

std::string small_safetensors() {
  const std::string header = R"({"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}})";
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out.append(header).append(12, 'x');
}
constexpr std::string_view kGraph = R"(<net name="m" version="11"><layers><layer id="0" name="c" type="Const">
  <data element_type="f16" shape="2" offset="0" size="4"/></layer></layers></net>)";

TEST_F(Provisioner, KnowsOpenvinoAndSafetensorsModels) {
  put("org/ir/openvino_model.xml", kGraph);
  put("org/ir/openvino_model.bin", "1234");
  put("org/ir/openvino_tokenizer.xml", kGraph);
  put("org/ir/openvino_tokenizer.bin", "1234");
  put("org/ir/config.json", R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]})");
  put("org/st/model-00001-of-00002.safetensors", small_safetensors());
  put("org/st/model-00002-of-00002.safetensors", small_safetensors());
  put("org/both/name.gguf");
  put("org/both/model.safetensors", small_safetensors());
  EXPECT_EQ(names(), (Names{"org/both", "org/ir", "org/st"}));
  const auto ir = provisioner_.get_model_info("org/ir").value();
  EXPECT_EQ(ir.format, "openvino");
  EXPECT_EQ(ir.path, base_ / "org/ir/openvino_model.xml");
  EXPECT_EQ(ir.architecture, "qwen2");
  EXPECT_EQ(ir.file_count, 5U);
  EXPECT_EQ(ir.gguf_files.size(), 0U);
  const auto tensors = provisioner_.get_model_info("org/st").value();
  EXPECT_EQ(tensors.format, "safetensors");
  EXPECT_EQ(tensors.parameters, 12U);
  EXPECT_EQ(provisioner_.list_models()->at(0).format, "gguf");
  EXPECT_TRUE(provisioner_.verify_model("org/ir")->ok);
  EXPECT_TRUE(provisioner_.verify_model("org/st")->ok);
  put("org/ir/openvino_model.bin", "123");
  const auto cut = provisioner_.verify_model("org/ir").value();
  ASSERT_EQ(cut.problems.size(), 1U);
  EXPECT_EQ(cut.problems[0].file, base_ / "org/ir/openvino_model.bin");
  EXPECT_EQ(cut.problems[0].offset, 3U);
  fs::remove(base_ / "org/st/model-00002-of-00002.safetensors");
  EXPECT_FALSE(provisioner_.verify_model("org/st")->ok);
  ASSERT_TRUE(provisioner_.delete_model("org/ir"));
  EXPECT_FALSE(fs::exists(base_ / "org/ir"));
}

// Finding

TEST_F(Provisioner, FindsByNameInAnyCase) {
  const auto file = put("Org/Name/name-Q4_K_M.gguf");
  for (const auto* reference :
       {"Org/Name", "org/name", "ORG/NAME", "org/name:q4_k_m", "org/name:Q4_K_M", "org/name:latest"})
    EXPECT_EQ(provisioner_.find_local_model(reference).value(), file) << reference;
}

TEST_F(Provisioner, FindsTheFirstOfSeveralByPreference) {
  put("org/name/name-Q2_K.gguf");
  const auto preferred = put("org/name/name-Q4_K_M.gguf");
  put("org/name/name-Q8_0.gguf");
  EXPECT_EQ(provisioner_.find_local_model("org/name").value(), preferred);
}

TEST_F(Provisioner, DoesNotFindWhatIsNotThere) {
  EXPECT_EQ(provisioner_.find_local_model("org/name").error().code, ErrorCode::kModelNotFound);
  fs::create_directories(base_ / "org/name");
  EXPECT_EQ(provisioner_.find_local_model("org/name").error().code, ErrorCode::kModelNotFound);
  put("org/name/name.gguf");
  EXPECT_EQ(provisioner_.find_local_model("org/name:q8_0").error().code, ErrorCode::kModelNotFound);
  EXPECT_EQ(provisioner_.find_local_model("../name").error().code, ErrorCode::kInvalidRequest);
  EXPECT_THROW((void)provisioner_.find_local_model("org/other").value(), ModelNotFoundError);
}

// Size

TEST_F(Provisioner, TellsTheSizeOfAFile) {
  EXPECT_EQ(provisioner_.get_model_size(put("a.gguf")).value(), kModel.size());
  EXPECT_EQ(provisioner_.get_model_size(put("b.gguf", std::string(1 << 20, 'x'))).value(), 1U << 20);
  EXPECT_EQ(provisioner_.get_model_size(put("c.gguf", "")).value(), 0U);
  EXPECT_EQ(provisioner_.get_model_size(base_ / "absent.gguf").error().code, ErrorCode::kIo);
}

// Deleting

TEST_F(Provisioner, DeletesAModel) {
  put("org/name/name.gguf");
  put("org/other/other.gguf");
  ASSERT_TRUE(provisioner_.delete_model("ORG/name"));
  EXPECT_EQ(names(), Names{"org/other"});
  EXPECT_FALSE(fs::exists(base_ / "org/name"));
  EXPECT_EQ(provisioner_.delete_model("org/name").error().code, ErrorCode::kModelNotFound);
}

TEST_F(Provisioner, DeletesAllFilesOrTheOneThatIsNamed) {
  for (const auto* file : {"name-Q2_K.gguf", "name-Q4_K_M.gguf", "name-Q8_0.gguf"})
    put("org/name/" + std::string(file));
  put("org/name/config.json", "{}");
  ASSERT_TRUE(provisioner_.delete_model("org/name:q8_0"));
  EXPECT_EQ(names(), (Names{"org/name:q2_k", "org/name"}));
  ASSERT_TRUE(provisioner_.delete_model("org/name"));
  EXPECT_EQ(names(), Names{});
}

TEST_F(Provisioner, DeletesWhatWasNeverFinished) {
  put("org/name/name.gguf.partial", "half");
  put("org/name/name.gguf.partial.json", "{}");
  ASSERT_TRUE(provisioner_.delete_model("org/name"));
  EXPECT_FALSE(fs::exists(base_ / "org/name"));
  put("notes/todo.txt", "mine");
  EXPECT_FALSE(provisioner_.delete_model("notes"));
  EXPECT_TRUE(fs::exists(base_ / "notes/todo.txt"));
}

// Info

TEST_F(Provisioner, DescribesAModel) {
  const auto file = put("org/name/name.gguf");
  put("org/name/config.json", "{}");
  const auto info = provisioner_.get_model_info("org/name");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->reference, "org/name");
  EXPECT_EQ(info->model_dir, base_ / "org/name");
  EXPECT_EQ(info->total_size, kModel.size() + 2);
  EXPECT_EQ(info->file_count, 2U);
  EXPECT_EQ(info->gguf_files, std::vector{file});
  EXPECT_EQ(info->architecture, "llama");
  EXPECT_EQ(info->context_length, 2048);
  EXPECT_EQ(info->parameters, 48U);
  EXPECT_EQ(info->capabilities.front(), "chat");
  EXPECT_EQ(provisioner_.get_model_info("org/absent").error().code, ErrorCode::kModelNotFound);
}

TEST_F(Provisioner, DescribesAModelOfSeveralFiles) {
  put("org/name/name-Q8_0.gguf");
  put("org/name/name-Q4_K_M.gguf");
  const auto info = provisioner_.get_model_info("org/name").value();
  EXPECT_EQ(info.gguf_files.size(), 2U);
  EXPECT_EQ(info.file_count, 2U);
  EXPECT_EQ(info.total_size, 2 * kModel.size());
}

// Verifying

TEST_F(Provisioner, VerifiesStructure) {
  put("org/name/name-Q8_0.gguf");
  put("org/name/name-Q4_K_M.gguf");
  EXPECT_TRUE(provisioner_.verify_model("org/name").value().ok);
  put("org/name/name-Q8_0.gguf", kModel.substr(0, kModel.size() - 1));
  const auto all = provisioner_.verify_models().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_TRUE(all[0].ok);
  EXPECT_FALSE(all[1].ok);
  EXPECT_EQ(all[1].reference, "org/name:q8_0");
  EXPECT_EQ(all[1].problems[0].file, base_ / "org/name/name-Q8_0.gguf");
  EXPECT_EQ(all[1].problems[0].offset, kModel.size() - 1);
}

TEST_F(Provisioner, VerifyRefusesWhatIsNoModel) {
  put("org/empty/name.gguf", "");
  EXPECT_FALSE(provisioner_.verify_model("org/empty").value().ok);
  put("org/other/readme.txt", "text");
  const auto none = provisioner_.verify_model("org/other");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("no .gguf"), std::string::npos) << none.error().message;
  EXPECT_EQ(provisioner_.verify_model("org/absent").error().code, ErrorCode::kModelNotFound);
}

// Disk usage

TEST_F(Provisioner, AddsUpTheDisk) {
  EXPECT_EQ(provisioner_.get_total_disk_usage().value(), 0U);  // no folder
  fs::create_directories(base_);
  EXPECT_EQ(provisioner_.get_total_disk_usage().value(), 0U);
  put("a/one/one.gguf");
  EXPECT_EQ(provisioner_.get_total_disk_usage().value(), kModel.size());
  put("b/two/two.gguf.partial", "1234");
  EXPECT_EQ(provisioner_.get_total_disk_usage().value(), kModel.size() + 4);
}

// Names

TEST_F(Provisioner, TakesNamesFromFolders) {
  const std::map<std::string, std::string> cases{
      {"org/name/anything.gguf", "org/name"},
      {"flat/anything.gguf", "flat"},
      {"Loose-7B-Q4_K_M.gguf", "Loose-7B"},
      {"org/deep/Q8_0/deep-Q8_0.gguf", "org/deep"},
      {"two words/My Model (final).gguf", "two words"},
      {"größe/模型/模型.gguf", "größe/模型"},
      {"models--o--n/snapshots/1/x.gguf", "o/n"},
  };
  for (const auto& [file, name] : cases) {
    put(file);
    EXPECT_EQ(names(), Names{name}) << file;
    EXPECT_EQ(provisioner_.find_local_model(name).value(), base_ / file);
    EXPECT_TRUE(provisioner_.verify_model(name)->ok);
    ASSERT_TRUE(provisioner_.delete_model(name)) << name;
    EXPECT_EQ(names(), Names{}) << file;
  }
}

// Hard cases

TEST_F(Provisioner, PassesOverDanglingLinks) {
  fs::create_directories(base_ / "org/name");
  fs::create_symlink(base_ / "nowhere.gguf", base_ / "org/name/name.gguf");
  fs::create_directory_symlink(base_, base_ / "org/loop");
  EXPECT_EQ(names(), Names{});
  put("org/name/real.gguf");
  EXPECT_EQ(names(), Names{"org/name"});
}

TEST_F(Provisioner, SaysThatAFolderCannotBeWritten) {
  if (::geteuid() == 0) GTEST_SKIP() << "root writes everywhere";
  put("org/name/name.gguf");
  fs::permissions(base_ / "org/name", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(names(), Names{"org/name"});
  EXPECT_EQ(provisioner_.delete_model("org/name").error().code, ErrorCode::kIo);
  fs::permissions(base_ / "org/name", fs::perms::owner_all);
}

TEST_F(Provisioner, KnowsTenThousandModels) {
  constexpr int kMany = 10'000;
  for (int i = 0; i < kMany; ++i) {
    const auto folder = base_ / ("m" + std::to_string(i));
    fs::create_directories(folder);
    std::ofstream(folder / "m.gguf") << kModel;
  }
  EXPECT_EQ(provisioner_.list_models().value().size(), std::size_t{kMany});
  EXPECT_EQ(provisioner_.find_local_model("M9999").value(), base_ / "m9999/m.gguf");
}

// Catalogue and sources

TEST_F(Provisioner, KnowsTheCatalogue) {
  const auto found = provisioner_.search("tinyllama").value();
  ASSERT_FALSE(found.empty());
  EXPECT_FALSE(found[0].repo.empty());
  EXPECT_FALSE(found[0].tags.empty());
  EXPECT_GT(provisioner_.catalog()->size(), 80U);
  EXPECT_EQ(provisioner_.search("no such model anywhere")->size(), 0U);
}

TEST_F(Provisioner, LivesAWholeLife) {
  std::atomic<bool> changed = false;
  const FileServer server([&](const Seen& seen) -> Reply {
    if (!seen.path.ends_with("/tiny.gguf")) return {.status = 404};
    return {.headers = {changed ? "etag: \"2\"" : "etag: \"1\""}, .content = kModel};
  });
  const std::string reference = server.url("/x/tiny.gguf");
  std::vector<std::string> phases;
  DownloadOptions options;
  options.on_progress = [&](const DownloadProgress& progress) {
    if (phases.empty() || phases.back() != progress.phase) phases.push_back(progress.phase);
  };
  const auto first = provisioner_.download_model(reference, "", options);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->up_to_date);
  EXPECT_EQ(first->size, kModel.size());  // as the server says
  EXPECT_EQ(phases.front(), "resolving");
  EXPECT_EQ(phases.back(), "downloading");
  EXPECT_EQ(names(), Names{first->name});
  EXPECT_TRUE(provisioner_.download_model_async(reference).get().value().up_to_date);
  EXPECT_EQ(provisioner_.get_model_info(first->name)->source, reference);
  EXPECT_TRUE(provisioner_.verify_model_async(first->name).get().value().ok);
  EXPECT_EQ(provisioner_.check_updates_async().get().value().at(0).files.size(), 0U);
  changed = true;
  EXPECT_EQ(provisioner_.check_updates().value().at(0).files, Names{"tiny.gguf"}) << "its ETag is another one";
  EXPECT_FALSE(provisioner_.download_model(reference).value().up_to_date);
  EXPECT_EQ(provisioner_.check_updates().value().at(0).files.size(), 0U);
  ASSERT_TRUE(provisioner_.delete_model(first->name));
  EXPECT_EQ(names(), Names{});
  EXPECT_EQ(provisioner_.download_model(server.url("/absent.gguf")).error().code, ErrorCode::kModelNotFound);
  EXPECT_EQ(provisioner_.download_model("x", "nobody").error().code, ErrorCode::kInvalidRequest);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(provisioner_.download_model(reference, "", {.on_progress = {}, .stop = stop.get_token()}).error().code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace hearth
