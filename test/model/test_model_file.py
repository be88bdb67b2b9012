"""What others make of a trained model: safetensors opens it, numpy computes it, pandas scores it."""

import http.client
import json
import math
import os
import signal
import subprocess
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]
AS_OF = "1995-01-01"
WINDOW = 30


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in which the tasks ran on the bundled sample, with a model as of 1995."""
    folder = tmp_path_factory.mktemp("store")
    source = str(ROOT / "data/sample.zip")
    tasks = [["ingest", "--source", source], ["features"], ["train", "--as-of", AS_OF], ["promote"]]
    for task in tasks:
        command = ["node", str(ROOT / "tasks/cli.ts"), *task, "--store", str(folder)]
        subprocess.run(command, check=True, env=environment(), capture_output=True)
    return folder


@pytest.fixture(scope="module")
def model(store):
    with safe_open(store / "model.bin", framework="np") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.fixture(scope="module")
def url(store):
    """The running server's address."""
    server = subprocess.Popen(
        ["node", str(ROOT / "serving/server.ts")],
        env=environment(STORE=str(store), PORT="0"),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield next(entry["url"] for entry in map(json.loads, server.stderr) if "url" in entry)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


def environment(**variables):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, **variables}


def predict(model, average, median):
    """p10, p50, p90 and the point in shares, each as an array."""
    metadata, tensors = model
    inputs = [np.log1p(average), np.sign(median) * np.log1p(np.abs(median))]
    signal = np.stack(
        [
            (np.clip(x, scale["min"], scale["max"]) - scale["mean"]) / scale["deviation"]
            for x, scale in zip(inputs, json.loads(metadata["scales"]), strict=True)
        ],
        axis=1,
    )
    depth = count_layers(tensors)
    for layer in range(depth):
        weights = tensors[f"layer{layer}.kernel"].astype(float), tensors[f"layer{layer}.bias"].astype(float)
        signal = signal @ weights[0] + weights[1]
        if layer < depth - 1:
            signal = np.tanh(signal)
    middle, below, above, point = signal.T
    offsets, scale = json.loads(metadata["offsets"]), json.loads(metadata["scales"])[0]
    place = np.clip(inputs[0], scale["min"], scale["max"])
    down, up = (np.interp(place, offsets["at"], offsets[end]) for end in ("down", "up"))
    low = np.minimum(middle - np.logaddexp(0, below) - down, middle)
    high = np.maximum(middle + np.logaddexp(0, above) + up, middle)
    ratios = low, middle, high, np.clip(point, low, high)
    return [np.maximum(0, np.expm1(inputs[0] + ratio)) for ratio in ratios]


def count_layers(tensors):
    return sum(name.endswith(".kernel") for name in tensors)


def round_half_up(x):
    return np.floor(x + 0.5)


def test_safetensors_opens_the_file_and_its_metadata_are_strings(model):
    metadata, tensors = model
    assert metadata["as_of"] == AS_OF
    assert metadata["quantiles"] == "0.1,0.5,0.9"
    assert all(isinstance(value, str) for value in metadata.values())
    assert tensors["layer0.kernel"].shape[0] == 2
    assert tensors[f"layer{count_layers(tensors) - 1}.bias"].shape == (4,)
    assert all(tensor.dtype == np.float32 and np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize(
    ("average", "median"),
    [(0, 0), (1, 1), (12345, 25), (1e6, 0.01), (5e8, 300), (1e12, 1e9), (777, -40), (3.5, 1e-300)],
)
def test_server_answers_what_numpy_computes(model, url, average, median):
    *_, point = predict(model, np.array([float(average)]), np.array([float(median)]))
    with urllib.request.urlopen(
        f"{url}/predict?vol_moving_avg={average}&adj_close_rolling_med={median}", timeout=30
    ) as answer:
        assert answer.headers["content-type"] == "application/json"
        assert math.isclose(int(answer.read()), round_half_up(point[0]), rel_tol=1e-12)


def test_server_answers_what_numpy_computes_from_a_thousand_random_inputs(model, url):
    random = np.random.default_rng(0)
    averages = np.expm1(random.uniform(0, 24, 1000))
    medians = random.choice([-1, 1], 1000, p=[0.1, 0.9]) * np.expm1(random.uniform(0, 12, 1000))
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    answers = []
    for average, median in zip(averages.tolist(), medians.tolist(), strict=True):
        query = urlencode({"vol_moving_avg": average, "adj_close_rolling_med": median})
        connection.request("GET", f"/predict?{query}")
        answers.append(int(connection.getresponse().read()))
    connection.close()
    *_, point = predict(model, averages, medians)
    np.testing.assert_allclose(answers, round_half_up(point), rtol=1e-12)
    assert len(set(answers)) > 500


def test_golden_vectors_are_what_numpy_computes(model):
    average, median, point, p10, p50, p90 = np.array(json.loads(model[0]["golden"])).T
    assert len(average) == 25
    np.testing.assert_allclose([p10, p50, p90, point], predict(model, average, median), rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def rows(store):
    """The rows with full windows before the as-of date, with the features of the row before."""
    key = json.loads((store / "features/latest.json").read_text())["key"]
    shards = sorted((store / "features" / key).glob("*.parquet"))
    frame = pd.concat([pd.read_parquet(shard) for shard in shards]).sort_values(["Symbol", "Date"])
    features = ["vol_moving_avg", "adj_close_rolling_med"]
    frame[["lagged_average", "lagged_median"]] = frame.groupby("Symbol")[features].shift()
    return frame[(frame.Date < AS_OF) & frame[features].notna().all(axis=1)]


@pytest.fixture(scope="module")
def metrics(store):
    return json.loads((store / "models" / AS_OF / "metrics.json").read_text())


@pytest.fixture(scope="module")
def training(rows, metrics):
    """The rows before the validation block, less the last ones of each symbol that goes on after them."""
    is_later = rows.Date >= metrics["validation_from"]
    going_on = rows[is_later].Symbol.unique()
    before = rows[~is_later]
    is_far = before.groupby("Symbol").cumcount(ascending=False) >= WINDOW
    return before[is_far | ~before.Symbol.isin(going_on)]


def test_training_ends_a_window_before_validation_begins(rows, training, metrics):
    is_later = rows.Date >= metrics["validation_from"]
    assert metrics["validation_rows"] == is_later.sum()
    assert metrics["training_rows"] == len(training)
    assert 0.1 <= is_later.mean() < 0.11


def test_the_model_says_from_which_day_rows_neither_trained_nor_calibrated(metrics, model):
    assert model[0]["measure_from"] == metrics["measure_from"]
    assert model[0]["validation_from"] < model[0]["measure_from"] < model[0]["as_of"]


def test_inputs_are_scaled_by_the_training_rows_alone(training, model):
    scales = json.loads(model[0]["scales"])
    for scale, x in zip(
        scales, [np.log1p(training.vol_moving_avg), np.log1p(training.adj_close_rolling_med)], strict=True
    ):
        expected = [x.min(), x.max(), x.mean(), x.std(ddof=0)]
        measured = [scale[name] for name in ("min", "max", "mean", "deviation")]
        np.testing.assert_allclose(measured, expected, rtol=1e-5)


def test_density_is_the_share_of_the_training_rows_in_each_cell(training, model):
    edges = [[-np.inf, *inner, np.inf] for inner in json.loads(model[0]["density_edges"])]
    inputs = np.log1p(training.vol_moving_avg), np.log1p(training.adj_close_rolling_med)
    counts, *_ = np.histogram2d(*inputs, bins=edges)
    np.testing.assert_allclose(model[1]["density"], counts / len(training), atol=1e-6)


@pytest.mark.parametrize("lagged", [False, True])
def test_scores_are_those_that_pandas_and_numpy_find(rows, metrics, model, lagged):
    block = rows[rows.Date >= metrics["measure_from"]].dropna(subset=["lagged_average"] if lagged else [])
    columns = ["lagged_average", "lagged_median"] if lagged else ["vol_moving_avg", "adj_close_rolling_med"]
    average, median = (block[column].to_numpy() for column in columns)
    p10, p50, p90, point = predict(model, average, median)
    volume = block.Volume.to_numpy(dtype=float)
    reported = metrics["lag_1"] if lagged else metrics
    answers = {"model": round_half_up(point), "vol_moving_avg": average}
    if not lagged:
        answers["p50"] = round_half_up(p50)
        multiple = metrics["best_multiple"]["multiple"]
        answers["best_multiple"] = multiple * average
        errors = [np.abs(factor * multiple * average - volume).mean() for factor in (0.99, 1, 1.01)]
        assert errors[1] == min(errors)
    for name, predicted in answers.items():
        assert reported[name]["rows"] == len(block)
        assert reported[name]["mae"] == pytest.approx(np.abs(predicted - volume).mean(), rel=1e-6)
        squares = np.square(np.log1p(predicted) - np.log1p(volume))
        assert reported[name]["rmsle"] == pytest.approx(math.sqrt(squares.mean()), rel=1e-6)
        residual = np.square(predicted - volume).sum() / np.square(volume - volume.mean()).sum()
        assert reported[name]["r2"] == pytest.approx(1 - residual, rel=1e-6)
    if not lagged:
        assert metrics["coverage"] == pytest.approx(((volume >= p10) & (volume <= p90)).mean(), abs=1e-3)


@pytest.fixture(scope="module")
def block(rows, metrics, model):
    """The measuring rows with the answers of the model, and whether each is of an ETF."""
    block = rows[rows.Date >= metrics["measure_from"]].reset_index(drop=True)
    answers = predict(model, block.vol_moving_avg.to_numpy(), block.adj_close_rolling_med.to_numpy())
    block[["p10", "p50", "p90", "point"]] = np.array(answers).T
    block["point"] = round_half_up(block.point)
    with zipfile.ZipFile(ROOT / "data/sample.zip") as archive:
        etfs = {Path(name).stem for name in archive.namelist() if Path(name).parent.name == "etfs"}
    block["kind"] = np.where(block.Symbol.isin(etfs), "ETF", "stock")
    block["year"] = block.Date.str[:4]
    return block


@pytest.mark.parametrize("name", ["year", "kind"])
def test_scores_of_years_and_kinds_are_those_that_pandas_finds(block, metrics, name):
    reported = {part["part"]: part for part in metrics[f"by_{name}"]}
    assert set(reported) == set(block[name])
    for part, rows in block.groupby(name):
        expect_part(reported[part], rows)


def test_scores_of_tenths_are_those_that_pandas_finds(block, metrics):
    parts = metrics["by_decile"]
    edges = [int(edge) for part in parts for edge in part["part"].split(" to ")]
    assert edges[2::2] == edges[1:-1:2]
    assert sum(part["rows"] for part in parts) == len(block)
    inner = edges[2::2]
    tenths = np.searchsorted(inner, block.vol_moving_avg, side="right")
    # A tenth of the rows each, or two where both begin at 0; rows on an edge and its rounding apart.
    np.testing.assert_allclose(np.bincount(tenths)[1:] / len(block), 0.1, atol=0.01)
    assert len(parts) >= 9
    for tenth, rows in block.groupby(tenths):
        expect_part(parts[tenth], rows)


def expect_part(reported, rows):
    assert reported["rows"] == len(rows)
    for suffix, predicted in {"": rows.point, "_vol_moving_avg": rows.vol_moving_avg}.items():
        assert reported[f"mae{suffix}"] == pytest.approx((predicted - rows.Volume).abs().mean(), rel=1e-6)
        squares = np.square(np.log1p(predicted) - np.log1p(rows.Volume))
        assert reported[f"rmsle{suffix}"] == pytest.approx(math.sqrt(squares.mean()), rel=1e-6)
    # Of a volume on the very edge the last digit decides.
    assert reported["coverage"] == pytest.approx(rows.Volume.between(rows.p10, rows.p90).mean(), abs=1e-3)
    for quantile in ("p10", "p50", "p90"):
        share = (rows.Volume < rows[quantile]).mean()
        assert reported[f"below_{quantile}"] == pytest.approx(share, abs=1e-3)
