#!/usr/bin/env python3
"""Milliseconds per training round on one GPU, Saddle against PyTorch at its best, all sides in turn.

usage: python benches/torch_on_gpu.py [--ways eager,graphs,compile] [--only gan,dcgan] [--turns N] [--seconds S] [--adapter A]
           [--saddle PROGRAM] [--json FILE] [--device cuda]

The nets are those of against_torch.py, with fused Adam. Ways: eager; CUDA graphs, a whole round captured; torch.compile of both nets
of a game. Each in f32 and in TF32 (its products and convolutions rounded to 10 bits), Saddle beside them in f32 and, where it has
another, in half precision. Rounds follow one another without a wait, as in training; each net has a process of its own, since
torch.compile gives up after some nets. --device cpu tries the script where there is no GPU.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import ours

ROUNDS = {"gan": "gan", "dcgan": "dcgan", "lstm-gan": "lstm_gan", "dcgan-64": "dcgan64", "vae-gan": "vae_gan"}


class Steps:
    """One net's round in all ways; made when first asked for."""

    def __init__(self, name, device):
        import torch
        import against_torch
        self.torch, self.nets, self.device, self.made = torch, against_torch, device, {}
        self.name = name
        torch.set_default_device(device)
        self.cuda = device == "cuda"
        if self.cuda:
            against_torch.ADAM.update(fused=True, capturable=True)

    def round(self):
        return getattr(self.nets, ROUNDS[self.name])()

    def compiled(self):
        if self.name == "vae-gan":
            raise RuntimeError("its gradients are taken one by one, which breaks the graph")
        plain = self.nets.torch_round
        self.nets.torch_round = lambda g, d, *shapes: plain(self.torch.compile(g), self.torch.compile(d), *shapes)
        try:
            return self.round()
        finally:
            self.nets.torch_round = plain

    def captured(self):
        if not self.cuda:
            raise RuntimeError("CUDA graphs want CUDA")
        step, aside = self.round(), self.torch.cuda.Stream()
        aside.wait_stream(self.torch.cuda.current_stream())
        with self.torch.cuda.stream(aside):
            for _ in range(4):
                step()
        self.torch.cuda.current_stream().wait_stream(aside)
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.cuda.graph(graph):
            step()
        return graph.replay

    def measure(self, way, tf32, seconds):
        torch = self.torch
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        wait = torch.cuda.synchronize if self.cuda else lambda: None
        if (way, tf32) not in self.made:
            make = {"eager": self.round, "graphs": self.captured, "compile": self.compiled}[way]
            step = self.made[way, tf32] = make()
            for _ in range(5):
                step()
            wait()
        step, rounds, begun = self.made[way, tf32], 1, time.perf_counter()
        while True:
            start = time.perf_counter()
            for _ in range(rounds):
                step()
            wait()
            took = time.perf_counter() - start
            if took >= seconds or time.perf_counter() - begun > 4 * seconds + 1:
                return 1e3 * took / rounds
            rounds = max(rounds + 1, min(10 * rounds, int(1.2 * rounds * seconds / max(took, 1e-6))))


def serve(name, device):
    """Answers requests, a line of JSON each."""
    steps = Steps(name, device)
    for line in sys.stdin:
        way, tf32, seconds = json.loads(line)
        try:
            answer = {"ms": steps.measure(way, tf32, seconds)}
        except Exception as e:  # what PyTorch cannot do is a result, too
            answer = {"failed": str(e).strip().splitlines()[0][:200] if str(e).strip() else repr(e)}
        print("\n=" + json.dumps(answer), flush=True)


class Peer:
    def __init__(self, name, device):
        command = [sys.executable, __file__, "--serve", name, "--device", device]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("="):
                return json.loads(line[1:])
        return {"failed": "the process has ended"}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", default="eager,graphs,compile")
    parser.add_argument("--only", default=",".join(ROUNDS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--adapter", default="0")
    parser.add_argument("--saddle", default="target/release/saddle")
    parser.add_argument("--json")
    parser.add_argument("--device", default=None)
    parser.add_argument("--serve", help=argparse.SUPPRESS)  # what the processes of the nets are told
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve, args.device)
    import torch
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    about = torch.cuda.get_device_name() if device == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    ways = [(way, tf32) for way in args.ways.split(",") for tf32 in ([False, True] if device == "cuda" else [False])]
    report = {"torch": torch.__version__, "device": about, "adapter": args.adapter, "rounds": {}}
    print(f"torch {torch.__version__} on {about}; medians of {args.turns} turns, ms a round")
    for name in args.only.split(","):
        peer, times, failed = Peer(name, device), {}, {}
        for _ in range(args.turns):
            for half in (False, True):
                try:
                    ms = ours.round_of(name, args.adapter, args.seconds / 5, args.saddle, half)["milliseconds"]["median"]
                    times.setdefault("saddle half" if half else "saddle", []).append(ms)
                except (subprocess.CalledProcessError, IndexError) as e:
                    failed["saddle half" if half else "saddle"] = str(e)
            for way, tf32 in ways:
                key = way + (" tf32" if tf32 else "")
                if key not in failed:
                    answer = peer.ask(way, tf32, args.seconds)
                    times.setdefault(key, []).append(answer["ms"]) if "ms" in answer else failed.update({key: answer["failed"]})
        peer.close()
        report["rounds"][name] = {"ms": times, "failed": failed}
        median = {key: statistics.median(all) for key, all in times.items()}
        print(f"{name}: " + ", ".join(f"{key} {ms:.3f}" for key, ms in median.items()), flush=True)
        for key, why in failed.items():
            print(f"{name}: {key} failed: {why}", flush=True)
        if args.json:  # after each net, so that a cut run keeps what there is
            with open(args.json + ".part", "w") as file:
                json.dump(report, file, indent=1)
            os.replace(args.json + ".part", args.json)


if __name__ == "__main__":
    main()
