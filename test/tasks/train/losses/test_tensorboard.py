"""TensorBoard reads the event files that training writes."""

import csv
import subprocess
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of one run of training."""
    store = tmp_path_factory.mktemp("store")
    for task in (["ingest", "--source", "data/sample.zip"], ["features"], ["train", "--as-of", "1984-01-01"]):
        command = ["node", "tasks/cli.ts", *task, "--store", store]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return store / "logs/train/1984-01-01/1"


@pytest.mark.parametrize("split", ["training", "validation"])
def test_tensorboard_reads_every_loss(run, split):
    with (run / "losses.csv").open() as file:
        losses = [row for row in csv.DictReader(file) if row["split"] == split]
    events = EventAccumulator(str(run / split), size_guidance={"scalars": 0})
    events.Reload()
    assert events.Tags()["scalars"] == ["loss"]
    scalars = events.Scalars("loss")
    assert [event.step for event in scalars] == [int(row["step"]) for row in losses]
    values = [event.value for event in scalars]
    assert values == pytest.approx([float(row["loss"]) for row in losses], rel=1e-6)
    assert len(values) > 0
