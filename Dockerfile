# The service with its models and ONNX Runtime, on the CPU: docker build -t clearshot .
FROM rust:1-slim-bookworm AS build
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends cmake g++ gcc make nasm python3 python3-pip
WORKDIR /src
COPY . .
RUN scripts/setup-onnxruntime && cargo build --release --locked --features clearshot/turbojpeg

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Clearshot" \
      org.opencontainers.image.description="Scores photos for blur, brightness and tilt, calibrated, with intervals" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /src/target/release/clearshot /usr/local/bin/clearshot
COPY --from=build /src/.onnxruntime/libonnxruntime.so /usr/local/lib/libonnxruntime.so
COPY models /usr/share/clearshot/models
ENV CLEARSHOT_LISTEN=0.0.0.0:8080 CLEARSHOT_MODELS=/usr/share/clearshot/models CLEARSHOT_LOG_FORMAT=json \
    ORT_DYLIB_PATH=/usr/local/lib/libonnxruntime.so
# Nobody: the service writes nothing, so that a read-only root file system will do.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["clearshot", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["clearshot"]
CMD ["serve"]
