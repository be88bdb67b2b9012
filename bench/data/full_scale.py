"""Ingest and features at full scale: the tasks and other libraries in turn, and whether all wrote the same.

python -m bench.data.full_scale compare --runs 3      the table, JSON and plot of bench/results
python -m bench.data.full_scale growth                the tasks alone, from 1 to 100 million rows
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.data.measure import measure
from bench.data.full_scale_report import write_comparison, write_growth

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "bench"
STORE = DATA / "store"
FULL = (8049, 28_151_758)
GROWTH = [(286, 1_000_000), (2860, 10_000_000), FULL, (28592, 100_000_000)]
PEERS = {
    "ingest": ["polars", "polars_unsorted", "duckdb", "pandas"],
    "features": ["polars", "polars_unsorted", "duckdb", "pandas"],
}
COPIED = 'Symbol, "Security Name", Date, Open, High, Low, Close, "Adj Close", Volume'


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["compare", "growth"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=FULL[0])
    parser.add_argument("--rows", type=int, default=FULL[1])
    parser.add_argument("--source", help="zip or folder to repeat; the bundled sample, if not given")
    parser.add_argument("--without", action="append", default=[], help="leave a library out")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    args = parser.parse_args()
    args.results.mkdir(exist_ok=True)
    (compare if args.what == "compare" else grow)(args)


def compare(args: argparse.Namespace) -> None:
    source = make_set(args.files, args.rows, args.source)
    figures = {}
    for task, peers in PEERS.items():
        contenders = ["ours", *(peer for peer in peers if peer not in args.without)]
        runs = {name: [] for name in contenders}
        for _ in range(args.runs):
            for name in contenders:
                runs[name].append(run(name, task, source))
                print(task, name, json.dumps(runs[name][-1]), flush=True)
        figures[task] = {name: {"runs": runs[name], **describe(name, task)} for name in contenders}
        for name in contenders[1:]:
            assert_same(figures[task]["ours"], figures[task][name], f"{task}: ours and {name}")
    figures |= {"again": again(source), "changed": change_one(source)}
    figures["zip"] = [run("ours", "ingest", make_zip(source)) for _ in range(args.runs)]
    versions = {name: version(name) for name in ("polars", "duckdb", "pandas")}
    write_comparison({**header(args), "versions": versions, **figures}, args.results)


def grow(args: argparse.Namespace) -> None:
    sizes = []
    for files, rows in GROWTH:
        source = make_set(files, rows, args.source)
        figures = {}
        for task in PEERS:
            runs = [run("ours", task, source) for _ in range(args.runs)]
            figures[task] = {"runs": runs, "rows": describe("ours", task)["rows"]}
            print(rows, task, json.dumps(figures[task]), flush=True)
        sizes.append(figures)
        if (files, rows) != FULL:
            shutil.rmtree(source)
    write_growth({**header(args), "sizes": sizes}, args.results)


def header(args: argparse.Namespace) -> dict:
    """What the figures are of. The source goes by its name, not by where it lies."""
    source = Path(args.source).name if args.source else "sample.zip"
    return {"machine": machine(), "source": source, "runs": args.runs}


def make_set(files: int, rows: int, source: str | None) -> Path:
    target = DATA / f"csv-{files}"
    more = [source] if source else []
    subprocess.run(["node", ROOT / "bench/data/make-set.ts", target, str(files), str(rows), *more], check=True)
    return target


def again(source: Path) -> dict:
    """Ingest where nothing has changed, and what its result says of files and rows."""
    result = DATA / "result.json"
    figures = measure([*ours("ingest", source), "--result", result])
    told = json.loads(result.read_text())
    rows_out = told["outputs"][0]["rows"]
    return {**figures, "metrics": told["metrics"] | {"rows_out": rows_out}, "checks": told["checks"]}


def change_one(source: Path) -> dict:
    """Ingest where one file has a row more, and how many shards that made anew."""
    file = min((source / "stocks").glob("*.csv"))
    content, description = file.read_bytes(), (source / "made.json").read_text()
    # Without it a set that was left altered would be made anew.
    (source / "made.json").unlink()
    file.write_bytes(content + b"2030-01-01,1,1,1,1,1,1\n")
    try:
        figures = measure(ours("ingest", source))
        latest = json.loads((STORE / "prices/latest.json").read_text())["key"]
        shards = list((STORE / "prices" / latest).glob("shard-*.parquet"))
        made = [path for path in shards if path.stat().st_nlink == 1]
        return {**figures, "shards": len(shards), "made": len(made)}
    finally:
        file.write_bytes(content)
        (source / "made.json").write_text(description)


def make_zip(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    if not target.exists() or target.stat().st_mtime < (folder / "made.json").stat().st_mtime:
        print("packing", target, flush=True)
        beside = shutil.make_archive(str(target) + ".part", "zip", folder)
        Path(beside).rename(target)
    return target


def run(name: str, task: str, source: Path) -> dict[str, float]:
    """One run from nothing: what an earlier run wrote or remembered is removed, or on the disk, first."""
    warm(source if task == "ingest" else STORE / "prices")
    if name != "ours":
        os.sync()
        given = source if task == "ingest" else glob("prices")
        return measure([sys.executable, "-m", "bench.data.peers", name, task, given, output(name, task)])
    if task == "ingest":
        shutil.rmtree(STORE, ignore_errors=True)
    shutil.rmtree(STORE / "features", ignore_errors=True)
    os.sync()
    return measure(ours(task, source))


def warm(source: Path) -> None:
    """Reads what is about to be read, so that the first to come does not wait for the disk alone."""
    files = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
    for file in files:
        with file.open("rb") as content:
            while content.read(1 << 20):
                pass


def ours(task: str, source: Path) -> list[str]:
    given = ["--source", source] if task == "ingest" else []
    return ["node", ROOT / "tasks/cli.ts", task, "--store", STORE, *given]


def output(name: str, task: str) -> str:
    if name == "ours":
        return glob("prices" if task == "ingest" else "features")
    return str(DATA / f"{name}-{task}.parquet")


def glob(dataset: str) -> str:
    return str(STORE / dataset / "*" / "shard-*.parquet")


def describe(name: str, task: str) -> dict:
    """What tells whether two outputs are the same: columns, compression, and sums over every value."""
    import duckdb

    path = output(name, task)
    columns = [row[:2] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall()
    rows, copied = duckdb.sql(f"SELECT count(*), sum(hash({COPIED})) FROM '{path}'").fetchone()
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


def assert_same(ours: dict, other: dict, label: str) -> None:
    for what in ("columns", "codecs", "rows", "copied"):
        if ours[what] != other[what]:
            raise SystemExit(f"{label}: {what} differ: {ours[what]} and {other[what]}")
    for mine, theirs in zip(ours["sums"], other["sums"], strict=True):
        # Running sums differ in their last digits.
        close = all(is_close(a, b) for a, b in zip(mine[3:], theirs[3:], strict=True))
        if mine[:3] != theirs[:3] or not close:
            raise SystemExit(f"{label}: features differ: {mine} and {theirs}")


def is_close(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and abs(a - b) <= 1e-6 * max(abs(a), abs(b)))


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(": ")[2] for line in cpuinfo.splitlines() if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.machine()}"


if __name__ == "__main__":
    main()
