# `make run` serves the shipped models on 127.0.0.1:8080; `make test` passes every test. Both do all set-up themselves.

.PHONY: run test setup lint openapi

# Large JPEGs decode twice as fast where libjpeg-turbo can be built; scripts/check-tools says so where it cannot.
FEATURES := $(if $(and $(shell command -v cmake),$(shell command -v nasm)),--features clearshot/turbojpeg)

run: setup
	cargo build --release --locked $(FEATURES)
	exec target/release/clearshot serve

test: setup
	cargo test --release --locked --workspace $(FEATURES)

setup:
	@scripts/check-tools
	@scripts/setup-onnxruntime

lint:
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets $(FEATURES) -- -D warnings

openapi:
	cargo run --release --locked --quiet -- openapi > openapi/openapi.json.part
	mv openapi/openapi.json.part openapi/openapi.json
