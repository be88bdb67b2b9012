"""A trained model, checked by other programs: safetensors opens it, numpy computes it, pandas scores it."""

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
FEATURES = ["vol_moving_avg", "adj_close_rolling_med"]
LAGGED = ["lagged_vol_moving_avg", "lagged_adj_close_rolling_med"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of the bundled sample, with a model as of 1995."""
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


def predict(model, vol_moving_avg, adj_close_rolling_med):
    """p10, p50, p90 and the point as arrays, in shares."""
    metadata, tensors = model
    inputs = [
        np.log1p(vol_moving_avg),
        np.sign(adj_close_rolling_med) * np.log1p(np.abs(adj_close_rolling_med)),
    ]
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
    down, up = (np.interp(place, offsets["at"], offsets[side]) for side in ("down", "up"))
    low = np.minimum(middle - np.logaddexp(0, below) - down, middle)
    high = np.maximum(middle + np.logaddexp(0, above) + up, middle)
    ratios = low, middle, high, np.clip(point, low, high)
    return [np.maximum(0, np.expm1(inputs[0] + ratio)) for ratio in ratios]


def count_layers(tensors):
    return sum(name.endswith(".kernel") for name in tensors)


def round_half_up(x):
    return np.floor(x + 0.5)


def test_safetensors_opens_the_file_and_its_metadata_is_strings(model):
    metadata, tensors = model
    assert metadata["as_of"] == AS_OF
    assert metadata["quantiles"] == "0.1,0.5,0.9"
    assert all(isinstance(value, str) for value in metadata.values())
    assert tensors["layer0.kernel"].shape[0] == 2
    assert tensors[f"layer{count_layers(tensors) - 1}.bias"].shape == (4,)
    assert all(tensor.dtype == np.float32 and np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize(
    ("vol_moving_avg", "adj_close_rolling_med"),
    [(0, 0), (1, 1), (12345, 25), (1e6, 0.01), (5e8, 300), (1e12, 1e9), (777, -40), (3.5, 1e-300)],
)
def test_server_predicts_as_numpy_does(model, url, vol_moving_avg, adj_close_rolling_med):
    *_, point = predict(model, np.array([float(vol_moving_avg)]), np.array([float(adj_close_rolling_med)]))
    with urllib.request.urlopen(
        f"{url}/predict?vol_moving_avg={vol_moving_avg}&adj_close_rolling_med={adj_close_rolling_med}",
        timeout=30,
    ) as answer:
        assert answer.headers["content-type"] == "application/json"
        assert math.isclose(int(answer.read()), round_half_up(point[0]), rel_tol=1e-12)


def test_server_predicts_as_numpy_does_for_a_thousand_random_inputs(model, url):
    random = np.random.default_rng(0)
    vol_moving_avg = np.expm1(random.uniform(0, 24, 1000))
    adj_close_rolling_med = random.choice([-1, 1], 1000, p=[0.1, 0.9]) * np.expm1(random.uniform(0, 12, 1000))
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    answers = []
    for row in zip(vol_moving_avg.tolist(), adj_close_rolling_med.tolist(), strict=True):
        query = urlencode(dict(zip(FEATURES, row, strict=True)))
        connection.request("GET", f"/predict?{query}")
        answers.append(int(connection.getresponse().read()))
    connection.close()
    *_, point = predict(model, vol_moving_avg, adj_close_rolling_med)
    np.testing.assert_allclose(answers, round_half_up(point), rtol=1e-12)
    assert len(set(answers)) > 500


def test_numpy_computes_the_golden_vectors(model):
    vol_moving_avg, adj_close_rolling_med, point, p10, p50, p90 = np.array(json.loads(model[0]["golden"])).T
    assert len(vol_moving_avg) == 25
    np.testing.assert_allclose(
        [p10, p50, p90, point], predict(model, vol_moving_avg, adj_close_rolling_med), rtol=1e-9, atol=1e-9
    )


@pytest.fixture(scope="module")
def rows(store):
    """The rows with full windows before the as-of date, with the features of the row before."""
    key = json.loads((store / "features/latest.json").read_text())["key"]
    shards = sorted((store / "features" / key).glob("*.parquet"))
    frame = pd.concat([pd.read_parquet(shard) for shard in shards]).sort_values(["Symbol", "Date"])
    frame[LAGGED] = frame.groupby("Symbol")[FEATURES].shift()
    return frame[(frame.Date < AS_OF) & frame[FEATURES].notna().all(axis=1)]


@pytest.fixture(scope="module")
def metrics(store):
    return json.loads((store / "models" / AS_OF / "metrics.json").read_text())


@pytest.fixture(scope="module")
def training(rows, metrics):
    """The rows before the validation block, without the last ones of each symbol that has later rows."""
    is_later = rows.Date >= metrics["validation_from"]
    continuing = rows[is_later].Symbol.unique()
    before = rows[~is_later]
    is_far = before.groupby("Symbol").cumcount(ascending=False) >= WINDOW
    return before[is_far | ~before.Symbol.isin(continuing)]


def test_training_ends_a_window_before_validation_begins(rows, training, metrics):
    is_later = rows.Date >= metrics["validation_from"]
    assert metrics["validation_rows"] == is_later.sum()
    assert metrics["training_rows"] == len(training)
    assert 0.1 <= is_later.mean() < 0.11


def test_the_model_records_the_first_day_of_its_measuring_rows(metrics, model):
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
def test_pandas_and_numpy_find_the_same_scores(rows, metrics, model, lagged):
    block = rows[rows.Date >= metrics["measure_from"]].dropna(subset=LAGGED if lagged else [])
    columns = LAGGED if lagged else FEATURES
    vol_moving_avg, adj_close_rolling_med = (block[column].to_numpy() for column in columns)
    p10, p50, p90, point = predict(model, vol_moving_avg, adj_close_rolling_med)
    volume = block.Volume.to_numpy(dtype=float)
    reported = metrics["lag_1"] if lagged else metrics
    predictions = {"model": round_half_up(point), "vol_moving_avg": vol_moving_avg}
    if not lagged:
        predictions["p50"] = round_half_up(p50)
        multiple = metrics["best_multiple"]["multiple"]
        predictions["best_multiple"] = multiple * vol_moving_avg
        errors = [np.abs(factor * multiple * vol_moving_avg - volume).mean() for factor in (0.99, 1, 1.01)]
        assert errors[1] == min(errors)
    for name, predicted in predictions.items():
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
    """The measuring rows with the predictions of the model, the kind and the year."""
    block = rows[rows.Date >= metrics["measure_from"]].reset_index(drop=True)
    predictions = predict(model, block.vol_moving_avg.to_numpy(), block.adj_close_rolling_med.to_numpy())
    block[["p10", "p50", "p90", "point"]] = np.array(predictions).T
    block["point"] = round_half_up(block.point)
    with zipfile.ZipFile(ROOT / "data/sample.zip") as archive:
        etfs = {Path(name).stem for name in archive.namelist() if Path(name).parent.name == "etfs"}
    block["kind"] = np.where(block.Symbol.isin(etfs), "ETF", "stock")
    block["year"] = block.Date.str[:4]
    return block


@pytest.mark.parametrize("name", ["year", "kind"])
def test_pandas_finds_the_same_scores_by_year_and_by_kind(block, metrics, name):
    reported = {group["part"]: group for group in metrics[f"by_{name}"]}
    assert set(reported) == set(block[name])
    for group, rows in block.groupby(name):
        assert_same_scores(reported[group], rows)


def test_pandas_finds_the_same_scores_by_decile(block, metrics):
    groups = metrics["by_decile"]
    edges = [int(edge) for group in groups for edge in group["part"].split(" to ")]
    assert edges[2::2] == edges[1:-1:2]
    assert sum(group["rows"] for group in groups) == len(block)
    inner = edges[2::2]
    deciles = np.searchsorted(inner, block.vol_moving_avg, side="right")
    # A tenth of the rows each, or two deciles where both begin at 0; rounded edges move some rows.
    np.testing.assert_allclose(np.bincount(deciles)[1:] / len(block), 0.1, atol=0.01)
    assert len(groups) >= 9
    for decile, rows in block.groupby(deciles):
        assert_same_scores(groups[decile], rows)


def assert_same_scores(reported, rows):
    assert reported["rows"] == len(rows)
    for suffix, predicted in {"": rows.point, "_vol_moving_avg": rows.vol_moving_avg}.items():
        assert reported[f"mae{suffix}"] == pytest.approx((predicted - rows.Volume).abs().mean(), rel=1e-6)
        squares = np.square(np.log1p(predicted) - np.log1p(rows.Volume))
        assert reported[f"rmsle{suffix}"] == pytest.approx(math.sqrt(squares.mean()), rel=1e-6)
    # For a volume on the edge, the last digit decides.
    assert reported["coverage"] == pytest.approx(rows.Volume.between(rows.p10, rows.p90).mean(), abs=1e-3)
    for quantile in ("p10", "p50", "p90"):
        share = (rows.Volume < rows[quantile]).mean()
        assert reported[f"below_{quantile}"] == pytest.approx(share, abs=1e-3)
