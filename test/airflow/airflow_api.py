"""A client for the part of Airflow's REST API that the tests use."""

from __future__ import annotations

import time
from typing import Any

import psutil
import requests

DAG = "stock_market"


class Airflow:
    """A running Airflow, and its process if the tests started it."""

    def __init__(self, url: str, user: str, password: str, process: psutil.Process | None = None) -> None:
        self.url = url
        self.process = process
        response = requests.post(
            f"{url}/auth/token", json={"username": user, "password": password}, timeout=30
        )
        response.raise_for_status()
        self.headers = {"Authorization": f"Bearer {response.json()['access_token']}"}

    def request(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        response = requests.request(
            method, f"{self.url}/api/v2/{path}", headers=self.headers, json=body or None, timeout=60
        )
        if not response.ok:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else {}

    def unpause(self) -> None:
        self.request("PATCH", f"dags/{DAG}", is_paused=False)

    def trigger(self, **conf: Any) -> str:
        return self.request("POST", f"dags/{DAG}/dagRuns", logical_date=None, conf=conf)["dag_run_id"]

    def backfill(
        self, first: str, last: str, runs_at_once: int = 2, reprocess: str = "none", **conf: Any
    ) -> int:
        body = {"dag_id": DAG, "from_date": first, "to_date": last, "max_active_runs": runs_at_once}
        return self.request("POST", "backfills", **body, dag_run_conf=conf, reprocess_behavior=reprocess)[
            "id"
        ]

    def runs(self, **query: Any) -> list[dict[str, Any]]:
        text = "&".join(f"{name}={value}" for name, value in {"limit": 100, **query}.items())
        return self.request("GET", f"dags/{DAG}/dagRuns?{text}")["dag_runs"]

    def tasks(self, run: str) -> list[dict[str, Any]]:
        return self.request("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]

    def task(self, run: str, task: str) -> dict[str, Any]:
        return self.request("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances/{task}")

    def set_state(self, run: str, task: str, state: str) -> None:
        self.request("PATCH", f"dags/{DAG}/dagRuns/{run}/taskInstances/{task}", new_state=state)

    def clear(self, run: str, *tasks: str) -> None:
        self.request(
            "POST",
            f"dags/{DAG}/clearTaskInstances",
            dag_run_id=run,
            task_ids=list(tasks),
            dry_run=False,
            only_failed=False,
            include_downstream=True,
        )

    def log(self, run: str, task: str, try_number: int) -> str:
        return str(self.request("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances/{task}/logs/{try_number}"))

    def result(self, run: str, task: str) -> dict[str, Any]:
        path = f"dags/{DAG}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value?deserialize=true"
        return self.request("GET", path)["value"]

    def wait_for_run(self, run: str, seconds: float = 300) -> str:
        state = lambda: self.request("GET", f"dags/{DAG}/dagRuns/{run}")["state"]  # noqa: E731
        return wait(lambda: (now := state()) in ("success", "failed") and now, seconds)

    def wait_for_backfill(self, backfill: int, seconds: float = 600) -> None:
        wait(lambda: self.request("GET", f"backfills/{backfill}")["completed_at"], seconds)


def wait(condition: Any, seconds: float, every: float = 0.5) -> Any:
    """Calls `condition` until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"the condition was not met within {seconds} s")
        time.sleep(every)
    return value
