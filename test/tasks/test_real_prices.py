"""Prices and features of real symbols, value by value against pandas."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

PRICE_COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
ROWS = {"sample": 122_810, "stock-market-sample": 944_860}


@pytest.fixture(scope="session")
def expected_prices(source) -> pd.DataFrame:
    """What pandas reads from the CSV files, sorted by Symbol, Date."""
    options = {"keep_default_na": False, "na_values": [""]}
    with zipfile.ZipFile(source) as archive:
        frames = []
        for name in archive.namelist():
            folder, _, file = name.rpartition("/")
            if folder in ("stocks", "etfs"):
                frame = pd.read_csv(archive.open(name), dtype={"Date": str}, **options)
                frames.append(frame.assign(Symbol=file.removesuffix(".csv")))
        metadata = pd.read_csv(archive.open("symbols_valid_meta.csv"), dtype=str, **options)
    names = metadata.dropna(subset=["NASDAQ Symbol"]).set_index("NASDAQ Symbol")["Security Name"]
    prices = pd.concat(frames, ignore_index=True)
    prices["Security Name"] = prices["Symbol"].map(names)
    return prices.sort_values(["Symbol", "Date"], ignore_index=True)


def read_shards(folder: Path) -> pd.DataFrame:
    """All shards of a dataset, sorted by Symbol, Date. Volume becomes a double, null NaN."""
    shards = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("shard-*.parquet"))])
    shards["Volume"] = shards["Volume"].astype("float64")
    return shards.sort_values(["Symbol", "Date"], ignore_index=True)


def test_prices_have_every_row_of_the_files(source, datasets, expected_prices):
    assert len(read_shards(datasets["ingest"])) == ROWS[source.stem] == len(expected_prices)


def test_prices_equal_the_files_value_by_value(datasets, expected_prices):
    prices = read_shards(datasets["ingest"])
    for column in ["Symbol", "Date", "Security Name"]:
        actual, expected = prices[column].fillna("null"), expected_prices[column].fillna("null")
        assert actual.tolist() == expected.tolist(), column
    for column in PRICE_COLUMNS:
        np.testing.assert_array_equal(prices[column], expected_prices[column], err_msg=column)


def test_shards_are_sorted_and_share_no_symbol(datasets):
    for folder in datasets.values():
        seen = set()
        for path in sorted(folder.glob("shard-*.parquet")):
            shard = pd.read_parquet(path, columns=["Symbol", "Date"])
            assert (shard["Symbol"] + " " + shard["Date"]).is_monotonic_increasing, path
            symbols = set(shard["Symbol"].unique())
            assert seen.isdisjoint(symbols), path
            seen |= symbols


# What parquet-format 1.0 had, and RLE_DICTIONARY. Spark 3.5, pyarrow before 12, fastparquet, DuckDB 0.8
# and polars 0.20 cannot read DELTA_* or BYTE_STREAM_SPLIT.
OLD_ENCODINGS = {"PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "RLE", "BIT_PACKED"}


def test_shards_have_only_encodings_that_old_readers_know(datasets):
    for folder in datasets.values():
        for path in folder.glob("shard-*.parquet"):
            metadata = pq.read_metadata(path)
            for group in range(metadata.num_row_groups):
                for column in range(metadata.num_columns):
                    chunk = metadata.row_group(group).column(column)
                    assert set(chunk.encodings) <= OLD_ENCODINGS, (path, chunk.path_in_schema)


def test_features_keep_the_prices_as_they_are(datasets):
    prices, features = read_shards(datasets["ingest"]), read_shards(datasets["features"])
    pd.testing.assert_frame_equal(features[prices.columns], prices, check_exact=True)


@pytest.mark.parametrize(
    ("feature", "column", "statistic"),
    [("vol_moving_avg", "Volume", "mean"), ("adj_close_rolling_med", "Adj Close", "median")],
)
def test_features_agree_with_pandas_in_every_row(datasets, expected_prices, feature, column, statistic):
    by_symbol = expected_prices.groupby("Symbol", sort=True)[column]
    expected = getattr(by_symbol.rolling(30), statistic)().to_numpy()
    actual = read_shards(datasets["features"])[feature].to_numpy()
    assert np.isnan(expected).any()
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=0, equal_nan=True)
