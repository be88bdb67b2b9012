"""Rows of features as pandas reads them, split by time, and how far predictions lie from the volumes."""

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data/sample.zip"
# A larger sample that lies beside the checkout where this project is worked on.
SHARED = ROOT.parent / "shared/data/stock-market-sample.zip"
FEATURES = ["vol_moving_avg", "adj_close_rolling_med"]
LAGGED = ["lagged_average", "lagged_median"]
# Rows of each symbol before the test rows that train nothing: a window's.
EMBARGO = 30


def default_source() -> Path:
    return SHARED if SHARED.exists() else SAMPLE


def run_task(task: str, store: Path, *arguments: str | Path) -> None:
    subprocess.run(["node", ROOT / "tasks/cli.ts", task, "--store", store, *arguments], check=True)


def feature_files(store: Path) -> list[Path]:
    """The shards that the features task made last; each holds whole symbols, by date."""
    key = json.loads((store / "features/latest.json").read_text())["key"]
    return sorted((store / "features" / key).glob("shard-*.parquet"))


def read_rows(files: list[Path]) -> pd.DataFrame:
    """All rows with full windows, with the features of the symbol's row before, by symbol and date."""
    shards = []
    for file in files:
        rows = pd.read_parquet(file, columns=["Symbol", "Date", "Volume", *FEATURES])
        rows = rows.sort_values(["Symbol", "Date"])
        rows[LAGGED] = rows.groupby("Symbol")[FEATURES].shift()
        shards.append(rows.dropna(subset=FEATURES))
    return pd.concat(shards, ignore_index=True).astype({"Volume": float})


def split(rows: pd.DataFrame, as_of: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows to train on, before the date and the embargo, and the rows to test on, from the date on."""
    before = rows[rows.Date < as_of]
    training = before[before.groupby("Symbol").cumcount(ascending=False) >= EMBARGO]
    return training, rows[rows.Date >= as_of]


def log_inputs(average: np.ndarray, median: np.ndarray) -> np.ndarray:
    return np.column_stack([np.log1p(average), np.sign(median) * np.log1p(np.abs(median))])


def round_volume(volume: np.ndarray) -> np.ndarray:
    return np.maximum(0, np.floor(volume + 0.5))


def score(predicted: np.ndarray, volume: np.ndarray) -> dict[str, float]:
    """MAE in shares, RMSLE and R2."""
    error = predicted - volume
    log_error = np.log1p(predicted) - np.log1p(volume)
    return {
        "mae": np.abs(error).mean(),
        "rmsle": math.sqrt(np.square(log_error).mean()),
        "r2": 1 - np.square(error).sum() / np.square(volume - volume.mean()).sum(),
    }
