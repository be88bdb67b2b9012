"""How far scores move with nothing but the seed: what is less than that says nothing."""

from pathlib import Path

import pandas as pd

from bench.training.model_file import train_ours
from bench.training.rows import FEATURES, round_volume, score
from bench.training.volume_models import fit_lightgbm

SEEDS = (1, 2, 3)


def score_seeds(store: Path, training: pd.DataFrame, test: pd.DataFrame, as_of: str) -> dict[str, list[dict]]:
    """Scores on the test rows, one a seed."""
    average, median, volume = (test[name].to_numpy() for name in [*FEATURES, "Volume"])
    scores = {"ours": [], "LightGBM l1 on the log ratio": []}
    for seed in SEEDS:
        model = train_ours(store, as_of, "--seed", str(seed))
        booster = fit_lightgbm(training, "l1", seed=seed)
        predicted = model.predict(average, median)["prediction"], booster(average, median)
        for of, volumes in zip(scores.values(), predicted, strict=True):
            of.append(score(round_volume(volumes), volume))
    return scores
