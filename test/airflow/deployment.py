"""Starts Airflow as `make airflow` does, with a separate store and a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from airflow_api import Airflow, wait

ROOT = Path(__file__).parents[2]


@contextmanager
def running_airflow(folder: Path, dags: Path = ROOT / "dags", **environment: str) -> Iterator[Airflow]:
    """
    Starts Airflow with its home and store in `folder`. At the end, stops it as Ctrl-C does and checks
    that no process is still running.
    """
    home, log = folder / "airflow", folder / "airflow.log"
    port = free_port()
    settings = {"AIRFLOW_HOME": str(home), "AIRFLOW_PORT": str(port), "STORE": str(folder / "store")}
    settings["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = psutil.Popen(
            [sys.executable, ROOT / "docker/airflow/local_airflow.py"],
            env=os.environ | settings | environment,
            stdout=output,
            stderr=output,
        )
    try:
        wait(lambda: "password" in log.read_text() or process.poll() is not None, 180)
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        password = json.loads((home / "passwords.json").read_text())["admin"]
        yield Airflow(f"http://localhost:{port}", "admin", password, process)
    finally:
        children = process.children(recursive=True) if process.poll() is None else []
        sessions = {session_of(child) for child in children} - {os.getsid(0)}
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        running = [child.cmdline() for child in psutil.process_iter() if session_of(child) in sessions]
        assert running == [], f"still running: {running}"


def session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def containers_of(folder: Path) -> list[str]:
    """The task of each container of the Airflow in `folder`, running or not."""
    own = f"label=stock-market.home={folder / 'airflow'}"
    return docker("ps", "--all", "--filter", own, "--format", '{{.Label "stock-market.task"}}').split()


def docker(*command: str) -> str:
    return subprocess.run(["docker", *command], check=True, capture_output=True, text=True).stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
