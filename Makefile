# Every target sets up what it needs: on a fresh machine, python3 (3.11 or newer) and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHMARKED := $(VENV)/.benchmarked

.PHONY: help demo test lint bench clean

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED)  ## Train on the small corpus that comes with sentrec, evaluate, and predict (no network)
	$(BIN)/sentrec train --recipe quickstart.yaml --out runs/quickstart --force
	$(BIN)/sentrec evaluate runs/quickstart
	$(BIN)/python examples/predict.py runs/quickstart \
		"Not a bad film at all: the shark is superb." \
		"The trailer promised so much, but the plot goes nowhere." \
		"Predictable, and the score is tired, but the acting saved it. Worth every minute!"

test: $(INSTALLED)  ## Run the test-suite
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(INSTALLED) $(BENCHMARKED)  ## Measure sentrec beside its peers on real data (SENTREC_DATA=DIR); QUICK=1: in two minutes
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

clean:  ## Remove the environment, caches and the demo's run
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis runs/quickstart
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again when the dependencies change. Everything comes through constraints.txt: the versions that were tested.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "sentrec needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

# Peers that cannot be installed here are left out of the tables, with a line that says so.
$(BENCHMARKED): $(INSTALLED)
	-$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	@touch $@
