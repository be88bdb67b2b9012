"""What absolute error costs in logarithmic error: a median serves the one, a mean of logarithms the other."""

import numpy as np
import pandas as pd
from rows import FEATURES, round_volume, score, split
from volume_models import BINS_SINCE, bin_ratios, from_ratio

# From this vol_moving_avg on, the prediction is more of a median than of a mean of logarithms; None: never.
TURNS = [0, 1_000, 5_000, 20_000, 100_000, 1_000_000, None]


def trade_off(training: pd.DataFrame, test: pd.DataFrame, as_of: str) -> list[dict]:
    """Scores by turn: on the year before the date, which may choose, and on the test rows, which may not."""
    year = int(as_of[:4])
    earlier, block = split(training, f"{year - 1}{as_of[4:]}")
    before, after = score_turns(earlier, block), score_turns(training, test)
    return [
        {"turn": turn, "year_before": chosen, "test": tested}
        for turn, chosen, tested in zip(TURNS, before, after, strict=True)
    ]


def score_turns(training: pd.DataFrame, test: pd.DataFrame) -> list[dict[str, float]]:
    recent = training[training.Date >= BINS_SINCE]
    average, price, volume = (test[name].to_numpy() for name in [*FEATURES, "Volume"])
    median, mean = (bin_ratios(recent, statistic)(average, price) for statistic in ("median", "mean"))
    scores = []
    for turn in TURNS:
        share = np.zeros(len(test)) if turn is None else average / np.maximum(average + turn, 1)
        predicted = from_ratio(average, share * median + (1 - share) * mean)
        scores.append(score(round_volume(predicted), volume))
    return scores
