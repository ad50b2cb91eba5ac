#!/usr/bin/env bash
# Makes hardware/: all that benches/hardware.sh wants on a machine with a GPU, where there is no cargo and no network.
#
# usage: benches/pack_hardware.sh      (builds; some minutes)       $SADDLE_DATA or ../shared/data: a folder with mnist/ in it
set -euo pipefail
cd "$(dirname "$0")/.."
folder=hardware
rm -rf "$folder"
mkdir -p "$folder"/{bin,lib,benches}

# --- programs: the command, and tests of kernels, gradients, determinism and variants
tests=(gradients determinism variants)
for file in tests/kernels_*.rs; do name=${file##*/}; tests+=("${name%.rs}"); done
messages=$(cargo test --release --no-run --message-format=json "${tests[@]/#/--test=}")
cp target/release/saddle "$folder/bin/saddle"
for name in "${tests[@]}"; do
    program=$(sed -n 's/.*"executable":"\([^"]*\/'"$name"'-[0-9a-f]*\)".*/\1/p' <<<"$messages" | tail -n 1)
    [ -n "$program" ] || { echo "cargo did not say where the tests $name are" >&2; exit 1; }
    cp "$program" "$folder/bin/$name"
done
strip "$folder"/bin/*
# One archive: the programs have most of their code in common.
tar cf - -C "$folder" bin | xz -T0 -9 >"$folder/bin.tar.xz"
rm -r "$folder/bin"

# --- the loader of Vulkan drivers, and what drivers want where there is no display
packages=(libvulkan1 libegl1 libglvnd0 libgl1 libglx0 libx11-6 libxext6 libxcb1 libxau6 libxdmcp6 libbsd0 libmd0)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if command -v apt-get >/dev/null && (cd "$scratch" && apt-get -qq download "${packages[@]}" 2>/dev/null); then
    for package in "$scratch"/*.deb; do dpkg -x "$package" "$scratch/root"; done
    find "$scratch/root" -name 'lib*.so*' -exec cp -P {} "$folder/lib/" \;
else
    loader=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | sed -n 's/.*libvulkan\.so\.1 .*x86-64.* => //p' | head -n 1)
    [ -n "$loader" ] || { echo "there is no libvulkan.so.1 here, and it cannot be downloaded" >&2; exit 1; }
    cp -L "$loader" "$folder/lib/libvulkan.so.1"
    echo "packages cannot be downloaded here: only the loader of this machine is packed"
fi

# --- data, and PyTorch's side
data=${SADDLE_DATA:-../shared/data}
if [ -d "$data/mnist" ]; then cp -r "$data/mnist" "$folder/mnist"; else echo "no MNIST: there is no folder $data/mnist"; fi
cp benches/{against_torch,ours,torch_on_gpu}.py "$folder/benches/"
cp benches/hardware.sh "$folder/"
chmod -R u+w "$folder"

du -sh "$folder"/* | sed "s/^/  /"
size=$(du -sm "$folder/bin.tar.xz" | cut -f1)
[ "$size" -le 50 ] || { echo "the programs take $size MB, more than 50" >&2; exit 1; }
echo "now take the folder $folder to the machine, and there: cd $folder && ./hardware.sh"
