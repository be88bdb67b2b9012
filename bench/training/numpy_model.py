"""model.bin opened by Python's safetensors and computed by numpy, without any code of the pipeline."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors import safe_open

from bench.training.feature_rows import log_inputs, run_task


class NumpyModel:
    def __init__(self, path: Path) -> None:
        with safe_open(path, framework="np") as file:
            self.metadata = file.metadata()
            names = [name for name in file.keys() if name.startswith("layer")]  # noqa: SIM118
            tensors = {name: file.get_tensor(name).astype(float) for name in names}
        depth = len(names) // 2
        self.layers = [(tensors[f"layer{i}.kernel"], tensors[f"layer{i}.bias"]) for i in range(depth)]
        self.scales = json.loads(self.metadata["scales"])
        # How far calibration moves p10 down and p90 up, in log units, by ln(1 + vol_moving_avg).
        self.offsets = json.loads(self.metadata["offsets"])

    def predict(self, vol_moving_avg: np.ndarray, adj_close_rolling_med: np.ndarray) -> dict[str, np.ndarray]:
        """p10, p50, p90 and the prediction in shares, not rounded."""
        inputs = log_inputs(vol_moving_avg, adj_close_rolling_med)
        signal = np.column_stack(
            [
                (np.clip(x, scale["min"], scale["max"]) - scale["mean"]) / scale["deviation"]
                for x, scale in zip(inputs.T, self.scales, strict=True)
            ]
        )
        for index, (kernel, bias) in enumerate(self.layers):
            signal = signal @ kernel + bias
            if index < len(self.layers) - 1:
                signal = np.tanh(signal)
        middle, below, above, point = signal.T
        place = np.clip(inputs[:, 0], self.scales[0]["min"], self.scales[0]["max"])
        down, up = (np.interp(place, self.offsets["at"], self.offsets[side]) for side in ("down", "up"))
        p10 = np.minimum(middle - np.logaddexp(0, below) - down, middle)
        p90 = np.maximum(middle + np.logaddexp(0, above) + up, middle)
        prediction = np.clip(point, p10, p90)
        ratios = {"p10": p10, "p50": middle, "p90": p90, "prediction": prediction}
        return {name: np.clip(np.expm1(inputs[:, 0] + ratio), 0, 2**53 - 1) for name, ratio in ratios.items()}


def train_model(store: Path, as_of: str, *options: str) -> NumpyModel:
    """Trains on the latest features of a store. A model of that date is removed first."""
    folder = store / "models" / as_of
    shutil.rmtree(folder, ignore_errors=True)
    run_task("train", store, "--as-of", as_of, *options)
    return NumpyModel(folder / "model.bin")
