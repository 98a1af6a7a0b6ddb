#include "chat/go/template.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "chat/go/numbers.hpp"

namespace hearth::chat::go {
namespace {

// Noon of 22 November 2026, wherever this runs.
std::chrono::system_clock::time_point noon() {
  std::tm parts{};
  parts.tm_year = 126;
  parts.tm_mon = 10;
  parts.tm_mday = 22;
  parts.tm_hour = 12;
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

Result<std::string> run(const std::string& source, const Value& data, const Limits& limits = {}) {
  HEARTH_TRY(const auto parsed, Template::parse(source));
  Budget budget(limits, noon());
  std::string out;
  HEARTH_CHECK(parsed.render(data, budget, out));
  return out;
}

std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

// cases.json says what Go makes of each template (generate.go beside it wrote that).
TEST(GoTemplate, DoesAsGoDoes) {
  const auto text = base::read_file(HEARTH_SOURCE_DIR "/tests/golden/go_template/cases.json");
  ASSERT_TRUE(text);
  const auto file = json::parse(*text).value();
  const Value data = Value::of_json(file.at("data"));
  int outputs = 0;
  int errors = 0;
  for (const auto& entry : file.at("cases").as_array()) {
    const auto& test = entry.as_object();
    const std::string source(test.at("template").as_string());
    const auto result = run(source, data);
    if (test.contains("output")) {
      ++outputs;
      EXPECT_TRUE(result) << source << "\n  " << (result ? "" : result.error().message);
      if (result) EXPECT_EQ(*result, test.at("output").as_string()) << source;
    } else {
      ++errors;
      EXPECT_FALSE(result) << source << "\n  gave " << result.value_or("");
      if (result) continue;
      const auto line = fmt::format("line {}: ", test.at("error_line").as_int64());
      EXPECT_TRUE(result.error().message.starts_with(line)) << source << "\n  " << result.error().message;
      EXPECT_EQ(result.error().code, ErrorCode::kInvalidRequest);
    }
  }
  EXPECT_GE(outputs, 190);
  EXPECT_GE(errors, 120);
}

TEST(GoTemplate, SaysWhatIsWrongWhere) {
  struct {
    const char* source;
    const char* message;
  } const cases[] = {
      {"a\nb {{ foo }}", "line 2: function 'foo' not defined"},
      {"{{ if .x }}\n\n", "line 1: {{if}} has no {{end}}"},
      {"a\n{{ end }}", "line 2: unexpected {{end}}"},
      {"{{ if }}{{ end }}", "line 1: missing value for if"},
      {"\n\n{{ .x", "line 3: the action is not closed"},
      {"{{ $x }}", "line 1: undefined variable '$x'"},
      {"{{ (len .x }}", "line 1: the parenthesis is not closed"},
      {"{{ break }}", "line 1: {{break}} outside of range"},
      {"\n{{ len .Yes }}", "line 2: len: a bool has no length"},
      {"{{ eq .Yes 1 }}", "line 1: eq: a bool cannot be compared with a int"},
      {"{{ .Message.Rol }}", "line 1: a message has no field 'Rol'"},
      {"{{ .Gone.Rol }}", "line 1: a nil has no field 'Rol'"},
      {"{{ printf \"%d\" \"x\" }}", "line 1: printf: %d is not for a string"},
      {"{{ printf \"%s\" }}", "line 1: printf: there are more verbs than values"},
      {"{{ printf \"a\" 1 }}", "line 1: printf: there are more values than verbs"},
      {"{{ template \"x\" }}", "line 1: template 'x' not defined"},
      {"{{ not 1 2 }}", "line 1: not takes 1 arguments, not 2"},
  };
  const auto message = Value::record({.type = "message", .fields = {{.name = "Role", .value = Value("user")}}});
  const auto data = Value::map({{"Yes", Value(true)}, {"Message", message}});
  for (const auto& c : cases) {
    const auto result = run(c.source, data);
    ASSERT_FALSE(result) << c.source;
    EXPECT_EQ(result.error().message, c.message);
  }
}

TEST(GoTemplate, IsBounded) {
  const auto data = Value::map({{"Text", Value(std::string(100'000, 'x'))}});
  struct {
    std::string source;
    const char* message;
  } const cases[] = {
      {"{{ range 1000000000 }}{{ end }}", "too many steps"},
      {"{{ range 10000000 }}{{ if eq $.Text $.Text }}{{ end }}{{ end }}", "too many steps"},
      {"{{ range 1000000 }}{{ $.Text }}{{ end }}", "too much text"},
      {"{{ $x := \"ab\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}", "too much text"},
      {"{{ $x := \"ab\" }}{{ range 100 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}", "too much text"},
      {"{{ $x := \"<\" }}{{ range 100 }}{{ $x = html $x $x }}{{ end }}", "too much text"},
      {"{{ $x := \"<\" }}{{ range 100 }}{{ $x = urlquery $x $x }}{{ end }}", "too much text"},
      {"{{ $x := \"<\" }}{{ range 100 }}{{ $x = json $x }}{{ end }}", "too much text"},
      {"{{ printf \"%1000000000d\" 1 }}", "width"},
      {"{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}", "too deeply"},
      {repeat("{{ if true }}", 10'000), "nested too deeply"},
      {"{{ " + repeat("(", 10'000), "nested too deeply"},
      {repeat("{{ range 1000 }}", 50) + "x" + repeat("{{ end }}", 50), "too many steps"},
      {repeat("a", 2 << 20), "longer than"},
      {repeat("{{ $a := 1 }}", 1000), "more than 1000 variables"},
      {repeat("{{ range $a, $b := . }}", 90) + repeat("{{ $a := 1 }}", 820) + repeat("{{ end }}", 90),
       "more than 1000 variables"},
      {"{{ $x := 1 }}" + repeat("{{ $a := 1 }}", 900) + "{{ range 200000 }}{{ $x }}{{ end }}", "too many steps"},
      {"{{ $x := 1 }}" + repeat("{{ $a := 1 }}", 900) + "{{ range 200000 }}{{ $x = 2 }}{{ end }}", "too many steps"},
  };
  for (const auto& c : cases) {
    const auto result = run(c.source, data, {.steps = 1'000'000, .bytes = 8 << 20});
    ASSERT_FALSE(result) << c.source.substr(0, 100);
    EXPECT_NE(result.error().message.find(c.message), std::string::npos) << result.error().message;
  }
  EXPECT_EQ(run(repeat("{{ if true }}", 95) + "x" + repeat("{{ end }}", 95), data).value_or(""), "x");
  EXPECT_EQ(run(repeat("{{ range 1 }}", 95) + "x" + repeat("{{ end }}", 95), data).value_or(""), "x");
  EXPECT_EQ(run(repeat("{{ $a := 1 }}", 900) + "{{ $a }}" + repeat("{{ if true }}{{ $b := 2 }}{{ end }}", 200), data)
                .value_or(""),
            "1");
  EXPECT_EQ(run("{{ if false }}" + repeat("{{ else if false }}", 1000) + "{{ else }}x{{ end }}", data).value_or(""),
            "x");
}

TEST(GoTemplate, RecordsAndTheirJson) {
  RecordData call{.type = "call",
                  .fields = {{.name = "Name", .json = "name", .value = Value("f")},
                             {.name = "Id", .json = "id", .omit_empty = true, .value = Value("")},
                             {.name = "Hidden", .json = "", .value = Value("h")},
                             {.name = "", .json = "extra", .value = Value(1.0)}},
                  .prints_json = true};
  const auto plain = Value::record({.type = "plain", .fields = {{.name = "A", .json = "a", .value = Value("x")}}});
  const auto data = Value::map({{"Call", Value::record(call)},
                                {"Plain", plain},
                                {"Calls", Value::list({Value::record(call)}, true)},
                                {"Arguments", Value::map({{"b", Value(2.0)}, {"a", Value("<")}}, true)}});
  EXPECT_EQ(run("{{ .Call }} {{ .Call.Hidden }}", data).value_or(""), R"({"name":"f","extra":1} h)");
  EXPECT_EQ(run("{{ .Plain }} {{ json .Plain }}", data).value_or(""), R"({x} {"a":"x"})");
  EXPECT_EQ(run("{{ .Calls }} {{ slice .Calls 1 }}", data).value_or(""), R"([{"name":"f","extra":1}] [])");
  EXPECT_EQ(run("{{ .Arguments }}{{ range $k, $v := .Arguments }} {{ $k }}={{ $v }}{{ end }}", data).value_or(""),
            R"({"a":"\u003c","b":2} a=< b=2)");
}

TEST(GoTemplate, TypescriptTypes) {
  const auto property = [](Value type, std::vector<Value> any_of = {}) {
    return Value::record({.type = "property",
                          .fields = {{.name = "Type", .json = "type", .value = std::move(type)},
                                     {.name = "AnyOf", .json = "anyOf", .value = Value::list(std::move(any_of))}}});
  };
  const auto shown = [&](const Value& value) {
    return run("{{ .P | toTypeScriptType }}", Value::map({{"P", value}})).value_or("error");
  };
  for (const auto& [type, expected] : {std::pair("string", "string"),
                                       {"integer", "number"},
                                       {"number", "number"},
                                       {"boolean", "boolean"},
                                       {"array", "any[]"},
                                       {"object", "Record<string, any>"},
                                       {"null", "null"},
                                       {"other", "any"}})
    EXPECT_EQ(shown(property(Value(type))), expected);
  EXPECT_EQ(shown(property(Value::list({Value("string"), Value("null")}))), "string | null");
  EXPECT_EQ(shown(property(Value(), {property(Value("integer")), property(Value("array"))})), "number | any[]");
  EXPECT_EQ(shown(property(Value())), "any");
  EXPECT_EQ(shown(Value(1.0)), "any");
}

TEST(GoTemplate, RendersUpToTheResponse) {
  const auto data = Value::map({{"Prompt", Value("p")}, {"Response", Value("r")}});
  struct {
    const char* source;
    const char* whole;
    const char* cut;
  } const cases[] = {
      {"<{{ .Prompt }}>{{ .Response }}</s>", "<p>r</s>", "<p>r"},
      {"<{{ .Prompt }}>{{ if .Response }}[{{ .Response }}]{{ else }}none{{ end }}{{ .Prompt }}", "<p>[r]p", "<p>[r"},
      {"{{ $.Response }}x", "rx", "r"},
      {"{{ printf \"%s.\" (print .Response) }}x", "r.x", "r."},
      {"{{ if .Response }}y{{ end }}x", "yx", "yx"},
      {"{{ template \"p\" . }}{{ .Response }}x{{ define \"p\" }}({{ .Prompt }}){{ end }}", "(p)rx", "(p)r"},
  };
  for (const auto& c : cases) {
    const auto parsed = Template::parse(c.source);
    ASSERT_TRUE(parsed) << parsed.error().message;
    for (const bool cut : {false, true}) {
      Budget budget({}, noon());
      std::string out;
      EXPECT_TRUE(parsed->render(data, budget, out, cut));
      EXPECT_EQ(out, cut ? c.cut : c.whole) << c.source;
    }
  }
  auto bare = Template::parse("<{{ .Prompt }}>");
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->mentions("response"));
  bare->append_response();
  EXPECT_TRUE(bare->mentions("response"));
  Budget budget({}, noon());
  std::string out;
  EXPECT_TRUE(bare->render(data, budget, out, true));
  EXPECT_EQ(out, "<p>r");
}

TEST(GoTemplate, KnowsWhatItMentions) {
  const auto parsed = Template::parse(
      "{{ range .Messages }}{{ if (and .A $.Tools) }}{{ end }}{{ else }}{{ .E }}{{ end }}{{ define \"d\" }}{{ .D.Deep "
      "}}{{ end }}Text");
  ASSERT_TRUE(parsed);
  for (const auto* name : {"messages", "Tools", "a", "e", "deep", "D"}) EXPECT_TRUE(parsed->mentions(name)) << name;
  for (const auto* name : {"Text", "range", "Tool", "response"}) EXPECT_FALSE(parsed->mentions(name)) << name;
}

TEST(GoTemplate, ParsingAnythingIsSafe) {
  const std::string whole =
      "{{- if .A -}}{{ range $i, $e := .B }}{{ printf \"%d\" $i | len }}{{ else }}{{ (index .C 0).D }}{{ end }}{{/* c "
      "*/}}{{ end }}"
      "{{ define \"x\" }}{{ template \"y\" `r` }}{{ end }}{{ $v := 'a' }}{{ $v }}";
  ASSERT_TRUE(Template::parse(whole));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    (void)Template::parse(whole.substr(0, i));
    (void)Template::parse(whole.substr(i));
    for (const char c : {'{', '}', '"', '(', '$', '.', '|', '\0', '\xFF', '\n'}) {
      auto bent = whole;
      bent[i] = c;
      (void)run(bent, Value::map({}), {.steps = 10'000, .bytes = 10'000});
    }
  }
}

}  // namespace
}  // namespace hearth::chat::go
