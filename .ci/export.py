#!/usr/bin/env python3
"""Exports of every variant, beside what the CPU runner makes of the same inputs.

    python .ci/export.py target/release/saddle

It wants numpy, onnx, onnxruntime, torch and safetensors. Each variant trains for a few steps with tiny networks. Then
`saddle export --example` writes inputs and outputs beside its networks; ONNX Runtime and PyTorch have to agree with
them for two numbers of rows, and onnx.checker with the files. It prints a table and ends with status 1 if one differs.
"""

import importlib.util
import math
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file

# Relative to the largest value of an output; products in another order differ by some 1e-6.
TOLERANCE = 1e-5
# Units that are drawn from equal noise flip where their probability is within rounding of it.
FLIPPED = 1e-4
ROWS = [3, 8]

SHORT = "steps=6 batch=8 samples=8 log_every=1 holdout=0 checkpoint_every=6 sample_every=6 adapter=cpu"
CASES = {
    "gan": "data=digits hidden_g=16,16 hidden_d=16 norm_g=batch",
    "gan, ring": "data=ring latent=4",
    "gan, layer norm": "data=digits hidden_g=16 hidden_d=16 norm_g=layer",
    "gan, table": "data=table.csv hidden_g=16 hidden_d=16 latent=4",
    "dcgan": "data=digits width=4 latent=8",
    "dcgan, conditional": "data=digits width=4 latent=8 conditional=true ema=0",
    "dcgan, article": "data=digits architecture=article size=16 channels=3 latent=8",
    "ae": "data=digits hidden_e=16 latent=4",
    "vae": "data=digits hidden_e=16 latent=4",
    "vae, conv": "data=digits net=conv width=4 latent=4 norm_g=batch norm_d=batch ema=0.9",
    "vae-gan": "data=digits width=4 latent=4",
    "ae-gan": "data=digits width=4 latent=4 pretrain=2",
    "ae-gan, introspective": "data=digits preset=introspective width=4 latent=4 pretrain=2",
    "dbm": "data=digits layers=12,10 size=8 chains=8",
    "dbm-gan": "data=digits layers=12,10 pretrain=1 joint=1 size=8 hidden_g=8 hidden_d=8 chains=8",
    "dbm-gan, features": "data=digits layers=12 prior=features size=8 hidden_g=8 hidden_d=8 chains=8",
    "dbm-gan, noise": "data=digits layers=12,10 prior=normal pretrain=1 joint=1 size=8 hidden_g=8 hidden_d=8 chains=8",
    "lstm": "data=sines units=8 window=12",
    "lstm, text": "data=text.txt units=8 depth=2 window=12",
    "lstm, roll": "data=song.mid voices=all units=8 window=12",
    "lstm, GRU": "data=text.txt units=8 cell=gru window=12",
    "lstm, TensorFlow's GRU": "data=sines units=8 cell=tensorflow-gru window=12",
    "lstm-gan": "data=sines units=8 window=12 latent=2 latent_static=3",
    "lstm-gan, table": "data=table.csv units=8 window=12",
    "lstm-gan, feedback": "data=sines units=8 window=8 feedback=true",
    "lstm-gan, text": "data=text.txt units=8 window=8",
    "lstm-gan, roll": "data=song.mid voices=all units=8 window=8 feedback=true",
    "lstm-gan, TimeGAN": "data=sines preset=timegan units=6 latent=2 window=8 pretrain=1",
    "rvae": "data=sines units=8 latent=4 window=12",
    "rvae, text": "data=text.txt units=8 latent=4 window=8",
    "rvae-gan": "data=sines units=8 latent=4 window=12 pretrain=1",
    "rvae-gan, text": "data=text.txt units=8 latent=4 window=8 pretrain=1",
}


CLASSES = {
    "sample": "generator",
    "encode": "encoder",
    "decode": "decoder",
    "reconstruct": "reconstruction",
    "continue": "step",
    "sweep": "sweep",
}


def saddle(*words):
    done = subprocess.run([SADDLE, *map(str, words)], cwd=HERE, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"saddle {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def write_data():
    draw = random.Random(0)
    rows = [f"{n},{20 + 5 * math.sin(n / 9) + draw.gauss(0, 1):.2f},{draw.uniform(900, 1100):.1f}" for n in range(400)]
    (HERE / "table.csv").write_text("day,temperature,pressure\n" + "\n".join(rows) + "\n")
    words = "the cat sat on a mat and saw the dog that ran to a man with a hat".split()
    (HERE / "text.txt").write_text(" ".join(draw.choice(words) for _ in range(2000)))
    # Chords of two notes, each a quarter of 96 ticks.
    track = b""
    for n in range(64):
        low = 48 + n * 7 % 12
        track += bytes([0, 0x90, low, 64, 0, 0x90, low + 7, 64, 96, 0x80, low, 64, 0, 0x80, low + 7, 64])
    track += bytes([0, 0xFF, 0x2F, 0])
    head = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 96])
    (HERE / "song.mid").write_bytes(head + b"MTrk" + len(track).to_bytes(4, "big") + track)


def difference(found, wanted, is_drawn):
    """How far two arrays differ, and whether that is too far."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape, f"{found.shape} is not {wanted.shape}"
    if is_drawn:
        share = float(np.mean(found != wanted))
        return share, share > FLIPPED
    far = float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))
    return far, not far <= TOLERANCE


def compare(run, example, name, outputs, is_drawn, found):
    for output, values in outputs.items():
        key = f"{name}.{output}"
        far, bad = difference(values, example[key], is_drawn(output))
        found.append(far)
        if bad:
            failures.append(f"{run}: {key} differs by {far:.2g}")


def check(case, settings):
    variant, run = case.split(",")[0], HERE / case.replace(" ", "-").replace(",", "").replace("'", "")
    saddle("train", variant, "--quiet", "--out", run, *SHORT.split(), *settings.split())
    inputs, sizes, onnx_far, torch_far = [], {}, [], []
    for rows in ROWS:
        example = None
        for form in ["onnx", "pytorch"]:
            saddle("export", run, "--to", form, "--example", rows, "--seed", rows, "--adapter", "cpu", "--force")
            folder = run / form
            example = load_file(folder / "example.safetensors")
            files = [file for file in folder.iterdir() if file.name != "example.safetensors"]
            sizes[form] = sum(file.stat().st_size for file in files)
        # Symbols and units that are drawn are whole numbers.
        text = variant in ("lstm-gan", "rvae", "rvae-gan") and "text" in case
        is_drawn = lambda output: output.startswith("layer") or (text and output == "samples")
        for file in sorted((run / "onnx").glob("*.onnx")):
            onnx.checker.check_model(str(file), full_check=True)
            session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
            feed = {i.name: example[f"{file.stem}.{i.name}"] for i in session.get_inputs()}
            names = [output.name for output in session.get_outputs()]
            compare(f"{case} (onnx, {rows})", example, file.stem, dict(zip(names, session.run(None, feed))), is_drawn, onnx_far)
            inputs.append(file.stem)
        if not (run / "pytorch" / "model.py").exists():
            continue
        spec = importlib.util.spec_from_file_location("model", run / "pytorch" / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = module.load()
        for name in dict.fromkeys(key.split(".")[0] for key in example):
            network = getattr(model, CLASSES[name], model)
            feed = {k: torch.from_numpy(example[f"{name}.{k}"]) for k in network.inputs}
            with torch.no_grad():
                results = network(**feed)
            results = results if isinstance(results, tuple) else (results,)
            outputs = dict(zip(network.outputs, [result.numpy() for result in results]))
            compare(f"{case} (pytorch, {rows})", example, name, outputs, is_drawn, torch_far)
        drawn = module.sample(rows, seed=1)
        assert len(drawn) == rows, f"{case}: sample({rows}) gives {len(drawn)}"
    networks = " ".join(dict.fromkeys(inputs))
    print(
        f"{case:24} {networks:24} {sizes['onnx'] / 1000:9.1f} {max(onnx_far):10.1e}"
        f" {sizes['pytorch'] / 1000:10.1f} {max(torch_far, default=math.nan):10.1e}",
        flush=True,
    )


def check_options():
    """Images as bytes, and noise that is drawn inside."""

    def session(*words):
        saddle("export", *words, "--to", "onnx", "--out", "option.onnx", "--force")
        onnx.checker.check_model(str(HERE / "option.onnx"), full_check=True)
        return onnxruntime.InferenceSession(str(HERE / "option.onnx"), providers=["CPUExecutionProvider"])

    z = np.random.default_rng(0).standard_normal((5, 8)).astype("f4")
    (images,) = session("dcgan").run(None, {"z": z})
    images = np.rint((images + 1) * 127.5).astype("u1")
    for axes, order in [("nchw", [0, 1, 2, 3]), ("nhwc", [0, 2, 3, 1])]:
        (found,) = session("dcgan", "--bytes", axes).run(None, {"z": z})
        # A value that is rounded elsewhere is one off.
        if found.dtype != np.uint8 or np.abs(found.astype(int) - images.transpose(order)).max() > 1:
            failures.append(f"dcgan --bytes {axes} gives other images")
    drawn = session("rvae-text", "--network", "sample", "--draws")
    texts = [drawn.run(None, {"z": z[:, :4]})[0] for _ in range(2)]
    if [i.name for i in drawn.get_inputs()] != ["z"] or texts[0].shape != (5, 8) or (texts[0] == texts[1]).all():
        failures.append("rvae --draws does not draw")
    machine = session("dbm", "--network", "sweep", "--draws")
    bits = [machine.run(None, {"layer1": np.ones((500, 12), "f4")})[0] for _ in range(2)]
    if (bits[0] == bits[1]).all() or set(np.unique(bits)) != {0, 1}:
        failures.append("dbm --draws does not draw")


SADDLE = Path(sys.argv[1]).resolve()
failures = []
with tempfile.TemporaryDirectory() as folder:
    HERE = Path(folder)
    write_data()
    print(f"{'':24} {'networks':24} {'onnx, KB':>9} {'differs':>10} {'torch, KB':>10} {'differs':>10}")
    for case, settings in CASES.items():
        if len(sys.argv) < 3 or re.match(sys.argv[2], case):
            check(case, settings)
    if len(sys.argv) < 3:
        check_options()
for failure in failures:
    print(failure)
sys.exit(bool(failures))
