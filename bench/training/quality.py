"""How well a trained model predicts later volumes, compared with other models of the same two inputs.

python -m bench.training.quality [--source ZIP] [--as-of 2019-01-01]  writes quality.md and quality.json
"""

import argparse
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from bench.training.feature_rows import (
    FEATURES,
    LAGGED,
    ROOT,
    SAMPLE,
    columns,
    feature_files,
    read_rows,
    run_task,
    split_rows,
)
from bench.training.numpy_model import NumpyModel, train_model
from bench.training.quality_tables import write_tables
from bench.training.reference_models import fit_all
from bench.training.retrained_scores import score_median_from, score_seeds
from bench.training.scoring import score


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=Path, default=SAMPLE, help="zip of prices")
    parser.add_argument("--as-of", default="2019-01-01", help="train before it, test from then on")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    args = parser.parse_args()
    store = ROOT / "data" / "bench" / f"quality-{args.source.stem}"
    run_task("ingest", store, "--source", args.source)
    run_task("features", store)
    model = train_model(store, args.as_of)
    rows = read_rows(feature_files(store))
    training, test = split_rows(rows, args.as_of)
    etfs = etf_symbols(args.source)
    results = {"source": args.source.name, "as_of": args.as_of}
    results |= evaluate(model, training, test, etfs)
    results["seeds"] = score_seeds(store, training, test, args.as_of)
    results["median_from"] = score_median_from(store, rows, args.as_of)
    args.results.mkdir(exist_ok=True)
    write_tables(results, args.results)


def evaluate(model: NumpyModel, training: pd.DataFrame, test: pd.DataFrame, etfs: set[str]) -> dict:
    predictors = {
        "ours": lambda *inputs: model.predict(*inputs)["prediction"],
        "ours, p50": lambda *inputs: model.predict(*inputs)["p50"],
        **fit_all(training),
    }
    lagged = test.dropna(subset=LAGGED)
    predictions = model.predict(*columns(test, FEATURES))
    deciles = pd.qcut(test.vol_moving_avg.rank(method="first"), 10, labels=range(1, 11))
    groupings = {
        "year": test.Date.str[:4],
        "kind": test.Symbol.isin(etfs).map({True: "etf", False: "stock"}),
        "decile of vol_moving_avg": deciles,
    }
    p10, p50, p90 = (predictions[name] for name in ("p10", "p50", "p90"))
    return {
        "rows": {"training": len(training), "test": len(test), "lag_1": len(lagged)},
        "dates": [test.Date.min(), test.Date.max()],
        "model": {name: model.metadata.get(name) for name in ("training_rows", "validation_from", "seed")},
        "scores": score_all(predictors, test, FEATURES),
        "lag_1": score_all(predictors, lagged, LAGGED),
        "crossed": int(((p10 > p50) | (p50 > p90)).sum()),
        "falling_steps": count_falling_steps(model),
        "all": score_group(test, predictions, np.full(len(test), True)),
        "groups": {
            name: {
                str(value): score_group(test, predictions, (values == value).to_numpy())
                for value in sorted(values.unique())
            }
            for name, values in groupings.items()
        },
    }


def score_all(predictors: dict, rows: pd.DataFrame, names: list[str]) -> dict[str, dict[str, float]]:
    volume, inputs = rows.Volume.to_numpy(), columns(rows, names)
    return {name: score(predict(*inputs), volume) for name, predict in predictors.items()}


def score_group(
    test: pd.DataFrame, predictions: dict[str, np.ndarray], chosen: np.ndarray
) -> dict[str, float]:
    """Coverage and errors on the chosen rows, and the ratios to the errors of vol_moving_avg."""
    volume = test.Volume.to_numpy()[chosen]
    p10, p90, prediction = (predictions[name][chosen] for name in ("p10", "p90", "prediction"))
    ours = score(prediction, volume)
    baseline = score(test.vol_moving_avg.to_numpy()[chosen], volume)
    return {
        "rows": int(chosen.sum()),
        "below": float((volume < p10).mean()),
        "coverage": float(((volume >= p10) & (volume <= p90)).mean()),
        "above": float((volume > p90).mean()),
        **ours,
        "mae_ratio": ours["mae"] / baseline["mae"],
        "rmsle_ratio": ours["rmsle"] / baseline["rmsle"],
    }


def count_falling_steps(model: NumpyModel) -> int:
    """On a grid of both inputs: how often a higher vol_moving_avg gives a lower quantile or prediction."""
    vol_moving_avg = np.expm1(np.linspace(0, 22, 1101))
    adj_close_rolling_med = np.concatenate(
        [-np.expm1(np.linspace(9, 0, 10)), np.expm1(np.linspace(0, 15, 91))]
    )
    grid = model.predict(
        *(axis.ravel() for axis in np.meshgrid(vol_moving_avg, adj_close_rolling_med, indexing="ij"))
    )
    surfaces = [volume.reshape(len(vol_moving_avg), len(adj_close_rolling_med)) for volume in grid.values()]
    # Rounding of float64 can make a constant fall by less than this.
    falls = [np.diff(surface, axis=0) < -1e-9 * surface[1:] for surface in surfaces]
    return int(sum(fall.sum() for fall in falls))


def etf_symbols(source: Path) -> set[str]:
    with zipfile.ZipFile(source) as archive:
        paths = [PurePosixPath(name) for name in archive.namelist()]
    return {path.stem for path in paths if path.parent.name == "etfs"}


if __name__ == "__main__":
    main()
