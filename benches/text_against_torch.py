"""Held-out nats of a character after some minutes of processor time: `saddle train lstm` beside the same net in PyTorch.

    cargo build --release
    python benches/text_against_torch.py TEXT [--minutes 3,10,30] [--units 128] [--rates .002,.005]

Both sides run at the same time on one thread each: what counts is their own processor time, and both suffer alike from
what else the machine does. The last tenth of the text is held out; the least value so far is shown, of windows of 64
characters that begin without a state, and with the state carried along the text. PyTorch gets the better of the rates by
its first minute.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import torch
from torch import nn

WINDOW, BATCH, CLIP, MEASURED = 64, 64, 5.0, 512


class Net(nn.Module):
    def __init__(self, symbols, units):
        super().__init__()
        self.symbols = symbols
        self.lstm = nn.LSTM(symbols, units, batch_first=True)
        self.out = nn.Linear(units, symbols)

    def forward(self, before, state=None):
        """`before` [B, T] are the symbols before each step, -1 for none."""
        x = nn.functional.one_hot(before.clamp(min=0), self.symbols).float() * (before >= 0)[..., None]
        states, state = self.lstm(x, state)
        return self.out(states), state


def shifted(x):
    return torch.cat([torch.full_like(x[:, :1], -1), x[:, :-1]], 1)


class Peer:
    def __init__(self, ids, units, rate):
        torch.manual_seed(0)
        cut = len(ids) - len(ids) // 10
        self.learned, self.held = torch.tensor(ids[:cut]), torch.tensor(ids[cut:])
        self.net = Net(int(ids.max()) + 1, units)
        self.rule = torch.optim.Adam(self.net.parameters(), rate)
        self.steps, self.rate, self.used = 0, rate, 0.0

    def loss(self, x):
        scores, _ = self.net(shifted(x))
        return nn.functional.cross_entropy(scores.flatten(0, 1), x.flatten())

    def train(self, seconds):
        start = time.process_time()
        while time.process_time() - start < seconds:
            at = torch.randint(len(self.learned) - WINDOW, (BATCH, 1)) + torch.arange(WINDOW)
            loss = self.loss(self.learned[at])
            self.rule.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
            self.rule.step()
            self.steps += 1
        self.used += time.process_time() - start

    @torch.no_grad()
    def windows(self):
        starts = np.arange(0, len(self.held) - WINDOW + 1, WINDOW // 2)
        starts = starts[np.arange(MEASURED) * len(starts) // MEASURED]
        return self.loss(self.held[torch.tensor(starts)[:, None] + torch.arange(WINDOW)]).item()

    @torch.no_grad()
    def carried(self):
        rows = len(self.held) // 2000
        x = self.held[: len(self.held) // rows * rows].view(rows, -1)
        state, sum_, before = None, 0.0, shifted(x)
        for at in range(0, x.shape[1], 256):
            scores, state = self.net(before[:, at : at + 256], state)
            target = x[:, at : at + 256]
            sum_ += nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(), reduction="sum").item()
        return sum_ / x.numel()


def processor_time(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--minutes", default="3,10,30")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--rates", default=".002,.005", help="Adam's rates that PyTorch may choose from")
    parser.add_argument("--saddle", default="target/release/saddle")
    args = parser.parse_args()
    budgets = [60 * float(minutes) for minutes in args.minutes.split(",")]
    torch.set_num_threads(1)
    text = args.text.read_text(encoding="utf8")
    ids = np.unique(list(text), return_inverse=True)[1].astype(np.int64)

    run = pathlib.Path(tempfile.mkdtemp()) / "run"
    words = f"train lstm --data {args.text} --out {run} --steps 10000000 --quiet"
    settings = f"units={args.units} sample_every=200 checkpoint_every=200 keep=100000".split()
    ours = subprocess.Popen([args.saddle, *words.split(), *(f"--set={s}" for s in settings)],
                            env={**os.environ, "RAYON_NUM_THREADS": "1"})
    peers = [Peer(ids, args.units, float(rate)) for rate in args.rates.split(",")]
    peer, least, steps_of = None, (9.0, 9.0), {}
    print(f"| processor time | saddle, steps | windows; carried | PyTorch, steps | windows; carried |\n|{'---|' * 5}")
    for budget in budgets:
        while ours.poll() is None and budget not in steps_of or peer is None or peer.used < budget:
            if peer is None:
                for candidate in peers:
                    candidate.train(60)
                peer = min(peers, key=Peer.windows)
            elif peer.used < budget:
                peer.train(min(10, budget - peer.used))
                measured = peer.windows()
                if measured < least[0]:
                    least = (measured, peer.carried())
            else:
                time.sleep(1)
            if budget not in steps_of and processor_time(ours.pid) >= budget:
                rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
                rows = [row for row in rows if "held_out_nats_per_step" in row]
                best = min(rows, key=lambda row: row["held_out_nats_per_step"])
                steps_of[budget] = (rows[-1]["step"], best["step"], best["held_out_nats_per_step"])
                if budget == budgets[-1]:
                    ours.terminate()
        last, best, windows = steps_of[budget]
        report = subprocess.run([args.saddle, "eval", run, "--json", "--count", "64", "--effort", "0.01", "--checkpoint",
                                 str(best)], capture_output=True, text=True, check=True).stdout
        rows = [row for report in json.loads(report) for row in report["rows"]]
        carried = next(row["value"] for row in rows if "carried" in row["measure"])
        print(f"| {budget / 60:g} min | {last} | {windows:.3f}; {carried:.3f} "
              f"| {peer.steps}, rate {peer.rate:g} | {least[0]:.3f}; {least[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
