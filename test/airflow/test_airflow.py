"""Runs the pipeline on the bundled sample with a real scheduler in real containers."""

import hashlib
import json
import os
import subprocess
import urllib.request

import pytest
from airflow_api import wait
from deployment import ROOT, containers_of, docker, free_port, running_airflow
from task_container import TAG

AS_OF = "2019-06-01"
MONTHS = ["2018-02-01", "2018-03-01", "2018-04-01"]


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def airflow(folder):
    with running_airflow(folder) as airflow:
        airflow.unpause()
        yield airflow


@pytest.fixture(scope="module")
def scheduled(airflow):
    """The first run after the DAG is switched on: it covers the month that has just ended."""
    run = wait(lambda: airflow.runs(run_type="scheduled"), 60)[0]
    assert airflow.wait_for_run(run["dag_run_id"]) == "success", airflow.tasks(run["dag_run_id"])
    return run


@pytest.fixture(scope="module")
def triggered(airflow, scheduled):
    run = airflow.trigger(as_of=AS_OF)
    assert airflow.wait_for_run(run) == "success", airflow.tasks(run)
    return run


@pytest.fixture(scope="module")
def backfilled(airflow, triggered):
    """A backfill of three months, two at a time."""
    airflow.wait_for_backfill(
        airflow.backfill("2018-01-01T00:00:00Z", "2018-03-01T00:00:00Z", runs_at_once=2)
    )
    return airflow.runs(run_type="backfill")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def champion_as_of(folder):
    return json.loads((folder / "store/champion.json").read_text())["as_of"]


def test_airflow_imports_every_file(airflow):
    assert airflow.request("GET", "importErrors")["import_errors"] == []


def test_the_scheduled_run_puts_a_model_into_service(folder, scheduled):
    assert champion_as_of(folder) == scheduled["data_interval_end"][:10]


def test_a_triggered_run_trains_as_of_the_given_date(airflow, folder, triggered):
    states = {task["task_id"]: task["state"] for task in airflow.tasks(triggered)}
    assert states["download"] == states["ingest_shards"] == "skipped"
    assert {states[task] for task in ("ingest", "features", "train", "promote")} == {"success"}
    assert (folder / "store/models" / AS_OF / "model.bin").exists()
    assert airflow.result(triggered, "ingest")["outputs"][0]["rows"] > 10_000


def test_the_task_log_has_the_output_of_the_container(airflow, triggered):
    assert "mae_vol_moving_avg" in airflow.log(triggered, "train", 1)


def test_a_backfill_trains_each_month_as_of_its_end_and_keeps_the_newer_champion(
    folder, scheduled, backfilled
):
    assert [run["state"] for run in backfilled] == ["success"] * 3
    assert {path.name for path in (folder / "store/models").iterdir()} >= {*MONTHS}
    assert champion_as_of(folder) == scheduled["data_interval_end"][:10]


def test_a_backfill_finds_prices_and_features_up_to_date(airflow, backfilled):
    for run in backfilled:
        for task in ("ingest", "features"):
            assert airflow.result(run["dag_run_id"], task)["status"] == "up_to_date"


def test_a_repeated_backfill_gives_the_same_models(airflow, folder, backfilled):
    models = [folder / "store/models" / month / "model.bin" for month in MONTHS]
    before = [sha256(model) for model in models]
    again = airflow.backfill(
        "2018-01-01T00:00:00Z", "2018-03-01T00:00:00Z", runs_at_once=3, reprocess="completed"
    )
    airflow.wait_for_backfill(again)
    assert [sha256(model) for model in models] == before


def test_several_containers_share_a_task(airflow, triggered):
    run = airflow.trigger(as_of=AS_OF, shards_in_parallel=3, window=60)
    assert airflow.wait_for_run(run) == "success"
    shards = [task for task in airflow.tasks(run) if task["task_id"] == "features_shards"]
    assert [task["state"] for task in shards] == ["success"] * 3
    assert airflow.result(run, "features")["status"] == "up_to_date"
    prices, expected = (airflow.result(of, "ingest")["outputs"][0]["key"] for of in (run, triggered))
    assert prices == expected


def test_the_serving_container_answers_a_prediction(folder, triggered):
    name = docker(
        "run", "--detach", "--read-only", "--cap-drop=ALL", "--publish", "127.0.0.1::3000",
        "--volume", f"{folder / 'store'}:/store:ro", f"stock-market/serving:{TAG}",
    )  # fmt: skip
    try:
        wait(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", name) == "healthy", 30)
        address = docker("port", name, "3000")
        query = "vol_moving_avg=12345&adj_close_rolling_med=25"
        with urllib.request.urlopen(f"http://{address}/predict?{query}", timeout=5) as response:
            assert response.read().isdigit()
    finally:
        docker("rm", "--force", name)


def test_the_compose_file_of_the_server_alone_answers_a_prediction(folder, triggered):
    has_plugin = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    compose = [*(["docker", "compose"] if has_plugin else ["docker-compose"]), "--project-name"]
    compose += [f"serving-{os.getpid()}", "--file", ROOT / "docker/deploy/serving.compose.yaml"]
    port = free_port()
    listen = {"STORE": str(folder / "store"), "LISTEN": f"127.0.0.1:{port}", "VERSION": TAG}

    def run(*arguments):
        subprocess.run([*compose, *arguments], env=os.environ | listen, check=True, capture_output=True)

    def predict():
        query = "vol_moving_avg=12345&adj_close_rolling_med=25"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/predict?{query}", timeout=5) as response:
                return response.read()
        except OSError:
            return None

    try:
        run("up", "--detach")
        assert wait(predict, 30).isdigit()
    finally:
        run("down")


def test_no_container_is_left(folder, backfilled):
    assert containers_of(folder) == []
