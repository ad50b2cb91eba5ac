#!/usr/bin/env python3
"""Milliseconds per training round, Saddle's CPU runner against PyTorch, both sides in turn on one machine.

usage: python benches/against_torch.py [--repeats N] [--threads N]      (needs torch; builds saddle and a bench)

The nets are those of `saddle bench`, with Adam 2e-4 (0.5, 0.999). A recurrent layer goes forward and back once: steps x examples, inputs -> units. Quote the ratio of medians:
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

import ours


def leaky():
    return nn.LeakyReLU(0.2)


def gan():
    g = nn.Sequential(nn.Linear(100, 256), leaky(), nn.Linear(256, 512), leaky(), nn.Linear(512, 784), nn.Tanh())
    d = nn.Sequential(nn.Linear(784, 512), leaky(), nn.Linear(512, 256), leaky(), nn.Linear(256, 1))
    return torch_round(g, d, (64, 784), (64, 100))


def decoder(side, widths, colours, latent=100):
    """From a dense layer to `side` x `side`, a doubling for each further width, then 3x3 to colours."""
    layers = [nn.Linear(latent, widths[0] * side * side, bias=False), nn.Unflatten(1, (widths[0], side, side)),
              nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for i, o in zip(widths, widths[1:]):
        layers += [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], colours, 3, 1, 1), nn.Tanh())


def trunk(widths, colours):
    """A halving for each width."""
    layers = [nn.Conv2d(colours, widths[0], 4, 2, 1), leaky()]
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), leaky()]
    return nn.Sequential(*layers, nn.Flatten())


def dcgan():
    d = nn.Sequential(trunk((64, 128), 1), nn.Linear(6272, 1))
    return torch_round(decoder(7, (256, 128, 64), 1), d, (64, 1, 28, 28), (64, 100))


def dcgan64():
    d = nn.Sequential(trunk((64, 128, 256, 512), 3), nn.Linear(8192, 1))
    return torch_round(decoder(4, (512, 512, 256, 128, 64), 3), d, (64, 3, 64, 64), (64, 100))


class Recurrent(nn.Module):
    """An LSTM and a dense layer, on each step or on the last."""

    def __init__(self, inputs, units, outputs, last):
        super().__init__()
        self.lstm, self.out, self.last = nn.LSTM(inputs, units), nn.Linear(units, outputs), last

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.out(y[-1]) if self.last else torch.sigmoid(self.out(y))


def lstm_gan():
    return torch_round(Recurrent(16, 64, 5, False), Recurrent(5, 64, 1, True), (24, 128, 5), (24, 128, 16))


ADAM = {}  # what a device wants of the optimiser besides


def adam(*nets):
    return torch.optim.Adam([p for net in nets for p in net.parameters()], lr=2e-4, betas=(0.5, 0.999), **ADAM)


def torch_round(g, d, real_shape, latent_shape):
    opt_g, opt_d = adam(g), adam(d)
    real = torch.rand(real_shape) * 2 - 1

    def step():
        fake = g(torch.randn(latent_shape))
        opt_d.zero_grad()
        loss = F.softplus(-d(real)).mean() + F.softplus(d(fake.detach())).mean()
        loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss = F.softplus(-d(fake)).mean()
        loss.backward()
        opt_g.step()
        return loss.detach()

    return step


def vae_gan():
    """A round of vae_gan_on, on noise."""
    step, _ = vae_gan_on()
    x = torch.rand(64, 1, 28, 28) * 2 - 1
    return lambda: step(x)


def vae_gan_on():
    """Larsen et al. 2016: three gradients, each for its own network, of one set of losses. A round, and the decoder."""
    e, mean, log_variance = trunk((64, 128), 1), nn.Linear(6272, 100), nn.Linear(6272, 100)
    g, features, head = decoder(7, (256, 128, 64), 1), trunk((64, 128), 1), nn.Linear(6272, 1)
    encoder = [p for net in (e, mean, log_variance) for p in net.parameters()]
    opt_e, opt_g, opt_d = adam(e, mean, log_variance), adam(g), adam(features, head)

    def step(x):
        h = e(x)
        m, v = mean(h), log_variance(h).clamp(-10, 10)
        again, sampled = g(m + (v / 2).exp() * torch.randn_like(m)), g(torch.randn(64, 100))
        on_x, on_again, on_sampled = features(x), features(again), features(sampled)
        error = (on_x - on_again).square().sum(1).mean() / 2
        divergence = ((m.square() + v.exp() - v - 1) / 2).sum(1).mean()
        fooled = (F.softplus(-head(on_again)) + F.softplus(-head(on_sampled))).mean() / 2
        own = list(g.parameters())
        shared = torch.autograd.grad(error, encoder + own, retain_graph=True)
        for p, a, b in zip(encoder, shared, torch.autograd.grad(divergence, encoder, retain_graph=True)):
            p.grad = a + b
        for p, a, b in zip(own, shared[len(encoder):], torch.autograd.grad(fooled, own)):
            p.grad = 0.01 * a + b
        opt_d.zero_grad()
        judge = lambda x: head(features(x))
        fakes = (F.softplus(judge(again.detach())) + F.softplus(judge(sampled.detach()))).mean() / 2
        (F.softplus(-judge(x)).mean() + fakes).backward()
        for optimiser in (opt_e, opt_g, opt_d):
            optimiser.step()
        return error.detach()

    return step, g


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


def recurrent_median(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"median +([\d.]+) ms", out)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    recurrent = ours.build("recurrent")
    print(f"torch {torch.__version__}, {args.threads} threads, {args.repeats} turns each\n")
    print("| round | saddle, ms | PyTorch, ms | saddle / PyTorch |\n|---|---|---|---|")
    rounds = [("gan", gan), ("dcgan", dcgan), ("dcgan-64", dcgan64), ("vae-gan", vae_gan), ("lstm-gan", lstm_gan)]
    cases = [(name, lambda name=name: ours.round_of(name, "cpu")["milliseconds"]["median"], round()) for name, round in rounds]
    for name, layer, shape in (("lstm 24x128 6->64", nn.LSTM, (24, 128, 6, 64)), ("lstm 100x64 6->256", nn.LSTM, (100, 64, 6, 256)),
                               ("gru 24x128 6->64", nn.GRU, (24, 128, 6, 64)), ("gru 100x64 6->256", nn.GRU, (100, 64, 6, 256))):
        cases.append((name, lambda name=name: recurrent_median((recurrent, name)), torch_recurrent(layer, shape)))
    for name, saddle_median, step in cases:
        turns = [(saddle_median(), torch_median(step)) for _ in range(args.repeats)]
        a, b = zip(*turns)
        ratio = statistics.median(a) / statistics.median(b)
        print(f"| {name} | {ours.spread(a)} | {ours.spread(b)} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
