"""
Injects faults into a real Airflow with real containers, and prints how the pipeline recovers.

    FAULTS_MAY_KILL_DOCKER=1 .venv/bin/python test/airflow/faults/faults.py [NAME ...]

Starts a separate Airflow. Some faults kill this host's Docker daemon; the variable confirms that it
may be killed. NAME selects the faults whose name contains it. After each fault a normal run follows.
The table then counts the containers and the incomplete files that are left.
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

from airflow_api import Airflow, wait  # noqa: E402
from deployment import containers_of, docker, running_airflow  # noqa: E402
from incomplete_files import incomplete_files  # noqa: E402
from task_container import TAG  # noqa: E402

DAY = "2019-01-01"
FREEZE_SCRIPT = 'node tasks/cli.ts "$@" & sleep {}; kill -STOP $!; sleep 600'
# Seconds after which a task is frozen. Each is in the middle of the task's work.
FREEZE_AFTER = {"ingest": 0.9, "train": 4.0}
OUT_OF_MEMORY = "exec node -e 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'"
ROW = "{:41} {:48} {:9} {:>10} {:>10} {:>5}"
CASES: dict[str, Callable[[Harness], str]] = {}


class Harness:
    """The running Airflow with its store, and ways to break them."""

    def __init__(self, airflow: Airflow, folder: Path) -> None:
        self.airflow = airflow
        self.folder = folder
        self.store = folder / "store"

    def start(self, task: str = "", script: str = "", **conf: object) -> str:
        """Triggers a run that repeats all the work. The first try of `task` runs the script first."""
        for name in ("prices", "features", "models"):
            shutil.rmtree(self.store / name, ignore_errors=True)
        (self.store / "faults").mkdir(exist_ok=True)
        (self.store / "faults").chmod(0o777)
        if task:
            (self.store / "faults" / task).write_text(script)
        return self.airflow.trigger(as_of=DAY, **conf)

    def start_and_freeze(self, task: str) -> str:
        """Starts a run and stops (SIGSTOP) the task's process in the middle of its work."""
        run = self.start(task, FREEZE_SCRIPT.format(FREEZE_AFTER[task]))
        wait(lambda: containers_of(self.folder) == [task], 60)
        time.sleep(FREEZE_AFTER[task] + 1.5)
        return run

    def expect_end(self, run: str, expected: str, seconds: float = 240) -> None:
        state = self.airflow.wait_for_run(run, seconds)
        assert state == expected, f"the run ended as {state}, expected {expected}"

    def tries(self, run: str, task: str) -> int:
        return self.airflow.task(run, task)["try_number"]

    def processes(self, title: str) -> list[psutil.Process]:
        found = [
            child for child in self.airflow.process.children(recursive=True) if title in command_line(child)
        ]
        assert found, f"no process has {title} in its command line"
        return found

    def kill(self, title: str) -> None:
        for process in self.processes(title):
            process.kill()


def case(function: Callable[[Harness], str]) -> Callable[[Harness], str]:
    CASES[function.__name__.replace("_", " ")] = function
    return function


def after_freezing(name: str, harm: Callable[[Harness, str, str], None]) -> None:
    """Adds a case each for ingest and train: frozen in the middle of its work, then broken by `harm`."""
    for task in FREEZE_AFTER:

        def run_case(harness: Harness, task: str = task) -> str:
            run = harness.start_and_freeze(task)
            harm(harness, run, task)
            harness.expect_end(run, "success")
            return f"completed on try {harness.tries(run, task)}"

        CASES[f"{name}, in {task}"] = run_case


@case
def exit_1(harness: Harness) -> str:
    run = harness.start("train", "exit 1")
    harness.expect_end(run, "success")
    assert harness.tries(run, "train") == 2
    return "retried, completed on try 2"


@case
def exit_2(harness: Harness) -> str:
    run = harness.start("train", """echo '{"level":"error","message":"the rows are bad"}' >&2; exit 2""")
    harness.expect_end(run, "failed")
    assert harness.tries(run, "train") == 1
    log = harness.airflow.log(run, "train", 1)
    assert "AirflowFailException" in log and "the rows are bad" in log
    return "failed at once, its message in the log"


@case
def out_of_memory(harness: Harness) -> str:
    run = harness.start("train", OUT_OF_MEMORY)
    harness.expect_end(run, "failed")
    assert harness.tries(run, "train") == 1
    assert "out of memory" in harness.airflow.log(run, "train", 1)
    return "failed at once, the log says out of memory"


@case
def execution_timeout(harness: Harness) -> str:
    run = harness.start("train", "sleep 600")
    harness.expect_end(run, "success")
    assert "AirflowTaskTimeout" in harness.airflow.log(run, "train", 1)
    return f"timed out, completed on try {harness.tries(run, 'train')}"


@case
def marked_failed_while_it_runs(harness: Harness) -> str:
    run = harness.start_and_freeze("train")
    harness.airflow.set_state(run, "train", "failed")
    start = time.monotonic()
    wait(lambda: not containers_of(harness.folder), 30)
    gone = time.monotonic() - start
    harness.expect_end(run, "failed")
    return f"container gone after {gone:.0f} s"


@case
def cleared_while_it_runs(harness: Harness) -> str:
    run = harness.start_and_freeze("train")
    harness.airflow.clear(run, "train")
    harness.expect_end(run, "success")
    return f"completed on try {harness.tries(run, 'train')}"


after_freezing("kill -9 of the container", lambda harness, *_: docker("kill", *all_containers(harness)))
after_freezing(
    "kill -9 of the task's process",
    lambda harness, run, task: harness.kill(f"airflow worker -- {harness.airflow.task(run, task)['id']}"),
)
after_freezing("kill -9 of the worker", lambda *arguments: kill_worker(*arguments))
after_freezing("kill -9 of the scheduler", lambda harness, *_: harness.kill("airflow scheduler"))
after_freezing("kill -9 of dockerd", lambda *_: restart_docker(signal.SIGKILL))


@case
def dockerd_not_running(harness: Harness) -> str:
    stop_docker(signal.SIGTERM)
    run = harness.start()
    wait(lambda: harness.airflow.task(run, "ingest")["state"] == "up_for_retry", 60)
    subprocess.run([ROOT / "docker/daemon.sh"], check=True, stdout=subprocess.DEVNULL)
    harness.expect_end(run, "success")
    return f"completed on try {harness.tries(run, 'ingest')}, after Docker was started"


@case
def two_backfills_at_once(harness: Harness) -> str:
    harness.start()
    number = harness.airflow.backfill("2018-01-01T00:00:00Z", "2018-03-01T00:00:00Z")
    try:
        harness.airflow.backfill("2018-02-01T00:00:00Z", "2018-04-01T00:00:00Z")
        outcome = "both ran"
    except RuntimeError as error:
        assert "409" in str(error), error
        outcome = "the second was rejected (409)"
    harness.airflow.wait_for_backfill(number)
    states = {run["state"] for run in harness.airflow.runs(run_type="backfill")}
    assert states == {"success"}, states
    return f"{outcome}, the first completed"


@case
def image_missing(harness: Harness) -> str:
    image = f"stock-market/train:{TAG}-faults"
    docker("tag", image, "stock-market/train:kept")
    docker("rmi", image)
    try:
        run = harness.start()
        harness.expect_end(run, "failed")
        assert f"There is no image {image}" in harness.airflow.log(run, "train", 1)
    finally:
        docker("tag", "stock-market/train:kept", image)
        docker("rmi", "stock-market/train:kept")
    return f"failed on try {harness.tries(run, 'train')}, the log names the image"


@case
def store_missing(harness: Harness) -> str:
    run = harness.start()
    away = harness.store.rename(harness.folder / "away")
    try:
        wait(lambda: harness.airflow.task(run, "ingest")["state"] == "up_for_retry", 60)
        assert "does not exist" in harness.airflow.log(run, "ingest", 1)
    finally:
        away.rename(harness.store)
    harness.expect_end(run, "success")
    return f"completed on try {harness.tries(run, 'ingest')}, after the store was back"


@case
def store_read_only(harness: Harness) -> str:
    run = harness.start()
    subprocess.run(["mount", "--bind", harness.store, harness.store], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", harness.store], check=True)
    try:
        harness.expect_end(run, "failed")
    finally:
        subprocess.run(["umount", harness.store], check=True)
    harness.airflow.clear(run, "ingest")
    harness.expect_end(run, "success")
    return "failed at once, completed after clearing it"


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def all_containers(harness: Harness) -> list[str]:
    return docker(
        "ps", "--quiet", "--filter", f"label=stock-market.home={harness.folder / 'airflow'}"
    ).split()


def kill_worker(harness: Harness, run: str, task: str) -> None:
    """Kills the worker of a task: the task's process and its parent, which supervises it."""
    process = harness.processes(f"airflow worker -- {harness.airflow.task(run, task)['id']}")[0]
    process.parent().kill()
    process.kill()


def stop_docker(signal_number: int) -> None:
    daemon = next(process for process in psutil.process_iter(["name"]) if process.info["name"] == "dockerd")
    daemon.send_signal(signal_number)
    daemon.wait(30)


def restart_docker(signal_number: int) -> None:
    stop_docker(signal_number)
    subprocess.run([ROOT / "docker/daemon.sh"], check=True, stdout=subprocess.DEVNULL)


def build_images() -> None:
    """Builds the images, and for each a variant that can be told to fail: see fault.sh."""
    subprocess.run([ROOT / "docker/images/build-images.sh", "tasks", "train"], check=True)
    for name in ("tasks", "train"):
        image = f"stock-market/{name}:{TAG}"
        docker("build", "--build-arg", f"IMAGE={image}", "--tag", f"{image}-faults", str(HERE))


def copy_dags(folder: Path) -> Path:
    """A copy of the DAG with a short timeout and short retry delays."""
    dags = shutil.copytree(ROOT / "dags", folder / "dags")
    file = dags / "stock_market.py"
    text = file.read_text().replace("timedelta(hours=2)", "timedelta(seconds=45)")
    file.write_text(text.replace("timedelta(seconds=15)", "timedelta(seconds=5)"))
    return dags


def main(names: list[str]) -> int:
    if os.environ.get("FAULTS_MAY_KILL_DOCKER") != "1":
        sys.exit(
            "faults: this kills the Docker daemon of this host. To allow it, set FAULTS_MAY_KILL_DOCKER=1."
        )
    subprocess.run([ROOT / "docker/daemon.sh"], check=True)
    build_images()
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    cases = {name: case for name, case in CASES.items() if not names or any(part in name for part in names)}
    bad = 0
    print(ROW.format("fault", "outcome", "next run", "containers", "incomplete", "s"), flush=True)
    settings = {"STOCK_MARKET_TAG": f"{TAG}-faults", "STOCK_MARKET_MEMORY": "1g"}
    with running_airflow(folder, copy_dags(folder), **settings) as airflow:
        harness = Harness(airflow, folder)
        airflow.unpause()
        wait(lambda: airflow.runs(run_type="scheduled"), 60)
        airflow.wait_for_run(airflow.runs(run_type="scheduled")[0]["dag_run_id"])
        for name, run_case in cases.items():
            start = time.monotonic()
            try:
                outcome, good = run_case(harness), True
            except Exception as error:
                outcome, good = f"NOT AS EXPECTED: {error}"[:200], False
            after = airflow.wait_for_run(airflow.trigger(as_of=DAY))
            left, incomplete = containers_of(folder), incomplete_files(folder / "store")
            bad += not (good and after == "success" and not left and not incomplete)
            seconds = time.monotonic() - start
            print(ROW.format(name, outcome, after, len(left), len(incomplete), round(seconds)), flush=True)
    print(f"\n{len(cases) - bad} passed, {bad} failed; no process is left after Ctrl-C")
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
