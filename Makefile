# Every target works from a fresh clone: `make setup`, a prerequisite of the others, makes .venv from the lock file.
# The first of these that runs: a version manager may have a command for a Python that it does not have.
PYTHON ?= $(or $(shell for P in python3.11 python3.12 python3.13; do $$P -c '' 2>/dev/null && echo $$P && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
export PYTHONDONTWRITEBYTECODE :=  # processes share what one of them has compiled

.PHONY: help setup demo test browser php broker check client torture bench bench-growth bench-night bench-document examples dictionary docs-version \
	screenshots migration lock clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed ## Make .venv from the lock file (needs Python 3.11, 3.12 or 3.13; PYTHON= chooses)

# Without a home that can be written to, uv does without its cache.
$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { echo "There is no $(PYTHON). Set PYTHON= to a Python 3.11, 3.12 or 3.13."; exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and \
		f"sync_pipeline needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is {v[0]}.{v[1]}: set PYTHON= to one of them.")'
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location "uv>=0.9" || true
	@C=$$($(BIN)/python -m uv cache dir 2>/dev/null); mkdir -p "$$C" 2>/dev/null && test -w "$$C" || export UV_NO_CACHE=1; \
	if $(BIN)/python -m uv --version >/dev/null 2>&1; then \
		$(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
		$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --editable . ; \
	else \
		$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --no-deps --editable . ; \
	fi
	@$(BIN)/python -m compileall -q sync_pipeline sandbox
	@touch $@

demo: setup ## The whole flow on four sandbox stores, then the Explorer and Dagster (ONCE=1, VERBOSE=1, PORT=, DAGSTER_PORT=)
	@$(BIN)/sync-pipeline demo $(if $(ONCE),--once) $(if $(VERBOSE),--verbose) \
		$(if $(PORT),--port $(PORT)) $(if $(DAGSTER_PORT),--dagster-port $(DAGSTER_PORT))

check: setup ## Check formatting, lint, types, import rules, and the locks that migrations take
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk $(filter-out %0001_baseline/up.sql,$(wildcard sql/migrations/versions/*/up.sql))

test: setup browser php ## Run all tests except the long ones, which `make torture` runs (a quarter of an hour on 2 cores)
	$(BIN)/pytest -m "not torture" -n 4 --dist worksteal

browser: # The tests of the pages drive the system's Chromium
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || { command -v apt-get >/dev/null && \
	{ apt-get update -qq && for P in chromium-headless-shell chromium; do \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$P && break; done; } >/dev/null; } || \
	echo "There is no Chromium: the tests of the pages in a browser are skipped. Install the package chromium."

php: # The test of docs/wordpress-plugin.md runs it
	@command -v php >/dev/null || { command -v apt-get >/dev/null && \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq php-cli; } >/dev/null; } || \
	echo "There is no PHP: the test of docs/wordpress-plugin.md is skipped. Install the package php-cli."

broker: # The night on several machines needs it; it is started by the test, on a port of its own
	@command -v redis-server >/dev/null || { command -v apt-get >/dev/null && \
	{ apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server; } >/dev/null; } || \
	echo "There is no redis-server: the night on several machines is skipped. Install the package redis-server."

torture: setup browser broker ## Run the long tests: faults, kills, every case of large tables
	$(BIN)/pytest -m torture -n 2 --dist worksteal -v

bench: setup ## Run the benchmarks, each next to a lower bound and a comparable tool
	$(BIN)/python -m bench

bench-night: setup ## Run nightly_delta of 10, 100, 300 and 1,000 organizations through the daemon (ORGS="10 100", LARGEST=)
	$(BIN)/python -m bench.night $(ORGS) $(if $(LARGEST),--largest $(LARGEST))

bench-growth: setup ## What a database of a million records weighs, what calls and commands cost then (SCALE=; an hour or two)
	$(BIN)/python -m bench growth memory --runs 1 $(if $(SCALE),--scale $(SCALE))

bench-document: setup ## Write the tables of docs/benchmarks.md from the last run of `make bench`
	$(BIN)/python -m bench --document

examples: setup ## Record the documents' examples again from a fresh demo: api/examples.json, docs/api*.md, docs/push.md
	RECORD=1 $(BIN)/pytest -q -s sync_pipeline_tests/acceptance/test_demo.py

client: setup ## Write sync_pipeline_client again, from the OpenAPI document
	$(BIN)/python -m sync_pipeline_tests.client_code

dictionary: setup ## Write docs/core.md again, from the database's comments and a trial of the mappers
	$(BIN)/python -m sync_pipeline_tests.dictionary

docs-version: setup ## Write the documents' version again; CHANGELOG.md names those that changed since the release
	$(BIN)/python -m sync_pipeline_tests.docs_version

screenshots: setup browser ## Take the pictures of docs/explorer.md and docs/dagster.md again, each from a fresh demo
	$(BIN)/python -m sync_pipeline_tests.screenshots
	$(BIN)/python -m sync_pipeline_tests.dagster_walk

migration: setup ## Start a new database revision: make migration NAME=what_changes
	@$(BIN)/python -m sync_pipeline.db.revision $(NAME)

LOCK := $(BIN)/python -m uv pip compile --universal --python-version 3.11 pyproject.toml --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

lock: setup ## Update requirements.lock and, with its versions, the image's requirements.image.lock (without index URLs)
	$(LOCK) --group dev --upgrade -o requirements.lock
	$(LOCK) --extra celery --extra kubernetes --extra telemetry --constraints requirements.lock -o requirements.image.lock

clean: ## Remove .venv, caches and benchmark output (keeps the data in .sync)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache bench/out
