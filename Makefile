# hearth: `make run` sets up, builds and starts; `make test` sets up, builds and tests. Everything else is below.
PREFIX ?= $(if $(filter 0,$(shell id -u)),/usr/local,$(HOME)/.local)
PRESET ?= release
BUILD = build/$(PRESET)

export CCACHE_BASEDIR = $(CURDIR)
export CCACHE_NOHASHDIR = 1

.PHONY: run build test test-fast functional tsan fuzz install format format-check layers tidy bench bench-peers bench-store ember clean

run: build
	$(BUILD)/bin/hearth serve

build: build/.setup-build
	@cmake --preset $(PRESET) >build/configure-$(PRESET).log 2>&1 || { tail -20 build/configure-$(PRESET).log; exit 1; }
	cmake --build --preset $(PRESET) $(BUILD_ARGS)

build/.setup-%: scripts/setup scripts/packages.txt scripts/deps.env scripts/llama $(wildcard scripts/llama-*.patch) scripts/xgrammar scripts/xgrammar.patch scripts/fetch
	scripts/setup $*
	@mkdir -p build && touch $@

test: build/.setup-dev
	scripts/test

test-fast: build/.setup-dev
	scripts/test --fast

functional: build build/.setup-dev
	scripts/functional

tsan: build/.setup-dev
	scripts/tsan

fuzz: build/.setup-dev
	scripts/fuzz

install: build
	cmake --install $(BUILD) --prefix "$(PREFIX)"

format: build/.setup-dev
	scripts/format

format-check:
	scripts/format --check

layers:
	scripts/check_layers

tidy: build/.setup-dev
	scripts/tidy --all

bench: build build/.setup-dev
	bench/run

# Needs the packages nginx-light and aria2, and the test clients (scripts/functional makes them).
bench-store: build
	bench/store
	bench/models

bench-peers: build/.setup-dev
	scripts/llama --plain llama-server llama-bench llama-batched-bench

ember:
	scripts/ember/make

clean:
	rm -rf build
