#!/usr/bin/env python3
"""Milliseconds per training round, Saddle's CPU runner against PyTorch, both sides in turn on one machine.

usage: python benches/against_torch.py [--repeats N] [--threads N]      (needs torch; builds two benches)

The nets are those of `saddle train gan` and, 64 channels wide, `saddle train dcgan` at 28x28, batch 64, Adam 2e-4
(0.5, 0.999). A recurrent layer goes forward and back once: steps x examples, inputs -> units. Quote the ratio of medians:
the speed of a shared machine can change by half within minutes.
"""
import argparse
import os
import re
import statistics
import subprocess
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def gan():
    leaky = lambda: nn.LeakyReLU(0.2)
    g = nn.Sequential(nn.Linear(100, 256), leaky(), nn.Linear(256, 512), leaky(), nn.Linear(512, 784), nn.Tanh())
    d = nn.Sequential(nn.Linear(784, 512), leaky(), nn.Linear(512, 256), leaky(), nn.Linear(256, 1))
    return g, d, (784,)


def dcgan():
    up = lambda i, o: [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    g = nn.Sequential(nn.Linear(100, 12544, bias=False), nn.Unflatten(1, (256, 7, 7)), nn.BatchNorm2d(256), nn.ReLU(),
                      *up(256, 128), *up(128, 64), nn.Conv2d(64, 1, 3, 1, 1), nn.Tanh())
    d = nn.Sequential(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1, bias=False),
                      nn.BatchNorm2d(128), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(6272, 1))
    return g, d, (1, 28, 28)


def torch_round(nets, batch=64):
    g, d, shape = nets()
    adam = lambda net: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_g, opt_d = adam(g), adam(d)
    real = torch.rand(batch, *shape) * 2 - 1

    def step():
        fake = g(torch.randn(batch, 100))
        opt_d.zero_grad()
        loss = F.softplus(-d(real)).mean() + F.softplus(d(fake.detach())).mean()
        loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss = F.softplus(-d(fake)).mean()
        loss.backward()
        opt_g.step()
        return loss.item()

    return step


def torch_recurrent(layer, shape):
    steps, batch, inputs, units = shape
    net, x = layer(inputs, units), torch.randn(steps, batch, inputs)

    def step():
        net.zero_grad()
        net(x)[0].square().mean().backward()

    return step


def torch_median(step, seconds=6.0):
    for _ in range(3):
        step()
    times, begun = [], time.perf_counter()
    while len(times) < 7 or (time.perf_counter() - begun < seconds and len(times) < 300):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def saddle_median(*command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"median +([\d.]+) ms", out)[1])


def build(bench):
    out = subprocess.run(["cargo", "bench", "--bench", bench, "--no-run"], check=True, capture_output=True, text=True)
    return re.search(r"Executable .*\((.*)\)", out.stderr)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    rounds, recurrent = build("rounds"), build("recurrent")
    print(f"torch {torch.__version__}, {args.threads} threads, {args.repeats} turns each\n")
    print("| round | saddle, ms | PyTorch, ms | saddle / PyTorch |\n|---|---|---|---|")
    cases = [(name, (rounds, name, "width=64", "ema=0"), torch_round(nets)) for name, nets in (("gan", gan), ("dcgan", dcgan))]
    for name, layer, shape in (("lstm 24x128 6->64", nn.LSTM, (24, 128, 6, 64)), ("lstm 100x64 6->256", nn.LSTM, (100, 64, 6, 256)),
                               ("gru 24x128 6->64", nn.GRU, (24, 128, 6, 64)), ("gru 100x64 6->256", nn.GRU, (100, 64, 6, 256))):
        cases.append((name, (recurrent, name), torch_recurrent(layer, shape)))
    for name, command, step in cases:
        ours, theirs = [], []
        for _ in range(args.repeats):
            ours.append(saddle_median(*command))
            theirs.append(torch_median(step))
        a, b = statistics.median(ours), statistics.median(theirs)
        spread = lambda v: f"{statistics.median(v):.2f} ({min(v):.2f} to {max(v):.2f})"
        print(f"| {name} | {spread(ours)} | {spread(theirs)} | {a / b:.2f} |", flush=True)


if __name__ == "__main__":
    main()
