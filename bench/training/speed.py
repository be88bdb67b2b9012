"""Time and memory of training at two sizes: the train task and LightGBM in turn, on the same features.

python -m bench.training.speed --source prices.zip --runs 1 --sizes 286x1000000 8049x28151758
"""

import argparse
import json
import shutil
import sys
from datetime import date
from pathlib import Path

import lightgbm
import pandas as pd

from bench.data.full_scale import DATA, FULL, GROWTH, make_set
from bench.data.full_scale_tables import median_of
from bench.data.measure import measure
from bench.machine import machine, warm
from bench.training.feature_rows import (
    FEATURES,
    ROOT,
    SAMPLE,
    columns,
    feature_files,
    log_inputs,
    run_task,
    volume_of,
)
from bench.training.numpy_model import NumpyModel
from bench.training.scoring import score

TITLES = {"ours": "this pipeline", "lightgbm": "LightGBM l1, 200 rounds"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", default=str(SAMPLE), help="zip of prices to repeat")
    parser.add_argument("--as-of", default="2019-01-01", help="train before it, test from then on")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--sizes", nargs="+", type=parse_size, default=[GROWTH[0], FULL], help="FILESxROWS")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    args = parser.parse_args()
    args.results.mkdir(exist_ok=True)
    results = {"machine": machine(), "source": Path(args.source).name, "as_of": args.as_of, "sizes": []}
    for files, rows in args.sizes:
        results["sizes"].append(compare(files, rows, args))
        # After each size, since the next one takes longer.
        write_tables(results, args.results)


def parse_size(text: str) -> tuple[int, int]:
    files, _, rows = text.partition("x")
    return int(files), int(rows)


def compare(files: int, rows: int, args: argparse.Namespace) -> dict:
    store, booster = DATA / f"training-{files}", DATA / f"training-{files}.txt"
    run_task("ingest", store, "--source", make_set(files, rows, args.source))
    run_task("features", store)
    shards = feature_files(store)
    runs = time_runs(store, shards[0].parent, booster, args)
    test = read_test(shards, args.as_of)
    inputs, volume = columns(test, FEATURES), test.Volume.to_numpy(dtype=float)
    model = NumpyModel(store / "models" / args.as_of / "model.bin")
    log_ratio = lightgbm.Booster(model_file=booster).predict(log_inputs(*inputs))
    predicted = {"ours": model.predict(*inputs)["prediction"], "lightgbm": volume_of(inputs[0], log_ratio)}
    return {
        "rows": rows,
        "test_rows": len(test),
        "training_rows": {
            "ours": int(model.metadata["training_rows"]),
            "lightgbm": int(booster.with_suffix(".rows").read_text()),
        },
        **{name: {"runs": runs[name], **score(predicted[name], volume)} for name in TITLES},
    }


def time_runs(store: Path, features: Path, booster: Path, args: argparse.Namespace) -> dict[str, list[dict]]:
    commands = {
        "ours": ["node", ROOT / "tasks/cli.ts", "train", "--store", store, "--as-of", args.as_of],
        "lightgbm": [sys.executable, "-m", "bench.training.lightgbm_peer", features, args.as_of, booster],
    }
    runs = {name: [] for name in commands}
    for _ in range(args.runs):
        # A published model would not be trained again.
        shutil.rmtree(store / "models", ignore_errors=True)
        for name, command in commands.items():
            warm(features)
            runs[name].append(measure([str(part) for part in command]))
            print(features, name, json.dumps(runs[name][-1]), flush=True)
    return runs


def read_test(shards: list[Path], as_of: str) -> pd.DataFrame:
    names, later = ["Volume", *FEATURES], [("Date", ">=", as_of)]
    files = [pd.read_parquet(shard, columns=names, filters=later) for shard in shards]
    return pd.concat(files, ignore_index=True).dropna()


def write_tables(results: dict, folder: Path) -> None:
    lines = [
        "# Training\n",
        f"{results['machine']}; {date.today()}; medians of whole processes, run in turn.",
        f"The prices of {results['source']}, repeated under new symbols. Trained on rows before",
        f"{results['as_of']}, scored on all rows from then on. LightGBM reads the same features with polars,",
        "and trains on all rows except each symbol's last 30. Ours keeps the latest of these rows to",
        "calibrate and measure the model.",
    ]
    for size in results["sizes"]:
        lines.append(f"\n## {size['rows']:,} rows of prices, {size['test_rows']:,} to score on\n")
        lines.append("| | rows trained on | wall s | ours / theirs | CPU s | peak MiB | MAE | RMSLE | R2 |")
        lines.append("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        lines += [size_line(size, name) for name in TITLES]
    (folder / "training.md").write_text("\n".join(lines) + "\n")
    (folder / "training.json").write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(lines))


def size_line(size: dict, name: str) -> str:
    result = size[name]
    wall, cpu, peak = (median_of(result["runs"], key) for key in ("wall", "cpu", "peak_mib"))
    ratio = f"{median_of(size['ours']['runs'], 'wall') / wall:.2f}" if name != "ours" else ""
    cells = [
        TITLES[name],
        f"{size['training_rows'][name]:,}",
        f"{wall:.1f}",
        ratio,
        f"{cpu:.1f}",
        f"{peak:,.0f}",
    ]
    cells += [f"{result['mae']:,.0f}", f"{result['rmsle']:.4f}", f"{result['r2']:.4f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
