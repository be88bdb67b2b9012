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
    """Starts Docker if needed and builds the images from the working tree."""
    daemon = subprocess.run([ROOT / "docker/daemon.sh"], capture_output=True, text=True)
    if daemon.returncode != 0:
        message = f"The end-to-end tests DID NOT RUN. {daemon.stderr.strip()}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    subprocess.run([ROOT / "docker/images/build-images.sh"], check=True)


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("skipped", [])[:1]:
        if "DID NOT RUN" in str(report.longrepr):
            terminalreporter.write_line(report.longrepr[2], red=True, bold=True)
