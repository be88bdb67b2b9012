"""Checks the DAG as Airflow imports it, without running it."""

import json
import re
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronDataIntervalTimetable
from task_container import TAG, TaskContainer

ROOT = Path(__file__).parents[2]
TASKS = ["download", "ingest_shards", "ingest", "features_shards", "features", "train", "promote"]


@pytest.fixture(scope="module")
def bag():
    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["stock_market"]


def task_of(dag, task_id):
    """A task; for a mapped one, its second shard."""
    task = dag.get_task(task_id)
    return task.unmap({"shard": "1/2"}) if task.is_mapped else task


def render_environment(dag, task_id, run, **params):
    """The environment variables of a task's container in a run."""
    task = task_of(dag, task_id)
    result = {"outputs": [{"key": "0123456789abcdef"}]}
    ti = SimpleNamespace(xcom_pull=lambda task_ids: result)
    context = {"dag_run": run, "params": {**dag.params.dump(), **params}, "ti": ti}
    return {name: task.render_template(value, context) for name, value in task.environment.items()}


def make_run(run_type, run_after, data_interval_end=None):
    return SimpleNamespace(run_type=run_type, run_after=run_after, data_interval_end=data_interval_end)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_every_file_can_be_imported_and_there_is_one_dag(bag):
    assert bag.import_errors == {}
    assert list(bag.dags) == ["stock_market"]


def test_the_tasks_run_in_order(dag):
    for before, after in pairwise(TASKS):
        assert after in dag.get_task(before).downstream_task_ids
    assert set(dag.task_ids) == {*TASKS, "split", "sweep_containers"}


def test_a_run_covers_one_calendar_month_and_missed_months_are_not_caught_up(dag):
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.timetable.expression == "0 0 1 * *"
    assert not dag.catchup


def test_the_dag_and_every_param_have_a_description(dag):
    assert "```" in dag.doc_md and "backfill" in dag.doc_md
    assert list(dag.params) == [
        "as_of",
        "source",
        "window",
        "replace",
        "max_mae_ratio",
        "max_shrink",
        "shards_in_parallel",
    ]
    assert all(len(dag.params.get_param(name).description) > 20 for name in dag.params)


@pytest.mark.parametrize(
    ("run", "as_of"),
    [
        (make_run("scheduled", utc("2018-02-01"), utc("2018-02-01")), "2018-02-01"),
        (make_run("backfill", utc("2026-11-23"), utc("2018-12-01")), "2018-12-01"),
        (make_run("manual", utc("2020-03-31")), "2020-03-31"),
        (make_run("asset_triggered", utc("2020-03-31")), "2020-03-31"),
    ],
    ids=lambda value: getattr(value, "run_type", value),
)
def test_the_as_of_date_is_the_end_of_the_month_or_without_a_month_the_time_of_the_run(dag, run, as_of):
    for task_id in ("train", "promote"):
        assert render_environment(dag, task_id, run)["AS_OF"] == as_of
        assert render_environment(dag, task_id, run, as_of="2019-05-06")["AS_OF"] == "2019-05-06"


def test_params_are_passed_to_the_containers(dag):
    run = make_run("manual", utc("2020-03-31"))
    assert render_environment(dag, "ingest", run)["SOURCE"] == "/source/sample.zip"
    assert render_environment(dag, "ingest", run, source=None)["SOURCE"] == ""
    assert render_environment(dag, "ingest", run, max_shrink=1)["MAX_SHRINK"] == "1"
    assert render_environment(dag, "ingest_shards", run)["SHARD"] == "1/2"
    assert render_environment(dag, "features", run, window=60)["WINDOW"] == "60"
    assert render_environment(dag, "features", run)["PRICES"] == "0123456789abcdef"
    assert render_environment(dag, "train", run)["FEATURES"] == "0123456789abcdef"
    assert render_environment(dag, "train", run)["REPLACE"] == ""
    assert render_environment(dag, "train", run, replace=True)["REPLACE"] == "true"
    assert render_environment(dag, "promote", run, max_mae_ratio=1.1)["MAX_MAE_RATIO"] == "1.1"


def test_a_value_that_ends_like_a_file_name_is_not_read_as_a_file(dag):
    environment = render_environment(dag, "ingest", make_run("manual", utc("2020-03-31")), source="prices.sh")
    assert environment["SOURCE"] == "/source/prices.sh"


def test_download_is_skipped_if_a_source_is_given(dag):
    skip_if = dag.get_task("download").skip_if
    assert dag.get_task("download").render_template(skip_if, {"params": {"source": "x.zip"}}) == "x.zip"
    assert dag.get_task("download").render_template(skip_if, {"params": {"source": None}}) == ""


@pytest.mark.parametrize(("count", "shards"), [(1, []), (3, ["1/3", "2/3", "3/3"])])
def test_split_lists_a_shard_per_container_if_there_is_more_than_one(dag, count, shards):
    assert dag.get_task("split").python_callable({"shards_in_parallel": count}) == shards


@pytest.mark.parametrize("task_id", TASKS)
def test_every_container_has_limits_a_pinned_image_and_retries(dag, task_id):
    task = task_of(dag, task_id)
    assert isinstance(task, TaskContainer)
    assert task.image in (f"stock-market/tasks:{TAG}", f"stock-market/train:{TAG}") and TAG != "latest"
    assert not task.mount_tmp_dir and task.auto_remove == "never"
    assert timedelta() < task.execution_timeout <= timedelta(hours=3)
    assert task.retries == 3 and task.retry_delay and task.max_retry_delay
    assert task.pool == "stock_market"
    assert task.mem_limit and task.cores
    assert not task.privileged and not task.container_name
    assert task.network_mode == ("bridge" if task_id == "download" else "none")


@pytest.mark.parametrize("task_id", ["ingest", "features", "promote"])
def test_concurrent_runs_do_not_repeat_shared_work(dag, task_id):
    assert dag.get_task(task_id).max_active_tis_per_dag == 1


def test_every_output_is_an_asset(dag):
    assets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert list(assets.values()) == [["prices"], ["features"], ["model"], ["champion"]]


def test_containers_are_swept_at_the_end_of_every_run(dag):
    assert dag.get_task("sweep_containers").is_teardown


def test_the_tag_of_the_images_is_the_version_in_package_json():
    assert json.loads((ROOT / "package.json").read_text())["version"] == TAG


@pytest.mark.parametrize(
    ("param", "task", "option"),
    [
        ("window", "features", "--window"),
        ("max_mae_ratio", "promote", "--max-mae-ratio"),
        ("max_shrink", "ingest", "--max-shrink"),
    ],
)
def test_a_param_has_the_default_of_its_option(dag, param, task, option):
    command = [shutil.which("node") or "node", ROOT / "tasks/cli.ts", task, "--help"]
    text = " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    default = re.search(rf" {option} .*?\[default: ([^\]]*)\]", text).group(1)
    assert default == str(dag.params.dump()[param])
