"""
# Stock market: daily prices become a served model

```
              ┌ ingest_shards ┐           ┌ features_shards ┐
download ──┬──┤   0 or n      ├─ ingest ──┤     0 or n      ├─ features ── train ── promote
 (unless   └──┴───────────────┘           └─────────────────┘
  a source is given)
```

| task | makes | where in the store |
|---|---|---|
| download | the Kaggle data set | `raw/<snapshot>/` |
| ingest | prices, as Parquet | `prices/<key>/` |
| features | rolling windows per symbol | `features/<key>/` |
| train | a model of what was known as of a date | `models/<as-of>/` |
| promote | the model in service | `champion.json`, `model.bin` |

**A run is a calendar month.** It trains as of the end of its interval, on earlier rows alone. So a backfill
is a walk-forward: each past month gets the model that could have been had then. Prices and features are made
once and found up to date by every later run. A backfill never puts an older model in place of a newer one.

**Every task is a container** that also runs from the shell: `make run-task TASK=features`.
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, chain, get_current_context, task
from task_container import TaskContainer, sweep

AS_OF = "{{ params.as_of or (dag_run.data_interval_end or dag_run.run_after) | ds }}"
SOURCE = {"SOURCE": "{{ '/source/' ~ params.source if params.source else '' }}"}
KEY = "{{{{ ti.xcom_pull('{}')['outputs'][0]['key'] }}}}"
WINDOW = {"WINDOW": "{{ params.window }}", "PRICES": KEY.format("ingest")}

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
            description="Train on rows before this date. Empty: the end of the run's month.",
        ),
        "source": Param(
            os.environ.get("STOCK_MARKET_SOURCE", "sample.zip"),
            type=["null", "string"],
            description="A zip or folder among the sources, or sample.zip. Empty: the Kaggle data set.",
        ),
        "window": Param(30, type="integer", minimum=2, maximum=250, description="Rows in a rolling window."),
        "replace": Param(
            False, type="boolean", description="Put aside a model of the same date that other data made."
        ),
        "max_mae_ratio": Param(
            1.02,
            type="number",
            minimum=0,
            maximum=1000,
            description="A model whose MAE is more than this many times the champion's is refused.",
        ),
        "shards_in_parallel": Param(
            1,
            type="integer",
            minimum=1,
            maximum=16,
            description="Containers that share a stage; the pool stock_market bounds how many run at once.",
        ),
    },
) as dag:

    @task(multiple_outputs=False)
    def split(params: dict) -> list[str]:
        """The shards of a stage, one for each container; none where one container does it all."""
        count = params["shards_in_parallel"]
        return [f"{number}/{count}" for number in range(1, count + 1)] if count > 1 else []

    download = TaskContainer(
        task_id="download",
        stage="download",
        unless="{{ params.source or '' }}",
        network="bridge",
        private_environment={name: os.environ.get(name) for name in ("KAGGLE_USERNAME", "KAGGLE_KEY")},
    )
    shards = split()
    ingest_shards = TaskContainer.partial(task_id="ingest_shards", stage="ingest", options=SOURCE).expand(
        shard=shards
    )
    ingest = TaskContainer(
        task_id="ingest", stage="ingest", options=SOURCE, outlets=[Asset("prices")], max_active_tis_per_dag=1
    )
    features_shards = TaskContainer.partial(
        task_id="features_shards", stage="features", options=WINDOW
    ).expand(shard=shards)
    features = TaskContainer(
        task_id="features",
        stage="features",
        options=WINDOW,
        outlets=[Asset("features")],
        max_active_tis_per_dag=1,
    )
    train = TaskContainer(
        task_id="train",
        stage="train",
        image="train",
        options={
            "AS_OF": AS_OF,
            "FEATURES": KEY.format("features"),
            "REPLACE": "{{ 'true' if params.replace else '' }}",
        },
        outlets=[Asset("model")],
    )
    promote = TaskContainer(
        task_id="promote",
        stage="promote",
        options={
            "AS_OF": AS_OF,
            "FEATURES": KEY.format("features"),
            "MAX_MAE_RATIO": "{{ params.max_mae_ratio }}",
        },
        outlets=[Asset("champion")],
        max_active_tis_per_dag=1,
    )

    @task
    def sweep_containers() -> list[str]:
        return sweep(get_current_context())

    chain(download, ingest_shards, ingest, features_shards, features, train, promote)
    promote >> sweep_containers().as_teardown()
