# Every target sets up what it needs: on a fresh machine, python3 (3.11 or newer) and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHMARKED := $(VENV)/.benchmarked
# Two processes, each with a thread of its own: small trainings gain nothing from more.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

# What to try after the demo; examples/tutorial.md goes on from there.
define NEXT

Above, films are ranked by the expected mean of their reviews: a film with few reviews is shrunk towards the mean of all.
All films as a web page: runs/demo/films.html

Next:
  . $(VENV)/bin/activate
  sentrec predict "Not a bad film at all." "The trailer was the best part."
  sentrec recommend YOUR-REVIEWS.csv --movie-field Film --text-field Review
  sentrec models show starter
examples/tutorial.md: your own reviews, your own labels, training, transfer studies, an encoder of your own.
endef
export NEXT

.PHONY: help demo test test-all tutorial lint bench clean

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED)  ## Rank the films of examples/reviews.jsonl with the model that comes with sentrec (no network)
	@echo "Reviews of invented films, written for this demo. Which films do people like?"
	@echo
	@$(BIN)/sentrec recommend examples/reviews.jsonl --min-reviews 1 --top 14 \
		--scores runs/demo/scores.parquet --html runs/demo/films.html
	@echo
	@echo "By the plain mean a single rave comes first:"
	@echo
	@$(BIN)/sentrec recommend --scores runs/demo/scores.parquet --sort mean --min-reviews 1 --top 3 --quiet
	@echo "$$NEXT"

test: $(INSTALLED)  ## Run the tests, but for the slow ones
	$(PYTEST) -m "not slow"

test-all: $(INSTALLED)  ## Run all tests, slow ones too
	$(PYTEST)

tutorial: $(INSTALLED)  ## Run every command of examples/tutorial.md (SENTREC_DATA=DIR for those that train on IMDB)
	SENTREC_TUTORIAL=1 $(BIN)/python -m pytest tests/test_tutorial.py --durations=0

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(INSTALLED) $(BENCHMARKED)  ## Measure sentrec beside its peers on real data (SENTREC_DATA=DIR); QUICK=1: in two minutes
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

clean:  ## Remove the environment, caches and what the demo wrote
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis runs/demo
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
