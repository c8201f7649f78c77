# Two commands: `make run` judges the sample battles, `make test` runs the tests. Both need Python 3.11 or newer, make and
# a C library; the network only the first time.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup run test check types lint imports format crash compat bench lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(VENV)/.run  ## make the virtual environment, once

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "cannot make a virtual environment: install the venv module (Debian: apt install python3-venv)" >&2; exit 1; }

# -c as well: without it pip looks at the newest SQLAlchemy for Prefect's `sqlalchemy[asyncio]`, and finds no hash for it
# a stamp is written last, so that an installation that was cut short is done again
$(VENV)/.run: pyproject.toml constraints/run.txt | $(VENV)/bin/python
	@echo "installing (about 250 MB the first time)"
	@$(BIN)/python -m pip install --quiet --progress-bar on --require-hashes -r constraints/run.txt -c constraints/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints/dev.txt $(VENV)/.run
	@echo "installing what the tests need"
	@$(BIN)/python -m pip install --quiet --progress-bar on --require-hashes -r constraints/dev.txt -c constraints/dev.txt
	@touch $@

# without weights the judge falls back to a labelled, weaker embedding, so a failed fetch is told and not fatal
run: $(VENV)/.run  ## judge the sample battles through the Prefect flow
	@$(BIN)/green-logic models fetch --quiet || echo "going on without the embedding weights (make run fetches them when it can)" >&2
	@$(BIN)/green-logic run data/samples/battles.jsonl --prefect

test: $(VENV)/.dev  ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

check: lint types imports  ## style, types, import contract

lint: $(VENV)/.dev
	@$(BIN)/ruff check --no-cache . && $(BIN)/ruff format --no-cache --check .

types: $(VENV)/.dev
	@$(BIN)/mypy --cache-dir=/dev/null

imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev  ## put our own code in shape
	@$(BIN)/ruff check --no-cache --fix-only . && $(BIN)/ruff format --no-cache .

crash: $(VENV)/.dev  ## the long crash campaign: 300 kills at random moments, and one at every file-system call
	@GREEN_LOGIC_TEST_KILLS=300 GREEN_LOGIC_TEST_EVERY_CALL=1 $(BIN)/python -m pytest tests/crash $(ARGS)

compat: $(VENV)/.dev  ## install every reader of the exports (Spark where there is Java) and check that they agree
	@$(BIN)/python -c "import shutil, subprocess, sys, tomllib; \
	  groups = tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']; \
	  wanted = groups['compat'] + (groups['spark'] if shutil.which('java') else []); \
	  subprocess.check_call([sys.executable, '-m', 'pip', 'install', '--quiet', '--progress-bar', 'on', *wanted])"
	@$(BIN)/python -m pytest tests/publish $(ARGS)

bench: $(VENV)/.dev  ## every figure of the README
	@$(BIN)/python -m benchmarks

lock:  ## renew constraints/ from pyproject.toml (uses a scratch environment)
	@$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv
	@for set in run:build dev:dev; do $(VENV)-lock/bin/uv pip compile --quiet pyproject.toml --group "$${set#*:}" --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -o "constraints/$${set%%:*}.txt"; done
	@rm -rf $(VENV)-lock

clean:  ## remove the virtual environment; what a run produced stays
	rm -rf $(VENV) $(VENV)-lock
