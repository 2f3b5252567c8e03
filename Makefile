# The commands of a working day. All set-up happens here, says what it installs, and is quick when nothing is missing.
.DEFAULT_GOAL := help
.PHONY: help demo test faults dialogues bench check build setup

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | column -t -s '|' 2>/dev/null || \
	 grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST)

demo: ## a simulated phone call against the real server, no keys needed (ARGS="--mode gather")
	@scripts/setup demo
	cargo run --locked -- demo $(ARGS)

test: ## every test, with a real MongoDB server
	@scripts/setup test
	@scripts/get-mongod
	cargo test --locked $(ARGS)

faults: ## the table of what happens when a vendor fails
	@scripts/setup test
	@scripts/get-mongod
	cargo test --locked --test fault_matrix -- --nocapture

dialogues: ## whole supplier calls through the conversation and the server, as a table (DIALOGUES=FILE ONLY=en-hold)
	@scripts/setup test
	cargo test --locked --test dialogues -- --nocapture

bench: ## every benchmark, end-to-end latency included
	@scripts/setup build
	cargo bench --locked $(ARGS)

check: ## format, clippy, documentation
	@scripts/setup build
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked

build: ## the release binary, target/release/trunkline
	@scripts/setup build
	cargo build --release --locked

setup: ## only install what is missing
	@scripts/setup all
