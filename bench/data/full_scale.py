"""Measure ingest and features on 28 million rows, beside other libraries that do the same.

python -m bench.data.full_scale compare --runs 3   tables, JSON and plot; checks that all outputs are equal
python -m bench.data.full_scale growth             this pipeline only, from 1 to 100 million rows
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.data.full_scale_tables import write_comparison, write_growth
from bench.data.measure import measure
from bench.machine import machine, warm

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "bench"
STORE = DATA / "store"
# Files and rows of the real set.
FULL = (8049, 28_151_758)
GROWTH = [(286, 1_000_000), (2860, 10_000_000), FULL, (28592, 100_000_000)]
TASKS = ["ingest", "features"]
PEERS = ["polars", "polars_without_sort", "duckdb", "pandas"]
COPIED_COLUMNS = 'Symbol, "Security Name", Date, Open, High, Low, Close, "Adj Close", Volume'


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["compare", "growth"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=FULL[0])
    parser.add_argument("--rows", type=int, default=FULL[1])
    parser.add_argument("--source", help="zip or folder of price files to repeat (default: the bundled sample)")
    parser.add_argument("--without", action="append", default=[], help="library to leave out")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    args = parser.parse_args()
    args.results.mkdir(exist_ok=True)
    (compare if args.mode == "compare" else measure_growth)(args)


def compare(args: argparse.Namespace) -> None:
    """Run this pipeline and the other libraries in turn, so that slow minutes of the machine hit all."""
    source = make_set(args.files, args.rows, args.source)
    figures = {}
    names = ["ours", *(peer for peer in PEERS if peer not in args.without)]
    for task in TASKS:
        runs = {name: [] for name in names}
        for _ in range(args.runs):
            for name in names:
                runs[name].append(run(name, task, source))
                print(task, name, json.dumps(runs[name][-1]), flush=True)
        figures[task] = {name: {"runs": runs[name], **summarize_output(name, task)} for name in names}
        for name in names[1:]:
            assert_equal_outputs(figures[task]["ours"], figures[task][name], f"{task}: ours and {name}")
    figures |= {"again": ingest_again(source), "changed": ingest_one_change(source)}
    figures["zip"] = [run("ours", "ingest", make_zip(source)) for _ in range(args.runs)]
    versions = {name: version(name) for name in ("polars", "duckdb", "pandas")}
    write_comparison({**run_facts(args), "versions": versions, **figures}, args.results)


def measure_growth(args: argparse.Namespace) -> None:
    sizes = []
    for files, rows in GROWTH:
        source = make_set(files, rows, args.source)
        figures = {}
        for task in TASKS:
            runs = [run("ours", task, source) for _ in range(args.runs)]
            figures[task] = {"runs": runs, "rows": summarize_output("ours", task)["rows"]}
            print(rows, task, json.dumps(figures[task]), flush=True)
        sizes.append(figures)
        if (files, rows) != FULL:
            shutil.rmtree(source)
    write_growth({**run_facts(args), "sizes": sizes}, args.results)


def run_facts(args: argparse.Namespace) -> dict:
    """The machine, the source and the number of runs. The source without its folder."""
    source = Path(args.source).name if args.source else "sample.zip"
    return {"machine": machine(), "source": source, "runs": args.runs}


def make_set(files: int, rows: int, source: str | None) -> Path:
    target = DATA / f"csv-{files}"
    more = [source] if source else []
    subprocess.run(["node", ROOT / "bench/data/make-set.ts", target, str(files), str(rows), *more], check=True)
    return target


def ingest_again(source: Path) -> dict:
    """Ingest files that have not changed. Also reads the metrics and checks of the result."""
    result = DATA / "result.json"
    figures = measure([*task_command("ingest", source), "--result", result])
    task_result = json.loads(result.read_text())
    rows_out = task_result["outputs"][0]["rows"]
    return {**figures, "metrics": task_result["metrics"] | {"rows_out": rows_out}, "checks": task_result["checks"]}


def ingest_one_change(source: Path) -> dict:
    """Ingest after one file has got a row, and count the shards that were made again."""
    file = min((source / "stocks").glob("*.csv"))
    content, description = file.read_bytes(), (source / "made.json").read_text()
    # Without made.json, a set that an interrupted run left changed is made again.
    (source / "made.json").unlink()
    file.write_bytes(content + b"2030-01-01,1,1,1,1,1,1\n")
    try:
        figures = measure(task_command("ingest", source))
        latest = json.loads((STORE / "prices/latest.json").read_text())["key"]
        shards = list((STORE / "prices" / latest).glob("shard-*.parquet"))
        # Shards that did not change are hard links to those of the run before.
        made = [path for path in shards if path.stat().st_nlink == 1]
        return {**figures, "shards": len(shards), "made": len(made)}
    finally:
        file.write_bytes(content)
        (source / "made.json").write_text(description)


def make_zip(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    if not target.exists() or target.stat().st_mtime < (folder / "made.json").stat().st_mtime:
        print("packing", target, flush=True)
        partial = shutil.make_archive(str(target) + ".part", "zip", folder)
        Path(partial).rename(target)
    return target


def run(name: str, task: str, source: Path) -> dict[str, float]:
    """One run without outputs or caches of earlier runs, after their writes have reached the disk."""
    warm(source if task == "ingest" else STORE / "prices")
    if name != "ours":
        os.sync()
        task_input = source if task == "ingest" else shard_glob("prices")
        return measure([sys.executable, "-m", "bench.data.peers", name, task, task_input, output_path(name, task)])
    if task == "ingest":
        shutil.rmtree(STORE, ignore_errors=True)
    shutil.rmtree(STORE / "features", ignore_errors=True)
    os.sync()
    return measure(task_command(task, source))


def task_command(task: str, source: Path) -> list[str]:
    arguments = ["--source", source] if task == "ingest" else []
    return ["node", ROOT / "tasks/cli.ts", task, "--store", STORE, *arguments]


def output_path(name: str, task: str) -> str:
    if name == "ours":
        return shard_glob("prices" if task == "ingest" else "features")
    return str(DATA / f"{name}-{task}.parquet")


def shard_glob(dataset: str) -> str:
    return str(STORE / dataset / "*" / "shard-*.parquet")


def summarize_output(name: str, task: str) -> dict:
    """What equal outputs have in common: columns, compression, and sums over every value."""
    import duckdb

    path = output_path(name, task)
    columns = [row[:2] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall()
    rows, copied = duckdb.sql(f"SELECT count(*), sum(hash({COPIED_COLUMNS})) FROM '{path}'").fetchone()
    sums = []
    if task == "features":
        sums = duckdb.sql(f"""SELECT Symbol, count(vol_moving_avg), count(adj_close_rolling_med),
            avg(vol_moving_avg), avg(adj_close_rolling_med), max(adj_close_rolling_med)
            FROM '{path}' GROUP BY Symbol ORDER BY Symbol""").fetchall()
    size = sum(Path(file).stat().st_size for (file,) in duckdb.sql(f"FROM glob('{path}')").fetchall())
    return {
        "columns": columns,
        "codecs": codecs,
        "rows": rows,
        "copied": str(copied),
        "sums": sums,
        "bytes": size,
    }


def assert_equal_outputs(ours: dict, theirs: dict, label: str) -> None:
    for field in ("columns", "codecs", "rows", "copied"):
        if ours[field] != theirs[field]:
            raise SystemExit(f"{label}: {field} differ: {ours[field]} and {theirs[field]}")
    for our_sums, their_sums in zip(ours["sums"], theirs["sums"], strict=True):
        # Running sums differ in their last digits.
        close = all(is_close(a, b) for a, b in zip(our_sums[3:], their_sums[3:], strict=True))
        if our_sums[:3] != their_sums[:3] or not close:
            raise SystemExit(f"{label}: features differ: {our_sums} and {their_sums}")


def is_close(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and abs(a - b) <= 1e-6 * max(abs(a), abs(b)))


if __name__ == "__main__":
    main()
