#!/usr/bin/env python3
"""Seconds until samples are good: Saddle beside PyTorch with PyTorch-GAN's networks and settings, on one machine.

usage: python benches/time_to_quality.py NET DATA [--seed N] [--seconds S] [--saddle BINARY]

NET is gan, dcgan or vae-gan; DATA is what `saddle pack` reads: digits, or a folder with MNIST's files. PyTorch trains for S seconds
(without the time in which samples are drawn); its samples are then measured by `saddle eval --only-data`, at --effort 0.1. Then
Saddle trains from scratch for 1/64, 1/32, 1/16, .. of its steps, each a whole training from the command on, until its samples are
as good. Both use all cores; a quiet machine is wanted. Needs torch and numpy.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import against_torch

SAMPLES, BATCH, LATENT = 4000, 64, 100
# Whole trainings of about S seconds each; fractions of their steps are tried, and rates fall to 0 at the end of each.
FAST = ["--batch", "32", "schedule=cosine", "ema=0.998"]
OURS = {
    "gan": ["gan", "--steps", "32000", *FAST, "lr_g=0.002", "lr_d=0.002"],
    "dcgan": ["dcgan", "--steps", "9600", *FAST, "width=16", "lr_g=0.001", "lr_d=0.001"],
    "dcgan by class": ["dcgan", "--steps", "9600", "--preset", "showcase"],
    "vae-gan": ["vae-gan", "--steps", "6400", *FAST, "width=16", "lr_g=0.001", "lr_d=0.001"],
}


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))


def round_of(g, d, flat):
    """A round of PyTorch-GAN's gan.py and dcgan.py: the generator's update, then the discriminator's."""
    opt_g, opt_d, loss = adam(g), adam(d), nn.BCELoss()
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step(x):
        x = x.flatten(1) if flat else x
        opt_g.zero_grad()
        fake = g(torch.randn(BATCH, LATENT))
        loss(d(fake), one).backward()
        opt_g.step()
        opt_d.zero_grad()
        ((loss(d(x), one) + loss(d(fake.detach()), zero)) / 2).backward()
        opt_d.step()

    return step, lambda n: g(torch.randn(n, LATENT))


def gan():
    """gan.py."""

    def block(i, o, norm=True):
        return [nn.Linear(i, o), *([nn.BatchNorm1d(o, 0.8)] if norm else []), nn.LeakyReLU(0.2)]

    g = nn.Sequential(*block(LATENT, 128, False), *block(128, 256), *block(256, 512), *block(512, 1024), nn.Linear(1024, 784), nn.Tanh())
    d = nn.Sequential(nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Sigmoid())
    return round_of(g, d, True)


def dcgan():
    """dcgan.py, at 28 pixels in place of 32."""

    def up(i, o):
        return [nn.Upsample(scale_factor=2), nn.Conv2d(i, o, 3, 1, 1), nn.BatchNorm2d(o, 0.8), nn.LeakyReLU(0.2)]

    def down(i, o, norm=True):
        return [nn.Conv2d(i, o, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25), *([nn.BatchNorm2d(o, 0.8)] if norm else [])]

    g = nn.Sequential(nn.Linear(LATENT, 128 * 49), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), *up(128, 128), *up(128, 64),
                      nn.Conv2d(64, 1, 3, 1, 1), nn.Tanh())
    d = nn.Sequential(*down(1, 16, False), *down(16, 32), *down(32, 64), *down(64, 128), nn.Flatten(), nn.Linear(128 * 4, 1), nn.Sigmoid())
    for net in (g, d):
        for m in net.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.normal_(m.weight, 0.0, 0.02)
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.normal_(m.weight, 1.0, 0.02)
        net.to(memory_format=torch.channels_last)
    return round_of(g, d, False)


def vae_gan():
    """PyTorch-GAN has none: the networks and rates of against_torch.py."""
    step, g = against_torch.vae_gan_on()
    return step, lambda n: g(torch.randn(n, LATENT))


def images_of(spec, saddle, folder):
    """Images in -1 to 1, [N, 1, 28, 28]."""
    path = os.path.join(folder, "data.npy")
    subprocess.run([saddle, "pack", spec, "--out", path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    x = np.load(path).reshape(-1, 1, 28, 28).astype(np.float32)
    return torch.from_numpy(x / 127.5 - 1)


def torch_samples(net, x, seconds, seed):
    """Samples after `seconds` of training, and the rounds that these were."""
    torch.manual_seed(seed)
    step, draw = {"gan": gan, "dcgan": dcgan, "vae-gan": vae_gan}[net]()
    rounds, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        for batch in torch.randperm(len(x))[: len(x) // BATCH * BATCH].split(BATCH):
            step(x[batch])
            rounds += 1
            if time.monotonic() - begun >= seconds:
                break
    with torch.no_grad():
        made = torch.cat([draw(500).reshape(-1, 1, 28, 28) for _ in range(SAMPLES // 500)])
    return ((made.numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8), rounds


def distance(saddle, run, *options):
    command = [saddle, "eval", run, "--effort", "0.1", "--adapter", "cpu", "--json", *options]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [row for report in json.loads(out) for row in report["rows"]]
    return next(row["value"] for row in rows if row["measure"] == "Fréchet distance")


def train(saddle, settings, data, seed, out):
    """Seconds of a whole training, from the command on."""
    begun = time.monotonic()
    command = [saddle, "train", *settings, "--data", data, "--seed", str(seed), "--adapter", "cpu", "--out", out]
    command += ["--set", "sample_every=0", "--set", "checkpoint_every=0"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=["gan", "dcgan", "vae-gan"])
    parser.add_argument("data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--saddle", default=os.path.join(os.path.dirname(__file__), "../target/release/saddle"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = images_of(args.data, args.saddle, folder)
        made, rounds = torch_samples(args.net, images, args.seconds, args.seed)
        path = os.path.join(folder, "samples.npy")
        np.save(path, made)
        wanted = None
        for name in [net for net in OURS if net.split()[0] == args.net]:
            kind, _, steps, *rest = OURS[name]
            rest = [word for item in rest for word in ((item,) if item.startswith("-") or "=" not in item else ("--set", item))]
            for part in (64, 32, 16, 8, 4, 2, 1):
                out = os.path.join(folder, f"{name}-{part}".replace(" ", "-"))
                took = train(args.saddle, [kind, "--steps", str(int(steps) // part), *rest], args.data, args.seed, out)
                if wanted is None:
                    wanted = distance(args.saddle, out, "--only-data", path)
                found = distance(args.saddle, out)
                print(f"#   {name}, {int(steps) // part} rounds: {took:.1f} s, {found:.2f}", flush=True)
                if found <= wanted:
                    break
            ratio = f"{took / args.seconds:.2f}" if found <= wanted else "not reached"
            ours = f"{took:.1f} s, {int(steps) // part} rounds: {found:.2f}"
            print(f"| {name} | {args.data} | {args.seed} | {args.seconds:.0f} s, {rounds} rounds: {wanted:.2f} | {ours} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
