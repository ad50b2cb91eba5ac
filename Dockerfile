# saddle with Mesa's Vulkan drivers: docker build -t saddle . (see docs/recipes/container.md)
FROM rust:1.92-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo install --locked --path . --root /built

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /built/bin/saddle /usr/local/bin/saddle
WORKDIR /work
ENTRYPOINT ["saddle"]
