"""Training at two sizes: the train task and LightGBM in turn, each a process that reads the same features.

python -m bench.training.training --source prices.zip --runs 1 --sizes 286x1000000 8049x28151758
"""

import argparse
import json
import shutil
import statistics
import sys
from datetime import date
from pathlib import Path

import lightgbm
import pandas as pd

from bench.data.full_scale import DATA, FULL, GROWTH, ROOT, machine, make_set, warm
from bench.data.measure import measure
from bench.training.model_file import ModelFile
from bench.training.rows import (
    FEATURES,
    default_source,
    feature_files,
    log_inputs,
    round_volume,
    run_task,
    score,
)
from bench.training.volume_models import from_ratio

TITLES = {"ours": "this pipeline", "lightgbm": "LightGBM l1, 200 rounds"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", default=str(default_source()), help="zip of prices to repeat")
    parser.add_argument("--as-of", default="2019-01-01", help="train before it, test from then on")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--sizes", nargs="+", type=parse_size, default=[GROWTH[0], FULL], help="FILESxROWS")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    args = parser.parse_args()
    args.results.mkdir(exist_ok=True)
    figures = {"machine": machine(), "source": Path(args.source).name, "as_of": args.as_of, "sizes": []}
    for files, rows in args.sizes:
        figures["sizes"].append(compare(files, rows, args))
        # After each size: the next takes longer.
        write_report(figures, args.results)


def parse_size(text: str) -> tuple[int, int]:
    files, _, rows = text.partition("x")
    return int(files), int(rows)


def compare(files: int, rows: int, args: argparse.Namespace) -> dict:
    store, booster = DATA / f"training-{files}", DATA / f"training-{files}.txt"
    run_task("ingest", store, "--source", make_set(files, rows, args.source))
    run_task("features", store)
    shards = feature_files(store)
    peer = [sys.executable, "-m", "bench.training.lightgbm_peer", shards[0].parent, args.as_of, booster]
    commands = {
        "ours": ["node", ROOT / "tasks/cli.ts", "train", "--store", store, "--as-of", args.as_of],
        "lightgbm": peer,
    }
    runs = {name: [] for name in commands}
    for _ in range(args.runs):
        # A model that is there already would not be trained again.
        shutil.rmtree(store / "models", ignore_errors=True)
        for name, command in commands.items():
            warm(shards[0].parent)
            runs[name].append(measure([str(part) for part in command]))
            print(f"{files} files", name, json.dumps(runs[name][-1]), flush=True)
    test = read_test(shards, args.as_of)
    average, median = (test[name].to_numpy() for name in FEATURES)
    model = ModelFile(store / "models" / args.as_of / "model.bin")
    log_ratio = lightgbm.Booster(model_file=booster).predict(log_inputs(average, median))
    predicted = {
        "ours": model.predict(average, median)["prediction"],
        "lightgbm": from_ratio(average, log_ratio),
    }
    volume = test.Volume.to_numpy(dtype=float)
    return {
        "rows": rows,
        "test_rows": len(test),
        "training_rows": {
            "ours": int(model.metadata["training_rows"]),
            "lightgbm": int(booster.with_suffix(".rows").read_text()),
        },
        **{name: {"runs": runs[name], **score(round_volume(predicted[name]), volume)} for name in commands},
    }


def read_test(shards: list[Path], as_of: str) -> pd.DataFrame:
    names, later = ["Volume", *FEATURES], [("Date", ">=", as_of)]
    files = [pd.read_parquet(shard, columns=names, filters=later) for shard in shards]
    return pd.concat(files, ignore_index=True).dropna()


def write_report(figures: dict, results: Path) -> None:
    lines = [
        "# Training\n",
        f"{figures['machine']}; {date.today()}; medians of whole processes, run in turn.",
        f"The prices of {figures['source']}, repeated under new symbols; trained before",
        f"{figures['as_of']}, scored on all rows from then on. LightGBM reads the same features with polars,",
        "and trains on all rows but each symbol's last 30; ours keeps the latest of these to calibrate and",
        "measure itself.",
    ]
    for size in figures["sizes"]:
        trained = size["training_rows"]
        lines.append(f"\n## {size['rows']:,} rows of prices, {size['test_rows']:,} to score on\n")
        lines.append("| | rows trained on | wall s | ours / theirs | CPU s | peak MiB | MAE | RMSLE | R2 |")
        lines.append("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        walls = {name: median_of(size[name]["runs"], "wall") for name in TITLES}
        for name, title in TITLES.items():
            figure = size[name]
            ratio = f"{walls['ours'] / walls[name]:.2f}" if name != "ours" else ""
            cpu, peak = (median_of(figure["runs"], key) for key in ("cpu", "peak_mib"))
            cells = [title, f"{trained[name]:,}", f"{walls[name]:.1f}", ratio, f"{cpu:.1f}", f"{peak:,.0f}"]
            cells += [f"{figure['mae']:,.0f}", f"{figure['rmsle']:.4f}", f"{figure['r2']:.4f}"]
            lines.append(f"| {' | '.join(cells)} |")
    (results / "training.md").write_text("\n".join(lines) + "\n")
    (results / "training.json").write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(lines))


def median_of(runs: list[dict[str, float]], key: str) -> float:
    return statistics.median(run[key] for run in runs)


if __name__ == "__main__":
    main()
