# xchat: what one types. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/xchat
# Shared by all checkouts, so that a clean one is not a cold build.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(CACHE)/tools/bin:$(PATH)
XTASK := cargo run --quiet --locked -p xtask --
BIN := $(CARGO_TARGET_DIR)/debug

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: setup
setup: ## Install what this machine lacks for everything below, saying what
	@infra/setup.sh build test check demo

.PHONY: build
build: setup-build ## Build server and client (cryptography optimised, the rest not)
	@cargo build --locked -p xchat-server -p xchat-cli

.PHONY: release
release: setup-build ## Build server and client as one would install them
	@cargo build --locked --release -p xchat-server -p xchat-cli
	@echo "built $(CARGO_TARGET_DIR)/release/xchat-server and $(CARGO_TARGET_DIR)/release/xchat"

.PHONY: run
run: build ## Start a server on this machine and say what to type in two other terminals
	@infra/run.sh $(BIN)

.PHONY: test
test: setup-test ## Run all tests
	@cargo test --locked --workspace --no-fail-fast 2>&1 | $(XTASK) test-summary

.PHONY: ci
ci: setup-check fmt-check lint check deny doc ## Everything that must pass before a change lands, tests last
	@$(MAKE) --no-print-directory test

.PHONY: fmt
fmt: setup-check ## Format Rust and proto files
	@cargo fmt --all
	@buf format --write proto

.PHONY: fmt-check
fmt-check: setup-check ## Say what is not formatted
	@cargo fmt --all --check
	@buf format --diff --exit-code proto

.PHONY: lint
lint: setup-check ## Clippy and buf lint, warnings denied
	@buf lint proto
	@cargo clippy --locked --workspace --all-targets --all-features -- -D warnings

.PHONY: check
check: setup-check ## Guards: file sizes, tiers, words, drift of generated docs, proto baseline
	@$(XTASK) check

.PHONY: docs
docs: setup-build ## Write the generated sections of the docs
	@$(XTASK) docs

.PHONY: deny
deny: setup-check ## Licences, bans and sources of dependencies
	@cargo deny --offline check --hide-inclusion-graph licenses bans sources

.PHONY: doc
doc: setup-build ## Build the API docs, broken links denied
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps

.PHONY: clean
clean: ## Delete what was built
	@cargo clean

.PHONY: setup-build setup-test setup-check
setup-build setup-test setup-check: setup-%:
	@infra/setup.sh $*
