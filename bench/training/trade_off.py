"""What absolute error costs in logarithmic error: a median serves the one, a mean of logarithms the other."""

from pathlib import Path

import pandas as pd

from bench.training.model_file import train_ours
from bench.training.rows import FEATURES, round_volume, score

# --median-from: a median nearly everywhere, the default in the middle, a mean of logarithms everywhere.
TURNS = [1, 5_000, 100_000, 1_000_000, 10**12]
YEARS = 2


def trade_off(store: Path, rows: pd.DataFrame, as_of: str) -> list[dict]:
    """Scores of ours by --median-from, trained before the two years before the date and scored on these."""
    earlier = f"{int(as_of[:4]) - YEARS}{as_of[4:]}"
    block = rows[(rows.Date >= earlier) & (rows.Date < as_of)]
    average, median, volume = (block[name].to_numpy() for name in [*FEATURES, "Volume"])
    turns = []
    for turn in TURNS:
        model = train_ours(store, earlier, "--median-from", str(turn))
        predicted = model.predict(average, median)["prediction"]
        turns.append({"turn": turn, "as_of": earlier, **score(round_volume(predicted), volume)})
    return turns
