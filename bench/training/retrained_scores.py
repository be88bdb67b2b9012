"""Scores of models that are trained again, with another seed or another --median-from."""

from pathlib import Path

import pandas as pd

from bench.training.feature_rows import FEATURES, columns
from bench.training.numpy_model import train_model
from bench.training.reference_models import fit_lightgbm
from bench.training.scoring import score

SEEDS = (1, 2, 3)
# From a median nearly everywhere to a mean of logarithms everywhere. The default is the third.
MEDIAN_FROM = [1, 5_000, 100_000, 1_000_000, 10**12]
YEARS = 2


def score_seeds(store: Path, training: pd.DataFrame, test: pd.DataFrame, as_of: str) -> dict[str, list[dict]]:
    """Scores on the test rows, one per seed. Smaller differences than those between seeds mean nothing."""
    inputs, volume = columns(test, FEATURES), test.Volume.to_numpy()
    scores = {"ours": [], "LightGBM l1 on the log ratio": []}
    for seed in SEEDS:
        model = train_model(store, as_of, "--seed", str(seed))
        booster = fit_lightgbm(training, "l1", seed=seed)
        predictions = model.predict(*inputs)["prediction"], booster(*inputs)
        for of_model, predicted in zip(scores.values(), predictions, strict=True):
            of_model.append(score(predicted, volume))
    return scores


def score_median_from(store: Path, rows: pd.DataFrame, as_of: str) -> list[dict]:
    """Our scores by --median-from, on the two years before the date, trained on the rows before them."""
    earlier = f"{int(as_of[:4]) - YEARS}{as_of[4:]}"
    test = rows[(rows.Date >= earlier) & (rows.Date < as_of)]
    inputs, volume = columns(test, FEATURES), test.Volume.to_numpy()
    scores = []
    for median_from in MEDIAN_FROM:
        model = train_model(store, earlier, "--median-from", str(median_from))
        predicted = model.predict(*inputs)["prediction"]
        scores.append({"median_from": median_from, "as_of": earlier, **score(predicted, volume)})
    return scores
