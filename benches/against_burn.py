#!/usr/bin/env python3
"""Training rounds on one adapter, Saddle against burn's wgpu back end, both sides in turn: seconds of the first, and of the rest.

usage: python benches/against_burn.py BURNBENCH [--adapter INDEX] [--repeats N]      (builds saddle)

BURNBENCH is a program on burn 0.22 that trains the same nets with Adam 2e-4 (0.5, 0.999) on a batch of 64 and is called as
`BURNBENCH wgpu a` for `gan`, `BURNBENCH wgpu b` for `dcgan`; it prints a line `NAME median MS ms .. first S s`. Build it with
`cargo build --release --features webgpu,fusion,autotune`. It is started in the nearest folder above it that has a
`cubecl.toml`, which can say `[autotune] level = "minimal"`: tuning at the default level takes software adapters minutes.
"""
import argparse
import pathlib
import re
import statistics
import subprocess

import ours


def burn_round(program, case):
    """Seconds of the first round and of the median one."""
    folder = next((folder for folder in program.parents if (folder / "cubecl.toml").exists()), program.parent)
    said = subprocess.run([program, "wgpu", case], cwd=folder, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"first +([\d.]+)", said)[1]), float(re.search(r"median +([\d.]+) ms", said)[1]) / 1e3


def saddle_round(name, adapter):
    """The same, the first with the opening of the device."""
    measured = ours.round_of(name, adapter, seconds=2)
    return measured["first"], measured["milliseconds"]["median"] / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="BURNBENCH", type=pathlib.Path)
    parser.add_argument("--adapter", default="0")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    ours.build()
    print("| round | | saddle, s | burn, s | saddle / burn |\n|---|---|---|---|---|")
    for name, case in (("gan", "a"), ("dcgan", "b")):
        turns = [(saddle_round(name, args.adapter), burn_round(args.program.resolve(), case)) for _ in range(args.repeats)]
        for what, i in (("first", 0), ("median", 1)):
            a, b = [turn[0][i] for turn in turns], [turn[1][i] for turn in turns]
            ratio = statistics.median(a) / statistics.median(b)
            print(f"| {name} | {what} | {ours.spread(a)} | {ours.spread(b)} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
