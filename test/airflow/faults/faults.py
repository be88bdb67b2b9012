"""
Breaks the pipeline in every way that operations will, with real processes, and prints what became of it.

    .venv/bin/python test/airflow/faults/faults.py [NAME ...]

Starts an Airflow of its own. It also kills this host's Docker daemon, if FAULTS_MAY_KILL_DOCKER=1 says so.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path += [str(ROOT / "test/airflow"), str(ROOT / "dags")]

from deployment import containers_of, docker, running_airflow  # noqa: E402
from rest import Airflow, wait  # noqa: E402
from store import torn_files  # noqa: E402
from task_container import TAG  # noqa: E402

DAY = "2019-01-01"
FREEZE = 'node tasks/cli.ts "$@" & sleep {}; kill -STOP $!; sleep 600'
FREEZES = {"ingest": FREEZE.format(0.9), "train": FREEZE.format(4)}  # seconds: well inside the stage's work
OUT_OF_MEMORY = "exec node -e 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'"
ROW = "{:41} {:48} {:9} {:>5} {:>5} {:>5}"
CASES: dict[str, Callable[[Fault], str]] = {}


class Fault:
    """The running system, and ways to harm it."""

    def __init__(self, airflow: Airflow, folder: Path) -> None:
        self.airflow = airflow
        self.folder = folder
        self.store = folder / "store"

    def start(self, task: str = "", script: str = "", **conf: object) -> str:
        """Triggers a run that makes everything anew; the script comes before the task's own work, once."""
        for name in ("prices", "features", "models"):
            shutil.rmtree(self.store / name, ignore_errors=True)
        (self.store / "faults").mkdir(exist_ok=True)
        (self.store / "faults").chmod(0o777)
        if task:
            (self.store / "faults" / task).write_text(script)
        return self.airflow.trigger(as_of=DAY, **conf)

    def frozen(self, task: str) -> str:
        """Starts a run whose task's real process is stopped in the middle of its work."""
        run = self.start(task, FREEZES[task])
        wait(lambda: containers_of(self.folder) == [task], 60)
        time.sleep(float(FREEZES[task].split("sleep ")[1].split(";")[0]) + 1.5)
        return run

    def ends(self, run: str, expected: str, seconds: float = 240) -> None:
        state = self.airflow.wait_for_run(run, seconds)
        assert state == expected, f"run {state}, not {expected}"

    def tries(self, run: str, task: str) -> int:
        return self.airflow.task(run, task)["try_number"]

    def processes(self, title: str) -> list[psutil.Process]:
        found = [child for child in self.airflow.process.children(recursive=True) if title in title_of(child)]
        assert found, f"no process is titled {title}"
        return found

    def kill(self, title: str) -> None:
        for process in self.processes(title):
            process.kill()


def case(function: Callable[[Fault], str]) -> Callable[[Fault], str]:
    CASES[function.__name__.replace("_", " ")] = function
    return function


def after_freezing(name: str, harm: Callable[[Fault, str, str], None]) -> None:
    """A case for ingest and one for train: stopped mid-work, harmed, expected to complete all the same."""
    for task in FREEZES:

        def run_case(fault: Fault, task: str = task) -> str:
            run = fault.frozen(task)
            harm(fault, run, task)
            fault.ends(run, "success")
            return f"completed on try {fault.tries(run, task)}"

        CASES[f"{name}, in {task}"] = run_case


@case
def exit_1(fault: Fault) -> str:
    run = fault.start("train", "exit 1")
    fault.ends(run, "success")
    assert fault.tries(run, "train") == 2
    return "retried, completed on try 2"


@case
def exit_2(fault: Fault) -> str:
    run = fault.start("train", """echo '{"level":"error","message":"the rows are bad"}' >&2; exit 2""")
    fault.ends(run, "failed")
    assert fault.tries(run, "train") == 1
    assert "AirflowFailException" in (log := fault.airflow.log(run, "train", 1)) and "the rows are bad" in log
    return "failed at once, its message in the log"


@case
def out_of_memory(fault: Fault) -> str:
    run = fault.start("train", OUT_OF_MEMORY)
    fault.ends(run, "failed")
    assert fault.tries(run, "train") == 1
    assert "out of memory" in fault.airflow.log(run, "train", 1)
    return "failed at once, said as out of memory"


@case
def execution_timeout(fault: Fault) -> str:
    run = fault.start("train", "sleep 600")
    fault.ends(run, "success")
    assert "AirflowTaskTimeout" in fault.airflow.log(run, "train", 1)
    return f"timed out, completed on try {fault.tries(run, 'train')}"


@case
def marked_failed_while_it_runs(fault: Fault) -> str:
    run = fault.frozen("train")
    fault.airflow.set_state(run, "train", "failed")
    start = time.monotonic()
    wait(lambda: not containers_of(fault.folder), 30)
    gone = time.monotonic() - start
    fault.ends(run, "failed")
    return f"container gone after {gone:.0f} s"


@case
def cleared_while_it_runs(fault: Fault) -> str:
    run = fault.frozen("train")
    fault.airflow.clear(run, "train")
    fault.ends(run, "success")
    return f"completed on try {fault.tries(run, 'train')}"


after_freezing("kill -9 of the container", lambda fault, *_: docker("kill", *all_containers(fault)))
after_freezing(
    "kill -9 of the task's process",
    lambda fault, run, task: fault.kill(f"airflow worker -- {fault.airflow.task(run, task)['id']}"),
)
after_freezing("kill -9 of the worker", lambda *about: kill_worker(*about))
after_freezing("kill -9 of the scheduler", lambda fault, *_: fault.kill("airflow scheduler"))
after_freezing("kill -9 of dockerd", lambda *_: restart_docker(signal.SIGKILL))


@case
def dockerd_not_running(fault: Fault) -> str:
    stop_docker(signal.SIGTERM)
    run = fault.start()
    wait(lambda: fault.airflow.task(run, "ingest")["state"] == "up_for_retry", 60)
    subprocess.run([ROOT / "docker/daemon.sh"], check=True, stdout=subprocess.DEVNULL)
    fault.ends(run, "success")
    return f"completed on try {fault.tries(run, 'ingest')}, once it ran"


@case
def two_backfills_at_once(fault: Fault) -> str:
    fault.start()
    number = fault.airflow.backfill("2018-01-01T00:00:00Z", "2018-03-01T00:00:00Z")
    try:
        fault.airflow.backfill("2018-02-01T00:00:00Z", "2018-04-01T00:00:00Z")
        second = "both ran"
    except RuntimeError as error:
        assert "409" in str(error), error
        second = "the second refused (409)"
    fault.airflow.wait_for_backfill(number)
    states = {run["state"] for run in fault.airflow.runs(run_type="backfill")}
    assert states == {"success"}, states
    return f"{second}, the first completed"


@case
def image_missing(fault: Fault) -> str:
    image = f"stock-market/train:{TAG}-faults"
    docker("tag", image, "stock-market/train:kept")
    docker("rmi", image)
    try:
        run = fault.start()
        fault.ends(run, "failed")
        assert f"image {image} is not here" in fault.airflow.log(run, "train", 1)
    finally:
        docker("tag", "stock-market/train:kept", image)
        docker("rmi", "stock-market/train:kept")
    return f"failed on try {fault.tries(run, 'train')}, said which image"


@case
def store_missing(fault: Fault) -> str:
    run = fault.start()
    away = fault.store.rename(fault.folder / "away")
    try:
        wait(lambda: fault.airflow.task(run, "ingest")["state"] == "up_for_retry", 60)
        assert "does not exist" in fault.airflow.log(run, "ingest", 1)
    finally:
        away.rename(fault.store)
    fault.ends(run, "success")
    return f"completed on try {fault.tries(run, 'ingest')}, once it was back"


@case
def store_read_only(fault: Fault) -> str:
    run = fault.start()
    subprocess.run(["mount", "--bind", fault.store, fault.store], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", fault.store], check=True)
    try:
        fault.ends(run, "failed")
    finally:
        subprocess.run(["umount", fault.store], check=True)
    fault.airflow.clear(run, "ingest")
    fault.ends(run, "success")
    return "failed at once, completed once cleared"


def title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def all_containers(fault: Fault) -> list[str]:
    return docker("ps", "--quiet", "--filter", f"label=stock-market.home={fault.folder / 'airflow'}").split()


def kill_worker(fault: Fault, run: str, task: str) -> None:
    """The process that watches over the task's own, and with it that one."""
    own = fault.processes(f"airflow worker -- {fault.airflow.task(run, task)['id']}")[0]
    own.parent().kill()
    own.kill()


def stop_docker(sign: int) -> None:
    daemon = next(process for process in psutil.process_iter(["name"]) if process.info["name"] == "dockerd")
    daemon.send_signal(sign)
    daemon.wait(30)


def restart_docker(sign: int) -> None:
    stop_docker(sign)
    subprocess.run([ROOT / "docker/daemon.sh"], check=True, stdout=subprocess.DEVNULL)


def build_images() -> None:
    """The project's images, with a way to tell a task how to fail."""
    subprocess.run([ROOT / "docker/images/build-images.sh", "tasks", "train"], check=True)
    for name in ("tasks", "train"):
        image = f"stock-market/{name}:{TAG}"
        docker("build", "--build-arg", f"IMAGE={image}", "--tag", f"{image}-faults", str(HERE))


def quicker_dags(folder: Path) -> Path:
    """The DAG with a timeout and retry delays that a test can wait for."""
    dags = shutil.copytree(ROOT / "dags", folder / "dags")
    file = dags / "stock_market.py"
    text = file.read_text().replace("timedelta(hours=2)", "timedelta(seconds=45)")
    file.write_text(text.replace("timedelta(seconds=15)", "timedelta(seconds=5)"))
    return dags


def main(names: list[str]) -> int:
    if os.environ.get("FAULTS_MAY_KILL_DOCKER") != "1":
        sys.exit("faults: this kills this host's Docker daemon; set FAULTS_MAY_KILL_DOCKER=1 if it may")
    subprocess.run([ROOT / "docker/daemon.sh"], check=True)
    build_images()
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    chosen = {name: run for name, run in CASES.items() if not names or any(part in name for part in names)}
    bad = 0
    print(ROW.format("fault", "what became of it", "next run", "left", "torn", "s"), flush=True)
    settings = {"STOCK_MARKET_TAG": f"{TAG}-faults", "STOCK_MARKET_MEMORY": "1g"}
    with running_airflow(folder, quicker_dags(folder), **settings) as airflow:
        fault = Fault(airflow, folder)
        airflow.unpause()
        wait(lambda: airflow.runs(run_type="scheduled"), 60)
        airflow.wait_for_run(airflow.runs(run_type="scheduled")[0]["dag_run_id"])
        for name, harm in chosen.items():
            start = time.monotonic()
            try:
                outcome, good = harm(fault), True
            except Exception as error:
                outcome, good = f"NOT AS EXPECTED: {error}"[:200], False
            after = airflow.wait_for_run(airflow.trigger(as_of=DAY))
            left, torn = containers_of(folder), torn_files(folder / "store")
            bad += not (good and after == "success" and not left and not torn)
            seconds = time.monotonic() - start
            print(ROW.format(name, outcome, after, len(left), len(torn), round(seconds)), flush=True)
    print(f"\n{len(chosen) - bad} passed, {bad} failed; Ctrl-C left no process")
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
