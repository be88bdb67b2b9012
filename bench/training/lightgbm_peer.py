"""Training as a LightGBM user does it: all rows of the features at once, the absolute error on the log ratio.

python -m bench.training.lightgbm_peer FEATURES_FOLDER AS_OF MODEL_FILE
"""

import os
import sys
from pathlib import Path

import numpy as np
import polars as pl

from bench.training.rows import EMBARGO
from bench.training.volume_models import train_lightgbm

AVERAGE, MEDIAN, VOLUME = pl.col("vol_moving_avg"), pl.col("adj_close_rolling_med"), pl.col("Volume")


def main(folder: str, as_of: str, output: str) -> None:
    # A shard holds whole symbols, so that a shard at a time needs the least memory.
    shards = [read_shard(path, as_of) for path in sorted(Path(folder).glob("shard-*.parquet"))]
    rows = np.concatenate(shards)
    shards.clear()
    booster = train_lightgbm(rows[:, :2], rows[:, 2], "l1", threads=os.cpu_count())
    booster.save_model(output)
    Path(output).with_suffix(".rows").write_text(str(len(rows)))


def read_shard(path: Path, as_of: str) -> np.ndarray:
    """Inputs and log ratio of the rows before the date and the embargo, of shape [rows, 3]."""
    rows = pl.scan_parquet(path).filter(pl.col("Date") < as_of, AVERAGE.is_not_null(), MEDIAN.is_not_null())
    columns = [
        AVERAGE.log1p().alias("log_average"),
        (MEDIAN.sign() * MEDIAN.abs().log1p()).alias("signed_log_median"),
        (VOLUME.cast(pl.Float64).log1p() - AVERAGE.log1p()).alias("log_ratio"),
    ]
    kept = pl.int_range(pl.len()).over("Symbol") + EMBARGO < pl.len().over("Symbol")
    return rows.filter(kept).select(column.cast(pl.Float32) for column in columns).collect().to_numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
