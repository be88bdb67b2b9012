"""Other models of the same two inputs. Each is fitted on rows and returns a function of the inputs."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from bench.training.feature_rows import FEATURES, columns, log_inputs, volume_of

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]
SEED = 0
THREADS = 2
BINS_SINCE = "2010-01-01"
BINS = (60, 13)
# On all rows of a larger sample the forest needs minutes and gigabytes.
FOREST_ROWS = 200_000


def fit_all(rows: pd.DataFrame) -> dict[str, Predictor]:
    best, median = best_multiple(rows), median_multiple(rows)
    trained = min(len(rows), FOREST_ROWS)
    return {
        "vol_moving_avg itself": lambda vol_moving_avg, _: vol_moving_avg,
        f"best constant multiple of it, {best:.3f}": lambda vol_moving_avg, _: best * vol_moving_avg,
        f"median multiple of it, {median:.3f}": lambda vol_moving_avg, _: median * vol_moving_avg,
        f"RandomForest(100) on {trained:,} random rows": fit_forest(rows.sample(trained, random_state=SEED)),
        "LightGBM l2 on the log ratio": fit_lightgbm(rows, "l2"),
        "LightGBM l1 on the log ratio": fit_lightgbm(rows, "l1"),
        "median in 2-D log bins since 2010": fit_bins(rows[rows.Date >= BINS_SINCE]),
    }


def best_multiple(rows: pd.DataFrame) -> float:
    """The multiple of vol_moving_avg with the smallest absolute error: a weighted median of the ratios."""
    traded = rows[rows.vol_moving_avg > 0]
    ratios = (traded.Volume / traded.vol_moving_avg).to_numpy()
    order = np.argsort(ratios)
    weights = np.cumsum(traded.vol_moving_avg.to_numpy()[order])
    return float(ratios[order][np.searchsorted(weights, weights[-1] / 2)])


def median_multiple(rows: pd.DataFrame) -> float:
    traded = rows[rows.vol_moving_avg > 0]
    return float((traded.Volume / traded.vol_moving_avg).median())


def fit_forest(rows: pd.DataFrame) -> Predictor:
    """The reference of the assignment: raw features in, raw volume out."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(100, random_state=SEED, n_jobs=THREADS)
    forest.fit(rows[FEATURES].to_numpy(), rows.Volume.to_numpy())
    return lambda *inputs: forest.predict(np.column_stack(inputs))


def fit_lightgbm(rows: pd.DataFrame, objective: str, **settings: int) -> Predictor:
    inputs, target = log_examples(rows)
    booster = train_lightgbm(inputs, target, objective, **settings)
    return lambda *inputs: volume_of(inputs[0], booster.predict(log_inputs(*inputs)))


def train_lightgbm(
    inputs: np.ndarray, target: np.ndarray, objective: str, threads: int = THREADS, **others: int
):
    import lightgbm

    settings = {"objective": objective, "num_threads": threads, "verbose": -1, **others}
    return lightgbm.train(settings, lightgbm.Dataset(inputs, target), num_boost_round=200)


def fit_bins(rows: pd.DataFrame) -> Predictor:
    """The median log ratio of the training rows in the same cell of 60 x 13 quantile bins."""
    inputs, target = log_examples(rows)
    edges = [
        np.quantile(x, np.linspace(0, 1, count + 1)[1:-1]) for x, count in zip(inputs.T, BINS, strict=True)
    ]

    def bins_of(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        by_volume, by_price = (np.digitize(x, edge) for x, edge in zip(inputs.T, edges, strict=True))
        return by_volume, by_volume * BINS[1] + by_price

    volume_bin, cell = bins_of(inputs)
    by_volume = pd.Series(target).groupby(volume_bin).median().reindex(range(BINS[0]))
    by_cell = pd.Series(target).groupby(cell).median().reindex(range(BINS[0] * BINS[1]))
    # A cell without rows takes the median over all prices in its bin of vol_moving_avg.
    ratios = by_cell.fillna(pd.Series(np.repeat(by_volume.to_numpy(), BINS[1]))).to_numpy()
    return lambda *inputs: volume_of(inputs[0], ratios[bins_of(log_inputs(*inputs))[1]])


def log_examples(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of shape [rows, 2] and log ratios of shape [rows]."""
    inputs = columns(rows, FEATURES)
    return log_inputs(*inputs), np.log1p(rows.Volume.to_numpy()) - np.log1p(inputs[0])
