"""A stage of the pipeline as a container: started, watched, explained, and always cleared away."""

from __future__ import annotations

import io
import json
import logging
import os
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import LogConfig, Mount

from docker import APIClient

STORE = os.environ.get("STOCK_MARKET_STORE", "stock-market-store")  # a volume, or a folder of Docker's host
SOURCES = os.environ.get("STOCK_MARKET_SOURCES")  # a folder of Docker's host; else the images' own sample
USER = os.environ.get("STOCK_MARKET_USER")  # uid:gid that owns the store; else the images' own user
HOME = os.environ.get("AIRFLOW_HOME", "")  # tells one Airflow's containers from another's
DOCKER = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
MEMORY = os.environ.get("STOCK_MARKET_MEMORY", "4g")
TAG = os.environ.get("STOCK_MARKET_TAG", "0.1.0")

LABEL = "stock-market."
RESULT = "/tmp/result.json"
LEVELS = {"error": logging.ERROR, "warn": logging.WARNING}
WILL_NEVER_SUCCEED = 2
SECONDS_TO_STOP = 3  # Airflow kills a task's process 5 s after asking it to end


class TaskContainer(DockerOperator):
    """
    Runs `node tasks/cli.ts TASK` in a container and returns its result file.

    Exit code 0 is success; 2 fails at once with the container's own message, and so does running out of
    memory; anything else is retried. However a try ends, its container is removed. Where the try's process
    was killed, the next try does it, found by labels, or `sweep` at the end of the run.

    :param stage: the task's name on the command line
    :param image: name of the image, `tasks` or `train`
    :param options: command-line options as environment variables, templated; an empty one counts as not given
    :param shard: `i/n`, for one of n containers that share a stage
    :param unless: templated; skips the task where it renders to anything
    :param memory: hard limit, in Docker's notation
    :param cores: hard limit
    :param network: Docker network; none by default
    """

    template_fields = (*DockerOperator.template_fields, "unless")
    template_ext = ()  # or an option that ends in .sh would be read as a file

    def __init__(
        self,
        *,
        stage: str,
        image: str = "tasks",
        options: dict[str, str] | None = None,
        shard: str | None = None,
        unless: str = "",
        memory: str = MEMORY,
        cores: float = 2,
        network: str = "none",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            image=f"stock-market/{image}:{TAG}",
            command=[stage],
            environment={**(options or {}), "SHARD": shard or "", "STORE": "/store", "RESULT": RESULT},
            mount_tmp_dir=False,
            auto_remove="never",
            mem_limit=memory,
            network_mode=network,
            user=USER,
            mounts=mounts(),
            **kwargs,
        )
        self.unless = unless
        self.cores = cores

    def execute(self, context: Context) -> dict[str, Any]:
        if self.unless:
            raise AirflowSkipException(f"not needed: {self.unless}")
        labels = label(context)
        remove(self.cli, labels)
        try:
            self.container = self.create(labels)
            status = self.watch(self.container["Id"])
            if status["ExitCode"] != 0:
                raise self.failure(status)
            result = self.read_result(self.container["Id"])
        except ImageNotFound as error:
            raise AirflowFailException(f"image {self.image} is not here: make images") from error
        finally:
            self.remove()
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"status": result["status"], "outputs": result["outputs"]}
        return result

    def create(self, labels: dict[str, str]) -> dict[str, Any]:
        if not is_folder(STORE):
            self.require_volume(STORE)
        if not self.cli.images(name=self.image):
            self.pull()
        host_config = self.cli.create_host_config(
            mounts=self.mounts,
            network_mode=self.network_mode,
            mem_limit=self.mem_limit,
            memswap_limit=self.mem_limit,
            nano_cpus=int(self.cores * 1e9),
            pids_limit=512,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        )
        options = {**self.environment, **self._private_environment}
        environment = {name: value for name, value in options.items() if value}
        return self.cli.create_container(
            self.image,
            self.command,
            user=self.user,
            environment=environment,
            labels=labels,
            host_config=host_config,
        )

    def pull(self) -> None:
        self.log.info("pulling %s", self.image)
        try:
            self.cli.pull(self.image)
        except ImageNotFound:
            raise
        except APIError as error:
            raise AirflowException(f"image {self.image} is not here: make images, or {error}") from error

    def require_volume(self, name: str) -> None:
        """Docker would make an empty one in its place, and a lost store would go unnoticed."""
        try:
            self.cli.inspect_volume(name)
        except NotFound as error:
            raise AirflowFailException(f"no such volume: docker volume create {name}") from error

    def watch(self, container: str) -> dict[str, Any]:
        """Starts the container, shows its log, and returns its state when it has ended."""
        stream = self.cli.attach(container, stdout=True, stderr=True, stream=True)
        self.cli.start(container)
        self.last_error = ""
        for line in split_lines(stream):
            self.show(line)
        self.cli.wait(container)
        return self.cli.inspect_container(container)["State"]

    def show(self, line: str) -> None:
        try:
            record = json.loads(line)
            level, message = record.pop("level"), record.pop("message")
        except (ValueError, KeyError, AttributeError, TypeError):
            self.log.info("%s", line)
            return
        record.pop("timestamp", None)
        if level == "error":
            self.last_error = message
        details = " ".join(f"{key}={value}" for key, value in record.items())
        self.log.log(LEVELS.get(level, logging.INFO), "%s", f"{message} {details}".strip())

    def failure(self, status: dict[str, Any]) -> AirflowException:
        code = status["ExitCode"]
        if status["OOMKilled"]:
            return AirflowFailException(f"out of memory: it needs more than its limit of {self.mem_limit}")
        if code == WILL_NEVER_SUCCEED:
            return AirflowFailException(self.last_error or "will not succeed on a retry, see the log above")
        return AirflowException(f"exit code {code}: {self.last_error or 'see the log above'}")

    def read_result(self, container: str) -> dict[str, Any]:
        archive, _ = self.cli.get_archive(container, RESULT)
        with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as tar:
            return json.load(tar.extractfile(tar.getmembers()[0]))

    def remove(self) -> None:
        if self.container:
            try:
                self.cli.remove_container(self.container["Id"], v=True, force=True)
            except NotFound:
                pass
            except (APIError, OSError) as error:
                self.log.warning("container %s is left to the next try: %s", self.container["Id"][:12], error)

    def on_kill(self) -> None:
        if self.container:
            self.log.warning("stopping the container")
            self.cli.stop(self.container["Id"], timeout=SECONDS_TO_STOP)


def mounts() -> list[Mount]:
    store = Mount("/store", STORE, type="bind" if is_folder(STORE) else "volume")
    return [store, Mount("/source", SOURCES, type="bind", read_only=True)] if SOURCES else [store]


def is_folder(source: str) -> bool:
    return source.startswith("/")


def label(context: Context) -> dict[str, str]:
    """Names what a container works for: the same in every try."""
    ti = context["ti"]
    names = {"home": HOME, "dag": ti.dag_id, "run": ti.run_id, "task": ti.task_id, "shard": str(ti.map_index)}
    return {LABEL + name: value for name, value in names.items()}


def remove(docker: APIClient, labels: dict[str, str]) -> list[str]:
    """Removes every container that bears all these labels, running or not; returns what they worked at."""
    wanted = [f"{name}={value}" for name, value in labels.items()]
    found = docker.containers(all=True, filters={"label": wanted})
    for container in found:
        docker.remove_container(container["Id"], v=True, force=True)
    return [container["Labels"][LABEL + "task"] for container in found]


def sweep(context: Context) -> list[str]:
    """Removes what a run left behind: containers of killed processes, with no further try to do it."""
    labels = label(context)
    of_run = {name: labels[name] for name in (LABEL + "home", LABEL + "dag", LABEL + "run")}
    return remove(APIClient(DOCKER, version="auto"), of_run)


def split_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in lines)
    if rest:
        yield rest.decode(errors="replace")
