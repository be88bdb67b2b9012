"""Fixtures of the Python tests. These compute expected values with pandas, not with DuckDB."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "data/sample.zip"
# A larger sample that some development machines have next to the checkout.
SHARED = ROOT.parent / "shared/data/stock-market-sample.zip"
ZIPS = [SAMPLE, SHARED] if SHARED.exists() else [SAMPLE]


@pytest.fixture(scope="session", params=ZIPS, ids=lambda path: path.stem)
def source(request) -> Path:
    """Each available zip of real prices: the bundled sample, and the larger one if it exists."""
    return request.param


@pytest.fixture(scope="session")
def datasets(source, tmp_path_factory) -> dict[str, Path]:
    """The folders with the prices and the features that `tasks/cli.ts` made from the zip."""
    store = tmp_path_factory.mktemp("store")
    return {
        "ingest": run_task(store, "ingest", "--source", source),
        "features": run_task(store, "features"),
    }


def run_task(store: Path, task: str, *arguments: str | Path) -> Path:
    result = store / f"{task}.json"
    node = shutil.which("node") or "node"
    command = [node, "tasks/cli.ts", task, "--store", store, "--result", result, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(json.loads(result.read_text())["outputs"][0]["uri"])
