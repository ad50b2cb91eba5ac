"""Synthetic rows of a table: `saddle train vae` and others beside CTGAN and TVAE (package ctgan), by processor time.

    pip install ctgan
    cargo build --release
    python benches/tables_against_ctgan.py adult.csv income adult-test.csv [--seeds 3] [--models vae,vae-gan]

Each model of saddle trains with its preset `table` on one thread. CTGAN and TVAE get the same processor time, to the end
of the epoch in which it ends, and a third of it. Everything is measured by `saddle eval`, whose scores agree with the packages
sdmetrics and scikit-learn (tests/table_scores.rs): the rows to test with lie in a file of their own.
"""

import argparse
import importlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

MEASURES = ["Column Shapes", "Column Pair Trends", "LogisticDetection", "detection by trees, area",
            "area", "F1", "known by heart"]


def saddle(args, *words):
    """Runs saddle on one thread; returns what it prints, and its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([args.saddle, *map(str, words)], capture_output=True, text=True,
                          env={**os.environ, "RAYON_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime - before.ru_utime


def scores(args, run, *words):
    """The values of MEASURES, by `saddle eval`."""
    printed, _ = saddle(args, "eval", run, "--json", "--target", args.target, *words)
    rows = {row["measure"]: row["value"] for report in json.loads(printed) for row in report["rows"]}
    # Of rows that were held out nobody asks whether they are known by heart.
    return [next((value for name, value in rows.items() if name in (measure, f"prediction of `{args.target}`, {measure}")),
                 float("nan"))
            for measure in MEASURES]


def peer(args, name, train, seconds, seed, out):
    """Trains CTGAN or TVAE for as many whole epochs as fit into the processor seconds, one at least."""
    import ctgan
    import numpy as np
    import pandas as pd
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    np.random.seed(seed)
    table = pd.read_csv(train)
    discrete = [c for c in table.columns if table[c].dtype == object or table[c].nunique() <= 2]
    for column in table.columns:
        # The package refuses gaps: those of categories become a value, those of numbers the median.
        if column in discrete:
            table[column] = table[column].astype(str)
        elif table[column].isna().any():
            table[column] = table[column].fillna(table[column].median())
    start, done = time.process_time(), 0

    def until(epochs, **_):
        """The epochs that begin before the time is up, one at least."""
        nonlocal done
        for epoch in epochs:
            if not args.epochs and epoch > 0 and time.process_time() - start >= seconds:
                return
            done += 1
            yield epoch

    importlib.import_module(f"ctgan.synthesizers.{name.lower()}").tqdm = until
    quiet = {"verbose": False} if name == "CTGAN" else {}
    model = getattr(ctgan, name)(epochs=args.epochs or 1_000_000, **quiet)
    model.set_random_state(seed)
    model.fit(table, discrete)
    used = time.process_time() - start
    model.sample(len(table)).to_csv(out, index=False)
    return used, done


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("target")
    parser.add_argument("test", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--models", default="vae,vae-gan")
    parser.add_argument("--peers", default="CTGAN,TVAE")
    parser.add_argument("--shares", default="1,.333", help="shares of saddle's time that the peers get")
    parser.add_argument("--epochs", type=int, default=0, help="of the peers, in place of a time")
    parser.add_argument("--saddle", default="target/release/saddle")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    data = folder / "data"
    data.mkdir()
    shutil.copy(args.train, data / "train.csv")
    shutil.copy(args.test, data / "test.csv")
    print("| model | seconds | Shapes | Trends | logistic | trees | AUC | F1 | by heart |\n|" + "---|" * 9)

    def show(name, seconds, values):
        print(f"| {name} | {seconds:.0f} | " + " | ".join(f"{value:.3f}" for value in values) + " |", flush=True)

    run = None
    for seed in range(args.first, args.first + args.seeds):
        slowest = 0.0
        for model in filter(None, args.models.split(",")):
            run = folder / f"{model}-{seed}"
            quiet = ["--quiet", "--set", "sample_every=0", "--set", "checkpoint_every=0"]
            _, seconds = saddle(args, "train", model, "--data", data, "--out", run, "--seed", seed, *quiet)
            show(f"{model}, seed {seed}", seconds, scores(args, run))
            slowest = max(slowest, seconds)
        for name in filter(None, args.peers.split(",")):
            for share in map(float, args.shares.split(",")):
                fake = folder / f"{name}-{seed}.csv"
                seconds, epochs = peer(args, name, args.train, slowest * share, seed, fake)
                show(f"{name}, {epochs} epochs, seed {seed}", seconds, scores(args, run, "--only-data", fake))
    show("the test rows", 0, scores(args, run, "--only-data", args.test))


if __name__ == "__main__":
    main()
