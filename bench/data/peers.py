"""Ingest and features in other libraries, each in a few lines of idiomatic code.

python -m bench.data.peers polars ingest SOURCE_FOLDER OUTPUT_FILE
python -m bench.data.peers polars features "PRICES_GLOB" OUTPUT_FILE
"""

import sys
from pathlib import Path

COLUMNS = ["Symbol", "Security Name", "Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"]
NUMBERS = COLUMNS[3:]


def polars_ingest(source: str, output: str) -> None:
    rows = polars_prices(source, csv_files(source)).sort("Symbol", "Date")
    rows.sink_parquet(output, compression="zstd")


def polars_without_sort_ingest(source: str, output: str) -> None:
    """Reads the files by symbol. Assumes that each file is sorted by date."""
    files = sorted(csv_files(source), key=lambda path: path.stem)
    polars_prices(source, files).sink_parquet(output, compression="zstd")


def polars_prices(source: str, files: list[Path]):
    import polars as pl

    names = pl.scan_csv(f"{source}/symbols_valid_meta.csv", infer_schema=False).select(
        pl.col("NASDAQ Symbol").alias("Symbol"), "Security Name"
    )
    schema = {"Date": pl.String} | dict.fromkeys(NUMBERS, pl.Float64)
    rows = pl.scan_csv(files, schema=schema, include_file_paths="path").with_columns(
        Symbol=pl.col("path").str.extract(r"([^/]+)\.csv$"), Volume=pl.col("Volume").cast(pl.Int64)
    )
    return rows.join(names, on="Symbol", how="left", maintain_order="left").select(COLUMNS)


def csv_files(source: str) -> list[Path]:
    return [path for kind in ("stocks", "etfs") for path in Path(source, kind).glob("*.csv")]


def polars_features(prices: str, output: str) -> None:
    import polars as pl

    rows = pl.scan_parquet(prices).sort("Symbol", "Date")
    rows.with_columns(
        vol_moving_avg=pl.col("Volume").rolling_mean(30).over("Symbol"),
        adj_close_rolling_med=pl.col("Adj Close").rolling_median(30).over("Symbol"),
    ).sink_parquet(output, compression="zstd")


def polars_without_sort_features(prices: str, output: str) -> None:
    """Assumes that the files are sorted, which only the program that wrote them can know."""
    import polars as pl

    pl.scan_parquet(prices).with_columns(
        vol_moving_avg=pl.col("Volume").rolling_mean(30).over("Symbol"),
        adj_close_rolling_med=pl.col("Adj Close").rolling_median(30).over("Symbol"),
    ).sink_parquet(output, compression="zstd")


def duckdb_ingest(source: str, output: str) -> None:
    import duckdb

    types = {"Date": "VARCHAR"} | dict.fromkeys(NUMBERS, "DOUBLE")
    duckdb.sql(f"""
        COPY (
          SELECT parse_filename(csv.filename, true) AS Symbol, "Security Name",
            csv.* EXCLUDE (filename) REPLACE (Volume::BIGINT AS Volume)
          FROM read_csv(['{source}/stocks/*.csv', '{source}/etfs/*.csv'], columns = {types}, header = true,
            auto_detect = false, delim = ',', quote = '"', escape = '"', filename = true) AS csv
          LEFT JOIN read_csv('{source}/symbols_valid_meta.csv', all_varchar = true) AS names
            ON names."NASDAQ Symbol" = parse_filename(csv.filename, true)
          ORDER BY Symbol, Date
        ) TO '{output}' (FORMAT parquet, COMPRESSION zstd)
    """)


def duckdb_features(prices: str, output: str) -> None:
    import duckdb

    duckdb.sql(f"""
        COPY (
          SELECT *,
            CASE WHEN count(Volume) OVER w = 30 THEN avg(Volume) OVER w END AS vol_moving_avg,
            CASE WHEN count("Adj Close") OVER w = 30 THEN median("Adj Close") OVER w END
              AS adj_close_rolling_med
          FROM '{prices}'
          WINDOW w AS (PARTITION BY Symbol ORDER BY Date ROWS BETWEEN 29 PRECEDING AND CURRENT ROW)
          ORDER BY Symbol, Date
        ) TO '{output}' (FORMAT parquet, COMPRESSION zstd)
    """)


def pandas_ingest(source: str, output: str) -> None:
    import pandas as pd

    names = pd.read_csv(f"{source}/symbols_valid_meta.csv", dtype=str, keep_default_na=False)
    names = names.set_index("NASDAQ Symbol")["Security Name"]
    types = {"Date": "str"} | dict.fromkeys(NUMBERS, "float64")
    paths = [path for kind in ("stocks", "etfs") for path in Path(source, kind).glob("*.csv")]
    symbols = [path.name.removesuffix(".csv") for path in paths]
    files = [pd.read_csv(path, dtype=types) for path in paths]
    rows = pd.concat(files, keys=symbols, names=["Symbol"]).reset_index("Symbol")
    rows["Security Name"] = rows["Symbol"].map(names)
    rows["Volume"] = rows["Volume"].astype("Int64")
    rows.sort_values(["Symbol", "Date"])[COLUMNS].to_parquet(output, compression="zstd", index=False)


def pandas_features(prices: str, output: str) -> None:
    import pandas as pd

    rows = pd.concat(
        pd.read_parquet(path) for path in sorted(Path(prices).parents[1].glob("*/shard-*.parquet"))
    )
    rows = rows.sort_values(["Symbol", "Date"], ignore_index=True)
    windows = rows.groupby("Symbol", sort=False)
    rows["vol_moving_avg"] = windows["Volume"].rolling(30).mean().reset_index(drop=True)
    rows["adj_close_rolling_med"] = windows["Adj Close"].rolling(30).median().reset_index(drop=True)
    rows["Volume"] = rows["Volume"].astype("Int64")
    rows.to_parquet(output, compression="zstd", index=False)


if __name__ == "__main__":
    library, task, source, output = sys.argv[1:]
    globals()[f"{library}_{task}"](source, output)
