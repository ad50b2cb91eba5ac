#!/usr/bin/env bash
# Runs every test. The tests of kernels want a GPU adapter; where there is none, a software Vulkan driver is installed first.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-target}

has_adapter() {
    "$target/release/saddle" devices --json | grep -q '"index"'
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The tests bring the program with them: built alone, it would want dependencies with other features, compiled once more.
cargo test --release --no-run
if ! has_adapter; then
    echo "no GPU adapter here: installing Mesa's software Vulkan driver" >&2
    if command -v apt-get >/dev/null; then # Debian, Ubuntu
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mesa-vulkan-drivers libvulkan1
    elif command -v dnf >/dev/null; then # Fedora
        as_root dnf install -q -y mesa-vulkan-drivers vulkan-loader
    elif command -v pacman >/dev/null; then # Arch
        as_root pacman -Sy --noconfirm --needed vulkan-swrast vulkan-icd-loader
    else
        echo "install a Vulkan driver by hand, for example Mesa's lavapipe, and run this again" >&2
        exit 1
    fi
    has_adapter || { echo "there is still no adapter: see \`saddle devices\`" >&2; exit 1; }
fi
cargo test --release "$@"
