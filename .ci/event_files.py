"""Reads the event files of a run that was resumed with TensorBoard's own reader, and compares them with its metrics."""

import json
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = pathlib.Path(sys.argv[1])
rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
events.Reload()
columns = {name for row in rows for name, value in row.items() if isinstance(value, (int, float)) and name != "step"}
assert set(events.Tags()["scalars"]) == columns, events.Tags()["scalars"]
for name in columns:
    wanted = [(row["step"], row[name]) for row in rows if name in row]
    found = [(scalar.step, scalar.value) for scalar in events.Scalars(name)]
    assert [step for step, _ in found] == [step for step, _ in wanted], (name, found, wanted)
    assert all(abs(a - b) <= 1e-6 * abs(b) for (_, a), (_, b) in zip(found, wanted)), name
pictures = {f"step-{image.step:06}.png": image.encoded_image_string for image in events.Images("samples")}
files = {path.name: path.read_bytes() for path in (run / "samples").glob("*.png")}
assert pictures == files, (sorted(pictures), sorted(files))
print(f"{len(columns)} columns of {len(rows)} rows, {len(pictures)} pictures")
