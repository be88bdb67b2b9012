"""LightGBM training as a separate process: all rows of the features at once, absolute error of the log ratio.

python -m bench.training.lightgbm_peer FEATURES_FOLDER AS_OF MODEL_FILE
"""

import os
import sys
from pathlib import Path

import numpy as np
import polars as pl

from bench.training.feature_rows import EMBARGO
from bench.training.reference_models import train_lightgbm

VOL_MOVING_AVG, ADJ_CLOSE_ROLLING_MED = pl.col("vol_moving_avg"), pl.col("adj_close_rolling_med")


def main(folder: str, as_of: str, output: str) -> None:
    # A shard holds whole symbols: reading one at a time needs the least memory.
    shards = [read_shard(path, as_of) for path in sorted(Path(folder).glob("shard-*.parquet"))]
    rows = np.concatenate(shards)
    shards.clear()
    booster = train_lightgbm(rows[:, :2], rows[:, 2], "l1", threads=os.cpu_count())
    booster.save_model(output)
    Path(output).with_suffix(".rows").write_text(str(len(rows)))


def read_shard(path: Path, as_of: str) -> np.ndarray:
    """Inputs and log ratio of the rows before the date and the embargo, of shape [rows, 3]."""
    has_full_window = VOL_MOVING_AVG.is_not_null() & ADJ_CLOSE_ROLLING_MED.is_not_null()
    rows = pl.scan_parquet(path).filter(pl.col("Date") < as_of, has_full_window)
    log_vol_moving_avg = VOL_MOVING_AVG.log1p()
    columns = [
        log_vol_moving_avg.alias("log_vol_moving_avg"),
        (ADJ_CLOSE_ROLLING_MED.sign() * ADJ_CLOSE_ROLLING_MED.abs().log1p()).alias(
            "signed_log_adj_close_rolling_med"
        ),
        (pl.col("Volume").cast(pl.Float64).log1p() - log_vol_moving_avg).alias("log_ratio"),
    ]
    is_before_embargo = pl.int_range(pl.len()).over("Symbol") + EMBARGO < pl.len().over("Symbol")
    chosen = rows.filter(is_before_embargo).select(column.cast(pl.Float32) for column in columns)
    return chosen.collect().to_numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
