"""How well a trained model predicts later prices, beside what others make of the same two inputs.

python -m bench.training.quality [--source ZIP] [--as-of 2019-01-01]  the tables of bench/results/quality.md
"""

import argparse
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from bench.training.model_file import ModelFile, train_ours
from bench.training.quality_report import write_report
from bench.training.rows import (
    FEATURES,
    LAGGED,
    ROOT,
    default_source,
    feature_files,
    read_rows,
    round_volume,
    run_task,
    score,
    split,
)
from bench.training.seeds import score_seeds
from bench.training.trade_off import trade_off
from bench.training.volume_models import fit_all

OURS = "ours"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=Path, default=default_source(), help="zip of prices")
    parser.add_argument("--as-of", default="2019-01-01", help="train before it, test from then on")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    args = parser.parse_args()
    store = ROOT / "data" / "bench" / f"quality-{args.source.stem}"
    run_task("ingest", store, "--source", args.source)
    run_task("features", store)
    model = train_ours(store, args.as_of)
    rows = read_rows(feature_files(store))
    training, test = split(rows, args.as_of)
    etfs = etf_symbols(args.source)
    figures = {"source": args.source.name, "as_of": args.as_of}
    figures |= measure(model, training, test, etfs)
    figures["seeds"] = score_seeds(store, training, test, args.as_of)
    figures["trade_off"] = trade_off(store, rows, args.as_of)
    args.results.mkdir(exist_ok=True)
    write_report(figures, args.results)


def measure(model: ModelFile, training: pd.DataFrame, test: pd.DataFrame, etfs: set[str]) -> dict:
    predictors = {OURS: lambda average, median: model.predict(average, median)["prediction"]}
    predictors |= {f"{OURS}, p50": lambda average, median: model.predict(average, median)["p50"]}
    predictors |= fit_all(training)
    lagged = test.dropna(subset=LAGGED)
    answers = model.predict(*columns(test, FEATURES))
    deciles = pd.qcut(test.vol_moving_avg.rank(method="first"), 10, labels=range(1, 11))
    groups = {
        "year": test.Date.str[:4],
        "kind": test.Symbol.isin(etfs).map({True: "etf", False: "stock"}),
        "decile of vol_moving_avg": deciles,
    }
    return {
        "rows": {"training": len(training), "test": len(test), "lag_1": len(lagged)},
        "dates": [test.Date.min(), test.Date.max()],
        "model": {name: model.metadata.get(name) for name in ("training_rows", "validation_from", "seed")},
        "scores": score_all(predictors, test, FEATURES),
        "lag_1": score_all(predictors, lagged, LAGGED),
        "crossed": int(((answers["p10"] > answers["p50"]) | (answers["p50"] > answers["p90"])).sum()),
        "falling_steps": falling_steps(model),
        "all": describe(test, answers, np.full(len(test), True)),
        "groups": {
            name: {str(value): describe(test, answers, of == value) for value in sorted(of.unique())}
            for name, of in groups.items()
        },
    }


def score_all(predictors: dict, rows: pd.DataFrame, names: list[str]) -> dict[str, dict[str, float]]:
    volume = rows.Volume.to_numpy()
    inputs = columns(rows, names)
    return {name: score(round_volume(predict(*inputs)), volume) for name, predict in predictors.items()}


def describe(test: pd.DataFrame, answers: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, float]:
    """Coverage and errors on some of the test rows, and the errors as a share of those of vol_moving_avg."""
    chosen = np.asarray(chosen)
    volume = test.Volume.to_numpy()[chosen]
    p10, p90, predicted = (answers[name][chosen] for name in ("p10", "p90", "prediction"))
    ours = score(round_volume(predicted), volume)
    average = score(round_volume(test.vol_moving_avg.to_numpy()[chosen]), volume)
    return {
        "rows": int(chosen.sum()),
        "below": float((volume < p10).mean()),
        "coverage": float(((volume >= p10) & (volume <= p90)).mean()),
        "above": float((volume > p90).mean()),
        **ours,
        "mae_ratio": ours["mae"] / average["mae"],
        "rmsle_ratio": ours["rmsle"] / average["rmsle"],
    }


def falling_steps(model: ModelFile) -> int:
    """Over a grid of both inputs: how often a higher vol_moving_avg gives a lower quantile or prediction."""
    averages = np.expm1(np.linspace(0, 22, 1101))
    medians = np.concatenate([-np.expm1(np.linspace(9, 0, 10)), np.expm1(np.linspace(0, 15, 91))])
    grid = model.predict(*(axis.ravel() for axis in np.meshgrid(averages, medians, indexing="ij")))
    surfaces = [volume.reshape(len(averages), len(medians)) for volume in grid.values()]
    # Beyond what float64 makes of a step that should be none.
    falls = [np.diff(surface, axis=0) < -1e-9 * surface[1:] for surface in surfaces]
    return int(sum(fall.sum() for fall in falls))


def columns(rows: pd.DataFrame, names: list[str]) -> list[np.ndarray]:
    return [rows[name].to_numpy() for name in names]


def etf_symbols(source: Path) -> set[str]:
    with zipfile.ZipFile(source) as archive:
        paths = [PurePosixPath(name) for name in archive.namelist()]
    return {path.stem for path in paths if path.parent.name == "etfs"}


if __name__ == "__main__":
    main()
