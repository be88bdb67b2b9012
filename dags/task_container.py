"""An Airflow operator that runs a task of the pipeline in a container."""

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

STORE = os.environ.get("STOCK_MARKET_STORE", "stock-market-store")  # a volume, or a folder on Docker's host
SOURCES = os.environ.get("STOCK_MARKET_SOURCES")  # a folder on Docker's host; default: the image's sample
USER = os.environ.get("STOCK_MARKET_USER")  # uid:gid of the store's owner; default: the image's user
HOME = os.environ.get("AIRFLOW_HOME", "")  # distinguishes the containers of different Airflows
DOCKER = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
MEMORY = os.environ.get("STOCK_MARKET_MEMORY", "4g")
TAG = os.environ.get("STOCK_MARKET_TAG", "0.1.0")

LABEL_PREFIX = "stock-market."
RESULT_FILE = "/tmp/result.json"
LOG_LEVELS = {"error": logging.ERROR, "warn": logging.WARNING}
EXIT_CODE_PERMANENT = 2  # a retry cannot succeed
SECONDS_TO_STOP = 3  # Airflow kills a task's process 5 s after SIGTERM


class TaskContainer(DockerOperator):
    """
    Runs `node tasks/cli.ts TASK` in a container and returns the content of its result file.

    Exit code 0 is success. Exit code 2 and running out of memory fail without a retry, with the
    container's last error message. Any other exit code is retried. The container is removed at the
    end of each try. If the try's process was killed, the next try finds the container by its labels
    and removes it, or `remove_containers_of_run` does so at the end of the run.

    :param cli_task: name of the task in `tasks/cli.ts`
    :param image: `tasks` or `train`
    :param options: command-line options as environment variables, templated; empty ones are left out
    :param shard: `i/n`, for one of n containers that share the task
    :param skip_if: templated; the task is skipped if this renders to any text
    :param memory: hard limit, in Docker's notation
    :param cores: hard limit
    :param network: Docker network; no network by default
    """

    template_fields = (*DockerOperator.template_fields, "skip_if")
    template_ext = ()  # otherwise a value that ends in .sh would be replaced by the content of that file

    def __init__(
        self,
        *,
        cli_task: str,
        image: str = "tasks",
        options: dict[str, str] | None = None,
        shard: str | None = None,
        skip_if: str = "",
        memory: str = MEMORY,
        cores: float = 2,
        network: str = "none",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            image=f"stock-market/{image}:{TAG}",
            command=[cli_task],
            environment={**(options or {}), "SHARD": shard or "", "STORE": "/store", "RESULT": RESULT_FILE},
            mount_tmp_dir=False,
            auto_remove="never",
            mem_limit=memory,
            network_mode=network,
            user=USER,
            mounts=container_mounts(),
            **kwargs,
        )
        self.skip_if = skip_if
        self.cores = cores

    def execute(self, context: Context) -> dict[str, Any]:
        if self.skip_if:
            raise AirflowSkipException(f"Not needed, because of this setting: {self.skip_if}")
        labels = container_labels(context)
        remove_containers(self.cli, labels)
        try:
            self.container = self.create_container(labels)
            state = self.run_container(self.container["Id"])
            if state["ExitCode"] != 0:
                raise self.failure(state)
            result = self.read_result(self.container["Id"])
        except ImageNotFound as error:
            raise AirflowFailException(self.image_missing()) from error
        finally:
            self.remove_container()
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"status": result["status"], "outputs": result["outputs"]}
        return result

    def create_container(self, labels: dict[str, str]) -> dict[str, Any]:
        if not is_folder(STORE):
            self.require_volume(STORE)
        if not self.cli.images(name=self.image):
            self.pull_image()
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

    def pull_image(self) -> None:
        self.log.info("pulling the image %s", self.image)
        try:
            self.cli.pull(self.image)
        except ImageNotFound:
            raise
        except APIError as error:
            raise AirflowException(f"{self.image_missing()} Pulling it failed: {error}") from error

    def image_missing(self) -> str:
        return f"There is no image {self.image} on Docker's host. Run `make images`."

    def require_volume(self, name: str) -> None:
        """Fails if the volume is missing. Docker would create an empty one, which hides a lost store."""
        try:
            self.cli.inspect_volume(name)
        except NotFound as error:
            raise AirflowFailException(
                f"There is no volume {name}. Run `docker volume create {name}`."
            ) from error

    def run_container(self, container: str) -> dict[str, Any]:
        """Starts the container, logs its output, and returns its state when it has ended."""
        stream = self.cli.attach(container, stdout=True, stderr=True, stream=True)
        self.cli.start(container)
        self.last_error = ""
        for line in split_lines(stream):
            self.log_line(line)
        self.cli.wait(container)
        return self.cli.inspect_container(container)["State"]

    def log_line(self, line: str) -> None:
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
        self.log.log(LOG_LEVELS.get(level, logging.INFO), "%s", f"{message} {details}".strip())

    def failure(self, state: dict[str, Any]) -> AirflowException:
        code = state["ExitCode"]
        if state["OOMKilled"]:
            return AirflowFailException(
                f"The container ran out of memory: its limit is {self.mem_limit}. Raise STOCK_MARKET_MEMORY."
            )
        message = self.last_error or "See the log above."
        if code == EXIT_CODE_PERMANENT:
            return AirflowFailException(message)
        return AirflowException(f"Exit code {code}: {message}")

    def read_result(self, container: str) -> dict[str, Any]:
        archive, _ = self.cli.get_archive(container, RESULT_FILE)
        with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as tar:
            return json.load(tar.extractfile(tar.getmembers()[0]))

    def remove_container(self) -> None:
        if self.container:
            try:
                self.cli.remove_container(self.container["Id"], v=True, force=True)
            except NotFound:
                pass
            except (APIError, OSError) as error:
                name = self.container["Id"][:12]
                self.log.warning("The container %s could not be removed; the next try will: %s", name, error)

    def on_kill(self) -> None:
        if self.container:
            self.log.warning("stopping the container %s", self.container["Id"][:12])
            self.cli.stop(self.container["Id"], timeout=SECONDS_TO_STOP)


def container_mounts() -> list[Mount]:
    store = Mount("/store", STORE, type="bind" if is_folder(STORE) else "volume")
    return [store, Mount("/source", SOURCES, type="bind", read_only=True)] if SOURCES else [store]


def is_folder(source: str) -> bool:
    return source.startswith("/")


def container_labels(context: Context) -> dict[str, str]:
    """Labels that name the task instance of a container. They are the same for all its tries."""
    ti = context["ti"]
    names = {"home": HOME, "dag": ti.dag_id, "run": ti.run_id, "task": ti.task_id, "shard": str(ti.map_index)}
    return {LABEL_PREFIX + name: value for name, value in names.items()}


def remove_containers(docker: APIClient, labels: dict[str, str]) -> list[str]:
    """Removes all containers with these labels, running or not, and returns the names of their tasks."""
    filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
    containers = docker.containers(all=True, filters=filters)
    for container in containers:
        docker.remove_container(container["Id"], v=True, force=True)
    return [container["Labels"][LABEL_PREFIX + "task"] for container in containers]


def remove_containers_of_run(context: Context) -> list[str]:
    """Removes the containers of a run whose process was killed and that no further try has removed."""
    labels = container_labels(context)
    of_run = {LABEL_PREFIX + name: labels[LABEL_PREFIX + name] for name in ("home", "dag", "run")}
    return remove_containers(APIClient(DOCKER, version="auto"), of_run)


def split_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in lines)
    if rest:
        yield rest.decode(errors="replace")
