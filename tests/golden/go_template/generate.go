// Fills in cases.json what Go's own text/template makes of each template: go run generate.go. No test needs it.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"text/template"
)

type Case struct {
	Template string  `json:"template"`
	Output   *string `json:"output,omitempty"`
	Line     int     `json:"error_line,omitempty"`
}

type File struct {
	Data  any    `json:"data"`
	Cases []Case `json:"cases"`
}

var functions = template.FuncMap{
	"json":        func(v any) string { b, _ := json.Marshal(v); return string(b) },
	"currentDate": func(...string) string { return "2026-11-22" },
	"yesterday":   func(...string) string { return "2026-11-21" },
}

func run(source string, data any) (string, error) {
	parsed, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(source)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, data)
	return out.String(), err
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	text, err := os.ReadFile("cases.json")
	check(err)
	var file File
	check(json.Unmarshal(text, &file))
	line := regexp.MustCompile(`^template: [^:]*:(\d+)`)
	for i := range file.Cases {
		c := &file.Cases[i]
		c.Output, c.Line = nil, 0
		out, err := run(c.Template, file.Data)
		if err == nil {
			c.Output = &out
		} else if found := line.FindStringSubmatch(err.Error()); found != nil {
			c.Line, _ = strconv.Atoi(found[1])
		} else {
			panic(err)
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	check(encoder.Encode(file))
	check(os.WriteFile("cases.json", out.Bytes(), 0o644))
}
