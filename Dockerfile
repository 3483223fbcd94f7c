# The service with its models and ONNX Runtime. For the CPU: docker build -t clearshot .
# For NVIDIA GPUs (CUDA 13, driver 580 or newer): docker build -t clearshot:cuda --build-arg DEVICE=cuda .
# The bases are tags, so that a build has their latest fixes; one that can be repeated names them by digest
# (--build-arg DEBIAN=debian:bookworm-slim@sha256:...).
ARG RUST=rust:1-slim-bookworm
ARG DEBIAN=debian:bookworm-slim
FROM ${RUST} AS build
# A list of what the image is made of (SBOM) names the crates of this stage, too: they lie in its Cargo.lock.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends cmake g++ gcc make nasm python3 python3-pip
WORKDIR /src
COPY . .
RUN cargo build --release --locked --features turbojpeg,object-store,otlp
ARG DEVICE=cpu
RUN scripts/setup-onnxruntime "$DEVICE"

FROM ${DEBIAN}
ARG DEVICE=cpu
LABEL org.opencontainers.image.title="Clearshot" \
      org.opencontainers.image.description="Scores photos for blur, brightness and tilt, calibrated, with intervals" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.2.0" \
      clearshot.device="$DEVICE"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/.onnxruntime /usr/local/lib/clearshot
COPY --from=build /src/target/release/clearshot /usr/local/bin/clearshot
COPY models /usr/share/clearshot/models
# The CUDA libraries lie beside ONNX Runtime; the NVIDIA variables are for its container runtime. Each thread with a heap of its own would
# keep what its largest photo took: two heaps serve as fast and hold a fifth less (docs/performance.md).
ENV CLEARSHOT_LISTEN=0.0.0.0:8080 CLEARSHOT_MODELS=/usr/share/clearshot/models CLEARSHOT_LOG_FORMAT=json \
    ORT_DISABLE_TELEMETRY=1 ORT_DYLIB_PATH=/usr/local/lib/clearshot/libonnxruntime.so LD_LIBRARY_PATH=/usr/local/lib/clearshot \
    MALLOC_ARENA_MAX=2 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# Nobody: the service writes nothing, so that a read-only root file system will do.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["clearshot", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["clearshot"]
CMD ["serve"]
