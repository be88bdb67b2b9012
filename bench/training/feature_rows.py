"""Rows of features in pandas: how to make, read and split them, and their log units."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data/sample.zip"
FEATURES = ["vol_moving_avg", "adj_close_rolling_med"]
LAGGED = ["lagged_vol_moving_avg", "lagged_adj_close_rolling_med"]
# This many rows of each symbol before the test rows are not used for training: a window.
EMBARGO = 30


def run_task(task: str, store: Path, *arguments: str | Path) -> None:
    subprocess.run(["node", ROOT / "tasks/cli.ts", task, "--store", store, *arguments], check=True)


def feature_files(store: Path) -> list[Path]:
    """The shards of the latest features. Each holds whole symbols, by date."""
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


def split_rows(rows: pd.DataFrame, as_of: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The training rows, before the date and the embargo, and the test rows, from the date on."""
    before = rows[rows.Date < as_of]
    training = before[before.groupby("Symbol").cumcount(ascending=False) >= EMBARGO]
    return training, rows[rows.Date >= as_of]


def columns(rows: pd.DataFrame, names: list[str]) -> list[np.ndarray]:
    return [rows[name].to_numpy() for name in names]


def log_inputs(vol_moving_avg: np.ndarray, adj_close_rolling_med: np.ndarray) -> np.ndarray:
    """Of shape [rows, 2]: ln(1 + x), with the sign of x for prices."""
    signed_log = np.sign(adj_close_rolling_med) * np.log1p(np.abs(adj_close_rolling_med))
    return np.column_stack([np.log1p(vol_moving_avg), signed_log])


def volume_of(vol_moving_avg: np.ndarray, log_ratio: np.ndarray) -> np.ndarray:
    """The volume with this log ratio ln(1 + Volume) - ln(1 + vol_moving_avg)."""
    return np.expm1(np.log1p(vol_moving_avg) + log_ratio)
