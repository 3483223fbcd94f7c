# `make run` serves the shipped models on 127.0.0.1:8080; `make test` passes every test. Both do all set-up themselves.

.PHONY: run test setup lint openapi

run: setup
	cargo build --release --locked
	exec target/release/clearshot serve

test: setup
	cargo test --release --locked --workspace

setup:
	@scripts/check-tools
	@scripts/setup-onnxruntime

lint:
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

openapi:
	cargo run --release --locked --quiet -- openapi > openapi/openapi.json.part
	mv openapi/openapi.json.part openapi/openapi.json
