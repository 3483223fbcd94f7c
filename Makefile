# `make run` serves the shipped models on 127.0.0.1:8080; `make test` passes every test. Both do all set-up themselves.

.PHONY: run test test-build setup lint openapi docs

# Large JPEGs decode twice as fast where libjpeg-turbo can be built; scripts/check-tools says so where it cannot.
TURBOJPEG := $(if $(and $(shell command -v cmake),$(shell command -v nasm)),clearshot/turbojpeg)
FEATURES := $(if $(TURBOJPEG),--features $(TURBOJPEG))
# Tests that do nothing for want of a tool say so here (tests/support/skipped.rs); with CLEARSHOT_REQUIRE_TOOLS=1 they fail.
SKIPPED := target/skipped-tests.txt
# Tests try every feature.
ALL := --features "$(TURBOJPEG) clearshot/avif clearshot/object-store clearshot/otlp"

run: setup
	cargo build --release --locked $(FEATURES)
	exec target/release/clearshot serve

test: setup
	@scripts/check-tools test
	@mkdir -p target && : > $(SKIPPED)
	@status=0; cargo test --release --locked --workspace $(ALL) || status=$$?; cat $(SKIPPED); exit $$status

# The tests' programs alone, to run single ones.
test-build: setup
	cargo test --release --locked --workspace $(ALL) --no-run

setup:
	@scripts/check-tools
	@scripts/setup-onnxruntime

lint:
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets $(ALL) -- -D warnings
	cargo clippy --release --locked -- -D warnings

# After a change of the API: the examples from a running server first, then the documents that hold them.
openapi: setup
	CLEARSHOT_UPDATE=1 cargo test --release --locked --workspace $(ALL) --test api_document the_examples
	cargo build --release --locked --workspace $(ALL)
	target/release/clearshot openapi > openapi/openapi.json
	target/release/clearshot openapi --3.0 > openapi/openapi-3.0.json

# The pages of docs/ as one site, in target/docs.
docs:
	scripts/build-docs
