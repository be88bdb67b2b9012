"""Configures Airflow without a database: these tests only import and inspect DAGs."""

import os
import sys
import tempfile
from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(DAGS)
sys.path.insert(0, str(DAGS))
