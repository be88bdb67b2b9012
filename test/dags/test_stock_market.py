"""What the DAG promises, held against the DAG as Airflow reads it."""

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronDataIntervalTimetable
from task_container import TAG, TaskContainer

ROOT = Path(__file__).parents[2]
STAGES = ["download", "ingest_shards", "ingest", "features_shards", "features", "train", "promote"]


@pytest.fixture(scope="module")
def bag():
    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["stock_market"]


def container(dag, task_id):
    task = dag.get_task(task_id)
    return task.unmap({"shard": "1/2"}) if task.is_mapped else task


def rendered(dag, task_id, run, **params):
    """A task's environment as a run of the DAG would render it."""
    task = container(dag, task_id)
    result = {"outputs": [{"key": "0123456789abcdef"}]}
    ti = SimpleNamespace(xcom_pull=lambda task_ids: result)
    context = {"dag_run": run, "params": {**dag.params.dump(), **params}, "ti": ti}
    return {name: task.render_template(value, context) for name, value in task.environment.items()}


def run(kind, run_after, data_interval_end=None):
    return SimpleNamespace(run_type=kind, run_after=run_after, data_interval_end=data_interval_end)


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_every_file_imports_and_there_is_one_dag(bag):
    assert bag.import_errors == {}
    assert list(bag.dags) == ["stock_market"]


def test_the_stages_come_one_after_the_other(dag):
    for before, after in pairwise(STAGES):
        assert after in dag.get_task(before).downstream_task_ids
    assert set(dag.task_ids) == {*STAGES, "split", "sweep_containers"}


def test_a_run_is_one_calendar_month_and_missed_months_wait_for_a_backfill(dag):
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.timetable.expression == "0 0 1 * *"
    assert not dag.catchup


def test_the_page_explains_the_dag_and_every_param(dag):
    assert "```" in dag.doc_md and "backfill" in dag.doc_md
    assert list(dag.params) == ["as_of", "source", "window", "replace", "max_mae_ratio", "shards_in_parallel"]
    assert all(len(dag.params.get_param(name).description) > 20 for name in dag.params)


@pytest.mark.parametrize(
    ("of", "as_of"),
    [
        (run("scheduled", day("2018-02-01"), day("2018-02-01")), "2018-02-01"),
        (run("backfill", day("2026-11-23"), day("2018-12-01")), "2018-12-01"),
        (run("manual", day("2020-03-31")), "2020-03-31"),
        (run("asset_triggered", day("2020-03-31")), "2020-03-31"),
    ],
    ids=lambda value: getattr(value, "run_type", value),
)
def test_trains_as_of_the_interval_s_end_or_when_there_is_none_of_now(dag, of, as_of):
    for task_id in ("train", "promote"):
        assert rendered(dag, task_id, of)["AS_OF"] == as_of
        assert rendered(dag, task_id, of, as_of="2019-05-06")["AS_OF"] == "2019-05-06"


def test_params_reach_the_containers(dag):
    of = run("manual", day("2020-03-31"))
    assert rendered(dag, "ingest", of)["SOURCE"] == "/source/sample.zip"
    assert rendered(dag, "ingest", of, source=None)["SOURCE"] == ""
    assert rendered(dag, "ingest_shards", of)["SHARD"] == "1/2"
    assert rendered(dag, "features", of, window=60)["WINDOW"] == "60"
    assert rendered(dag, "features", of)["PRICES"] == "0123456789abcdef"
    assert rendered(dag, "train", of)["FEATURES"] == "0123456789abcdef"
    assert rendered(dag, "train", of)["REPLACE"] == ""
    assert rendered(dag, "train", of, replace=True)["REPLACE"] == "true"
    assert rendered(dag, "promote", of, max_mae_ratio=1.1)["MAX_MAE_RATIO"] == "1.1"


def test_a_value_that_ends_like_a_file_name_is_not_read_as_a_file(dag):
    environment = rendered(dag, "ingest", run("manual", day("2020-03-31")), source="prices.sh")
    assert environment["SOURCE"] == "/source/prices.sh"


def test_download_is_skipped_where_a_source_is_given(dag):
    unless = dag.get_task("download").unless
    assert dag.get_task("download").render_template(unless, {"params": {"source": "x.zip"}}) == "x.zip"
    assert dag.get_task("download").render_template(unless, {"params": {"source": None}}) == ""


@pytest.mark.parametrize(("count", "shards"), [(1, []), (3, ["1/3", "2/3", "3/3"])])
def test_splits_a_stage_over_as_many_containers_as_asked_for(dag, count, shards):
    assert dag.get_task("split").python_callable({"shards_in_parallel": count}) == shards


@pytest.mark.parametrize("task_id", STAGES)
def test_every_container_is_bounded_pinned_and_retried(dag, task_id):
    task = container(dag, task_id)
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
def test_runs_at_the_same_time_make_what_they_share_once(dag, task_id):
    assert dag.get_task(task_id).max_active_tis_per_dag == 1


def test_what_a_stage_makes_is_an_asset(dag):
    assets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert list(assets.values()) == [["prices"], ["features"], ["model"], ["champion"]]


def test_a_run_ends_with_clearing_up_whatever_came_before(dag):
    assert dag.get_task("sweep_containers").is_teardown


def test_the_images_tag_is_the_package_s_version():
    assert json.loads((ROOT / "package.json").read_text())["version"] == TAG
