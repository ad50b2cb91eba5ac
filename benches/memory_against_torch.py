#!/usr/bin/env python3
"""Memory of training rounds, Saddle's CPU runner against PyTorch: MiB by which the peak of a fresh process grows (Linux).

usage: python benches/memory_against_torch.py [--threads N]      (needs torch; builds saddle and a bench)

Both sides hold one batch of data and run five rounds. PyTorch's growth is counted from the end of a round of a net of some
twenty numbers, so that what it loads on first use is not counted.
"""
import argparse
import os
import re
import subprocess
import sys

import ours


def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024


def growth(name, threads):
    import torch
    import against_torch as nets
    torch.set_num_threads(threads)
    nets.torch_round(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1), (4, 4), (4, 4))()
    before = peak()
    step = {"gan": nets.gan, "dcgan": nets.dcgan, "dcgan-64": nets.dcgan64}[name]()
    for _ in range(5):
        step()
    print(peak() - before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--growth", help=argparse.SUPPRESS)  # what the fresh processes are told
    args = parser.parse_args()
    if args.growth:
        return growth(args.growth, args.threads)
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    memory = ours.build("memory")
    print("| round | planned, MiB | allocated | resident | PyTorch, resident | saddle / PyTorch |\n|---|---|---|---|---|---|")
    for name in ("gan", "dcgan", "dcgan-64"):
        said = subprocess.run([memory, name], check=True, capture_output=True, text=True).stdout
        planned, allocated, resident = (float(x) for x in re.findall(r"([\d.]+) MiB", said))
        command = [sys.executable, __file__, "--threads", str(args.threads), "--growth", name]
        theirs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"| {name} | {planned:.1f} | {allocated:.1f} | {resident:.1f} | {theirs:.1f} | {resident / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
