# xchat: what one types. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/xchat
# Shared by all checkouts, so that a clean one is not a cold build.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(CACHE)/tools/bin:$(PATH)
BIN := $(abspath $(CARGO_TARGET_DIR))/debug
XTASK := cargo run --quiet --locked -p xtask --

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

.PHONY: setup
setup: ## Install what this machine lacks for everything below, saying what
	@infra/setup.sh build test check demo
	@echo "setup: all is there"

# Use

.PHONY: run
run: build ## Start a server here and print what to type in two other terminals; DATA=FOLDER for its data
	@echo "run: this is a dev build, with optimised cryptography; make release builds a fast one"
	@exec infra/run.sh $(BIN) $(if $(DATA),'$(abspath $(DATA))')

.PHONY: build
build: setup-build ## Build server and client
	@cargo build --locked -p xchat-server -p xchat-cli

.PHONY: release
release: setup-build ## Build server and client as one would install them
	@cargo build --locked --release -p xchat-server -p xchat-cli
	@echo "built $(abspath $(CARGO_TARGET_DIR))/release/xchat-server and xchat beside it"

# Before a change lands

.PHONY: test
test: setup-test ## Run all tests; the last line sums them
	@cargo build --quiet --locked -p xtask
	@cargo test --locked --workspace --no-fail-fast 2>&1 | $(BIN)/xtask test-summary

.PHONY: test-engines
test-engines: setup-stack ## Run the adapters' contract suites on one node of Kafka, Cassandra and Redis
	@XCHAT_TEST_REQUIRE=kafka,scylla,redis infra/stack/with.sh kafka cassandra redis -- \
		cargo test --locked -p xchat-adapter-kafka -p xchat-adapter-scylla -p xchat-adapter-redis

.PHONY: test-faults
test-faults: setup-fleet ## Faults under load, every record checked: 200 kills of one process, all of a fleet and its engines; 40 minutes
	@cargo test --locked -p xchat-integration-tests --test it -- \
		--ignored --nocapture --test-threads 1 edge:: killed::
	@XCHAT_TEST_STACK=$(abspath infra/stack/stack.sh) \
		infra/stack/with.sh --nodes 3 redis-cluster kafka cassandra -- \
		cargo test --locked -p xchat-integration-tests --features fleet --test it -- \
		--ignored --nocapture --test-threads 1 faults::

.PHONY: test-planted
test-planted: setup-test ## Plant faults one by one and see each found, 10 to 20 minutes; FAULTS="NAME …" for some
	@$(XTASK) planted $(FAULTS)

.PHONY: ci
ci: export XCHAT_TEST_REQUIRE = unshare
ci: setup-check fmt-check lint check deny rustdoc demo-check test-engines test ## Everything that must pass, tests last

.PHONY: fmt
fmt: setup-check ## Format Rust and proto files
	@cargo fmt --all
	@buf format --write proto

.PHONY: fmt-check
fmt-check: setup-check ## Show what is not formatted
	@cargo fmt --all --check
	@buf format --diff --exit-code proto

.PHONY: lint
lint: setup-check ## Clippy and buf lint, warnings denied
	@buf lint proto
	@cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: check
check: setup-check ## All guards below, and drift of generated docs
	@$(XTASK) check

.PHONY: check-size
check-size: setup-build ## Guard: no source file above the hard limit
	@$(XTASK) check-size

.PHONY: check-tiers
check-tiers: setup-build ## Guard: who may import whom
	@$(XTASK) check-tiers

.PHONY: check-words
check-words: setup-build ## Guard: no machine path, registry host or name that says nothing
	@$(XTASK) check-words

.PHONY: check-planted
check-planted: setup-build ## Guard: planted faults still fit the sources
	@$(XTASK) check-planted

.PHONY: check-proto
check-proto: setup-check ## Guard: released formats do not break (proto/BASELINE)
	@$(XTASK) check-proto

.PHONY: deny
deny: setup-check ## Licences, bans and sources of dependencies
	@cargo deny --locked check --hide-inclusion-graph licenses bans sources

.PHONY: demo
demo: build setup-demo ## Type the README's demo into two terminals and write what is seen to docs/demo.txt
	@infra/demo.py $(BIN)

.PHONY: demo-check
demo-check: build setup-demo ## Say where the demo shows something else than docs/demo.txt
	@infra/demo.py $(BIN) --check

.PHONY: bench
bench: setup-build ## Measure a release build beside its floors, about 20 minutes; BENCH=--quick for a glance
	@cargo build --locked --release -p xchat-bench
	@$(abspath $(CARGO_TARGET_DIR))/release/xchat-bench run --json $(abspath $(CARGO_TARGET_DIR))/bench.json $(BENCH)

.PHONY: bench-peers
bench-peers: setup-peers ## Measure it beside NATS and ejabberd, started here for it, about 5 minutes
	@cargo build --locked --release -p xchat-bench
	@$(abspath $(CARGO_TARGET_DIR))/release/xchat-bench run --only peers \
		--json $(abspath $(CARGO_TARGET_DIR))/bench-peers.json $(BENCH)

.PHONY: bench-engines
bench-engines: setup-stack setup-fleet ## Measure it on one node of Kafka, Cassandra and Redis beside both bare, about 10 minutes
	@cargo build --locked --release -p xchat-bench --bin xchat-bench
	@cargo build --locked --release -p xchat-server -p xchat-adapter-kafka -p xchat-adapter-scylla \
		--features xchat-server/engines
	@infra/stack/with.sh kafka cassandra redis -- \
		$(abspath $(CARGO_TARGET_DIR))/release/xchat-bench run --only b5s \
		--server $(abspath $(CARGO_TARGET_DIR))/release/xchat-server \
		--json $(abspath $(CARGO_TARGET_DIR))/bench-engines.json $(BENCH)

.PHONY: docs
docs: setup-build ## Write what is generated of the docs: sections, settings, their schema, metrics
	@$(XTASK) docs
	@cargo build --quiet --locked -p xchat-server
	@$(BIN)/xchat-server config example > docs/config.example.toml
	@$(BIN)/xchat-server config schema > docs/config.schema.json
	@$(BIN)/xchat-server metrics > docs/metrics.md

.PHONY: rustdoc
rustdoc: setup-build ## Build the API docs, warnings denied
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps

.PHONY: clean
clean: ## Delete what was built, for all checkouts
	@cargo clean

# Engines on this machine

.PHONY: stack-up
stack-up: setup-stack ## Start Kafka, Cassandra and Redis here, on loopback; STACK="--nodes 3 kafka" for others
	@infra/stack/stack.sh up $(STACK)

.PHONY: stack-status
stack-status: ## Say which engines run and answer
	@infra/stack/stack.sh status

.PHONY: stack-check
stack-check: setup-check ## Look over the scripts of stack and fleet
	@shellcheck -x -P infra/stack infra/stack/stack.sh infra/stack/with.sh infra/fleet/*.sh infra/setup.sh

.PHONY: stack-down
stack-down: ## Stop the engines; their data stays
	@infra/stack/stack.sh down

# A fleet on this machine, on those engines

.PHONY: fleet
fleet: setup-fleet ## Start two gateways, two fanouts, identity and presence on the stack, with mTLS
	@cargo build --locked -p xchat-server --features engines
	@infra/fleet/fleet.sh up $(BIN)/xchat-server

.PHONY: fleet-status
fleet-status: ## Say which processes of the fleet run
	@infra/fleet/fleet.sh status

.PHONY: fleet-down
fleet-down: ## Stop the fleet, gateways first; its data stays
	@infra/fleet/fleet.sh down

.PHONY: test-fleet
test-fleet: setup-fleet ## Run the end-to-end tests with a fleet of its own for each, on engines that run or are started for it
	@infra/stack/with.sh kafka cassandra redis -- \
		cargo test --locked -p xchat-integration-tests --features fleet -- --test-threads 1

.PHONY: setup-build setup-test setup-check setup-demo setup-stack setup-fleet setup-peers
setup-build setup-test setup-check setup-demo setup-stack setup-fleet setup-peers: setup-%:
	@infra/setup.sh $*
