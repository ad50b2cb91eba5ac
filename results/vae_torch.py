"""The VAE of results/vae.md in plain PyTorch, and its negative log-likelihood by importance sampling.

    python results/vae_torch.py ../shared/data/binarized_mnist [EPOCHS [IMPORTANCE]]        (needs torch, numpy)
"""

import gzip
import math
import pathlib
import sys
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

folder = pathlib.Path(sys.argv[1])
epochs, importance = (int(a) for a in (sys.argv[2:] + ["20", "200"])[:2]) if len(sys.argv) > 2 else (20, 200)
torch.manual_seed(0)


def images(part):
    with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
        return torch.from_numpy(numpy.frombuffer(file.read()[16:], numpy.uint8).copy()).view(-1, 784).float() / 255


encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
mean, log_variance = nn.Linear(400, 40), nn.Linear(400, 40)
decoder = nn.Sequential(nn.Linear(40, 400), nn.ReLU(), nn.Linear(400, 784))
nets = nn.ModuleList([encoder, mean, log_variance, decoder])
optimizer = torch.optim.Adam(nets.parameters(), lr=1e-3)


def posterior(x):
    h = encoder(x)
    return mean(h), log_variance(h).clamp(-10, 10)


def log_likelihood(x, z):
    return -F.binary_cross_entropy_with_logits(decoder(z), x.expand(*z.shape[:-1], 784), reduction="none").sum(-1)


train, test = images("train"), images("test")
begun = time.time()
for epoch in range(epochs):
    for x in train[torch.randperm(len(train))].split(100):
        m, v = posterior(x)
        z = m + (v / 2).exp() * torch.randn_like(m)
        divergence = 0.5 * (m.square() + v.exp() - v - 1).sum(1)
        loss = (divergence - log_likelihood(x, z)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"{epochs} epochs in {time.time() - begun:.0f} s")

bounds, estimates = [], []
with torch.no_grad():
    for x in test.split(100):
        m, v = posterior(x)
        q = torch.distributions.Normal(m, (v / 2).exp())
        z = q.sample((importance,))
        log_p, log_q = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1), q.log_prob(z).sum(-1)
        weights = log_likelihood(x, z) + log_p - log_q
        estimates.append(weights.logsumexp(0) - math.log(importance))
        divergence = 0.5 * (m.square() + v.exp() - v - 1).sum(1)
        bounds.append(log_likelihood(x, z[0]) - divergence)
print(f"test: bound {torch.cat(bounds).mean():.2f}, NLL with {importance} samples {-torch.cat(estimates).mean():.2f}")
