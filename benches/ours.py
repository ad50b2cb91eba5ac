"""Saddle's side of the comparisons with other systems."""
import json
import os
import re
import statistics
import subprocess
import tempfile


def round_of(name, adapter, seconds=1, program="target/release/saddle", half=False):
    """What `saddle bench` measures of one round: a dict."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "report.json")
        command = [program, "bench", *(["--half"] if half else []), "--adapter", adapter, "--only", name, "--shapes", "0", "--seconds", str(seconds)]
        subprocess.run([*command, "--json", file], check=True, capture_output=True)
        with open(file) as report:
            return json.load(report)["rounds"][0]


def build(bench=None):
    """Builds saddle, and a bench, whose program's path it returns."""
    subprocess.run(["cargo", "build", "--release"], check=True)
    if bench:
        out = subprocess.run(["cargo", "bench", "--bench", bench, "--no-run"], check=True, capture_output=True, text=True)
        return re.search(r"Executable .*\((.*)\)", out.stderr)[1]


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
