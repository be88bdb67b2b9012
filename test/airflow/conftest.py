import os
import subprocess
import sys
from pathlib import Path

import pytest

for folder in (Path(__file__).parent, Path(__file__).parents[2] / "dags"):
    sys.path.insert(0, str(folder))

from deployment import ROOT  # noqa: E402


@pytest.fixture(scope="session")
def images():
    """A Docker daemon, and the project's images as the tree has them now."""
    daemon = subprocess.run([ROOT / "docker/daemon.sh"], capture_output=True, text=True)
    if daemon.returncode != 0:
        message = f"THE END-TO-END TESTS DID NOT RUN: {daemon.stderr.strip()}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    subprocess.run([ROOT / "docker/images/build-images.sh"], check=True)


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("skipped", [])[:1]:
        if "DID NOT RUN" in str(report.longrepr):
            terminalreporter.write_line(report.longrepr[2], red=True, bold=True)
