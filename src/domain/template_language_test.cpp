#include "domain/template_language.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

TEST(TemplateLanguage, GoIsSeen) {
  for (const auto* text : {
           "{{ .Prompt }}",
           "{{.System}}",
           "{{- .System -}}",
           "{{- if .System }}x{{ end }}",
           "{{- range $i, $_ := .Messages }}",
           "{{range .Messages}}",
           "{{ $last := 1 }}",
           "{{ json .Tools }}",
           "{{ len .Messages }}",
           "{{ (index .Messages 0).Content }}",
           "{{ eq (len .Messages) 1 }}",
           "{{ not .Tools }}",
           "{{ \"a\" }}{{ . }}",
           "{{/* a comment */}}",
           "{{- /* a comment */ -}}",
           "{{ template \"x\" . }}",
           "{{ end }}",
           "<s>{{\n.Prompt\n}}",
           "{{ .Prompt",
       })
    EXPECT_TRUE(is_go_template(text)) << text;
}

TEST(TemplateLanguage, TheRestIsJinja) {
  for (const auto* text : {
           "",
           "plain",
           "{{ messages[0].content }}",
           "{{ messages | length }}",
           "{% if x %}{{ .5 }}{% endif %}",
           "{%- for message in messages %}{{ message.content }}{% endfor %}",
           "{{ .5 + x }}",
           "{{ iffy }}",
           "{{ 'a' ~ b.c }}",
           "{{ \" .System \" }}",
           "{{ a if b else c }}",
           "{{ not x }}",
           "{{ raise_exception('no $x') }}",
           "{{ bos_token }}{{ messages[-1]['content'] }}",
           "{# .Prompt #}{{ x }}",
           "{ .Prompt }",
           "{{",
           "{{}}",
       })
    EXPECT_FALSE(is_go_template(text)) << text;
}

}  // namespace
}  // namespace hearth::domain
