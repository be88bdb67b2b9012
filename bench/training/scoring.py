"""The errors of predicted volumes."""

import math

import numpy as np


def round_volume(volume: np.ndarray) -> np.ndarray:
    """Rounded as the server does, and not negative."""
    return np.maximum(0, np.floor(volume + 0.5))


def score(predicted: np.ndarray, volume: np.ndarray) -> dict[str, float]:
    """MAE in shares, RMSLE and R2 of predictions, which are rounded first."""
    predicted = round_volume(predicted)
    error = predicted - volume
    log_error = np.log1p(predicted) - np.log1p(volume)
    return {
        "mae": np.abs(error).mean(),
        "rmsle": math.sqrt(np.square(log_error).mean()),
        "r2": 1 - np.square(error).sum() / np.square(volume - volume.mean()).sum(),
    }
