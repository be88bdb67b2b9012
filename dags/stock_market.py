"""
# Train and promote a model from daily stock prices

**A run covers one calendar month.** Its as-of date is the end of the month, and it trains only on rows
before that date. A backfill trains one model for each past month.
The first run writes prices and features; later runs find them up to date.
A backfill never replaces the champion with an older model.

**Each task runs in a container.** The same task also runs from the shell:

```
make run-task TASK=features
```

| task | what it does | output in the store |
|---|---|---|
| download | downloads the Kaggle data set; skipped if `source` is set, as by default | `raw/<snapshot>/` |
| split | divides the shards for `shards_in_parallel` containers | |
| ingest_shards | shares the work of ingest; skipped if `shards_in_parallel` is 1 | |
| ingest | reads the CSV files and writes prices as Parquet | `prices/<key>/` |
| features_shards | shares the work of features; skipped if `shards_in_parallel` is 1 | |
| features | computes 30-row windows per symbol | `features/<key>/` |
| train | trains a model on the rows before the as-of date | `models/<as-of>/` |
| promote | puts the model into service if it is good enough | `champion.json`, `model.bin` |
| sweep_containers | removes containers that killed tasks left behind | |
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, chain, get_current_context, task
from task_container import TaskContainer, remove_containers_of_run

AS_OF = "{{ params.as_of or (dag_run.data_interval_end or dag_run.run_after) | ds }}"
INGEST = {
    "SOURCE": "{{ '/source/' ~ params.source if params.source else '' }}",
    "MAX_SHRINK": "{{ params.max_shrink }}",
}
KEY_OF = "{{{{ ti.xcom_pull('{}')['outputs'][0]['key'] }}}}"
WINDOW = {"WINDOW": "{{ params.window }}", "PRICES": KEY_OF.format("ingest")}

with DAG(
    dag_id="stock_market",
    doc_md=__doc__,
    tags=["stock-market"],
    schedule=CronDataIntervalTimetable("0 0 1 * *", timezone="UTC"),
    start_date=datetime(2015, 1, 1),
    catchup=False,
    max_active_runs=4,
    default_args={
        "pool": "stock_market",
        "retries": 3,
        "retry_delay": timedelta(seconds=15),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=2),
        "trigger_rule": "none_failed",
    },
    params={
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            description="Train on rows before this date. If empty, the end of the run's month.",
        ),
        "source": Param(
            os.environ.get("STOCK_MARKET_SOURCE", "sample.zip"),
            type=["null", "string"],
            description="Name of a zip file or folder in the sources folder, or sample.zip. "
            "If empty, the Kaggle data set is downloaded.",
        ),
        "window": Param(
            30, type="integer", minimum=2, maximum=250, description="Number of rows in a rolling window."
        ),
        "replace": Param(
            False,
            type="boolean",
            description="Train again if a model of this date was trained with other options. "
            "The old model moves to `models/<as-of>.<hash>/`.",
        ),
        "max_mae_ratio": Param(
            1.02,
            type="number",
            minimum=0,
            maximum=1000,
            description="Reject a model whose MAE is more than this many times the champion's MAE.",
        ),
        "max_shrink": Param(
            0.1,
            type="number",
            minimum=0,
            maximum=1,
            description="How much smaller than the latest prices the new prices may be, in rows and in "
            "symbols: 0.1 allows 10 % fewer, 1 allows any number.",
        ),
        "shards_in_parallel": Param(
            1,
            type="integer",
            minimum=1,
            maximum=16,
            description="Number of containers that share ingest and features. "
            "The pool stock_market limits how many run at the same time.",
        ),
    },
) as dag:

    @task(multiple_outputs=False)
    def split(params: dict) -> list[str]:
        """Returns `i/n` for each of n containers, or nothing if one container does the whole task."""
        count = params["shards_in_parallel"]
        return [f"{number}/{count}" for number in range(1, count + 1)] if count > 1 else []

    download = TaskContainer(
        task_id="download",
        cli_task="download",
        skip_if="{{ params.source or '' }}",
        network="bridge",
        private_environment={name: os.environ.get(name) for name in ("KAGGLE_USERNAME", "KAGGLE_KEY")},
    )
    shards = split()
    ingest_shards = TaskContainer.partial(task_id="ingest_shards", cli_task="ingest", options=INGEST).expand(
        shard=shards
    )
    ingest = TaskContainer(
        task_id="ingest",
        cli_task="ingest",
        options=INGEST,
        outlets=[Asset("prices")],
        max_active_tis_per_dag=1,
    )
    features_shards = TaskContainer.partial(
        task_id="features_shards", cli_task="features", options=WINDOW
    ).expand(shard=shards)
    features = TaskContainer(
        task_id="features",
        cli_task="features",
        options=WINDOW,
        outlets=[Asset("features")],
        max_active_tis_per_dag=1,
    )
    train = TaskContainer(
        task_id="train",
        cli_task="train",
        image="train",
        options={
            "AS_OF": AS_OF,
            "FEATURES": KEY_OF.format("features"),
            "REPLACE": "{{ 'true' if params.replace else '' }}",
        },
        outlets=[Asset("model")],
    )
    promote = TaskContainer(
        task_id="promote",
        cli_task="promote",
        options={
            "AS_OF": AS_OF,
            "FEATURES": KEY_OF.format("features"),
            "MAX_MAE_RATIO": "{{ params.max_mae_ratio }}",
        },
        outlets=[Asset("champion")],
        max_active_tis_per_dag=1,
    )

    @task
    def sweep_containers() -> list[str]:
        """Removes the containers that killed tasks of this run left behind."""
        return remove_containers_of_run(get_current_context())

    chain(download, ingest_shards, ingest, features_shards, features, train, promote)
    promote >> sweep_containers().as_teardown()
