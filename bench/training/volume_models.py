"""What others predict from the same two inputs: each is fitted on rows and gives a function of the inputs."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from bench.training.rows import log_inputs

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]
SEED = 0
THREADS = 2
BINS_SINCE = "2010-01-01"
BINS = (60, 13)
# On all rows of the shared sample the forest needs minutes and gigabytes.
FOREST_ROWS = 200_000


def fit_all(rows: pd.DataFrame) -> dict[str, Predictor]:
    best, typical = best_multiple(rows), median_multiple(rows)
    trained = min(len(rows), FOREST_ROWS)
    return {
        "vol_moving_avg itself": lambda average, _: average,
        f"best constant multiple of it, {best:.3f}": lambda average, _: best * average,
        f"median multiple of it, {typical:.3f}": lambda average, _: typical * average,
        f"RandomForest(100) on {trained:,} random rows": fit_forest(rows.sample(trained, random_state=SEED)),
        "LightGBM l2 on the log ratio": fit_lightgbm(rows, "l2"),
        "LightGBM l1 on the log ratio": fit_lightgbm(rows, "l1"),
        "median in 2-D log bins since 2010": fit_bins(rows[rows.Date >= BINS_SINCE]),
    }


def best_multiple(rows: pd.DataFrame) -> float:
    """The factor of vol_moving_avg with the least absolute error: a weighted median of the ratios."""
    traded = rows[rows.vol_moving_avg > 0]
    ratios = (traded.Volume / traded.vol_moving_avg).to_numpy()
    order = np.argsort(ratios)
    weights = np.cumsum(traded.vol_moving_avg.to_numpy()[order])
    return float(ratios[order][np.searchsorted(weights, weights[-1] / 2)])


def median_multiple(rows: pd.DataFrame) -> float:
    traded = rows[rows.vol_moving_avg > 0]
    return float((traded.Volume / traded.vol_moving_avg).median())


def fit_forest(rows: pd.DataFrame) -> Predictor:
    """The assignment's reference: raw features in, raw volume out."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(100, random_state=SEED, n_jobs=THREADS)
    forest.fit(rows[["vol_moving_avg", "adj_close_rolling_med"]].to_numpy(), rows.Volume.to_numpy())
    return lambda average, median: forest.predict(np.column_stack([average, median]))


def fit_lightgbm(rows: pd.DataFrame, objective: str, **settings: int) -> Predictor:
    inputs, target = examples(rows)
    booster = train_lightgbm(inputs, target, objective, **settings)
    return lambda average, median: from_ratio(average, booster.predict(log_inputs(average, median)))


def train_lightgbm(
    inputs: np.ndarray, target: np.ndarray, objective: str, threads: int = THREADS, **others: int
):
    import lightgbm

    settings = {"objective": objective, "num_threads": threads, "verbose": -1, **others}
    return lightgbm.train(settings, lightgbm.Dataset(inputs, target), num_boost_round=200)


def fit_bins(rows: pd.DataFrame) -> Predictor:
    ratios = bin_ratios(rows, "median")
    return lambda average, median: from_ratio(average, ratios(average, median))


def bin_ratios(rows: pd.DataFrame, statistic: str) -> Predictor:
    """The median or mean log ratio of the training rows in the same cell of 60 x 13 quantile bins."""
    inputs, target = examples(rows)
    edges = [
        np.quantile(x, np.linspace(0, 1, count + 1)[1:-1]) for x, count in zip(inputs.T, BINS, strict=True)
    ]

    def cells(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outer, inner = (np.digitize(x, edge) for x, edge in zip(inputs.T, edges, strict=True))
        return outer, outer * BINS[1] + inner

    outer, cell = cells(inputs)
    by_average = pd.Series(target).groupby(outer).agg(statistic).reindex(range(BINS[0]))
    by_cell = pd.Series(target).groupby(cell).agg(statistic).reindex(range(BINS[0] * BINS[1]))
    # A cell without rows takes what holds for all prices at its volume.
    ratios = by_cell.fillna(pd.Series(np.repeat(by_average.to_numpy(), BINS[1]))).to_numpy()
    return lambda average, median: ratios[cells(log_inputs(average, median))[1]]


def examples(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of shape [rows, 2] and log ratios of shape [rows]."""
    average, median, volume = (
        rows[name].to_numpy() for name in ("vol_moving_avg", "adj_close_rolling_med", "Volume")
    )
    return log_inputs(average, median), np.log1p(volume) - np.log1p(average)


def from_ratio(average: np.ndarray, log_ratio: np.ndarray) -> np.ndarray:
    return np.expm1(np.log1p(average) + log_ratio)
