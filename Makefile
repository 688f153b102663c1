# One target a thing a person does; `make help` lists them. PYTHON names the interpreter for the virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
GSM8K ?= $(wildcard ../shared/data/gsm8k_train.jsonl)
QUESTION := Follow the cash flow out of Meridian Trading and name the final recipient (largest outflow at each hop).

.DEFAULT_GOAL := help
.PHONY: help install dev weights image demo test lint check bench-embedded bench-engine bench-tools bench-overhead attacks curves verifier cases soak train-smoke train-embedded

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing (the first time takes some minutes: torch is large) ..."
	$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e '.[train]' --group dev
	@touch $@

install: $(VENV)/installed  ## create .venv and install the runtime into it

dev: $(VENV)/installed-dev  ## the same with everything that tests and benchmarks need

weights: install  ## fetch the embedded model's weights (98 MB, once)
	$(BIN)/python -m agent_runtime.models.embedded

image: install  ## build the sandbox's image for the Docker engine
	$(BIN)/python -m agent_runtime_sandboxes.images

demo: weights  ## trace the shipped transfers table through four shell companies
	$(BIN)/agent-runtime solve "$(QUESTION)" --table examples/transfers.csv

test: dev weights  ## run the tests
	$(BIN)/python -m pytest

lint: dev  ## style, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## everything that must be green before a commit

attacks: dev  ## run the attack corpora against the real tools and sandboxes (CORPUS=DIR names another folder of that format)
	CI=1 CORPUS="$(or $(CORPUS),../shared/attacks)" $(BIN)/python -m pytest -q -k 'corpus or attack' tests/tools tests/sandboxes $(if $(CORPUS),,tests/trace tests/dialogue/test_parsing.py tests/dialogue/test_formats.py)

bench-embedded: dev weights  ## the embedded model on its own held-out items: greedy and 4 votes
	$(BIN)/python -m evals.embedded $(ARGS)

bench-engine: dev weights  ## the branch engine beside generate and what a user would pick instead
	$(BIN)/python -m evals.engine_bench $(ARGS)

bench-tools: dev  ## calculator, database and sandbox beside their peers
	$(BIN)/python -m evals.calculator_bench
	$(BIN)/python -m evals.database_bench
	$(BIN)/python -m evals.sandbox_bench

bench-overhead: dev  ## the kernel's own work a step beside other agent frameworks
	$(PIP) --group peers
	$(BIN)/python -m evals.overhead

curves: dev weights  ## accuracy against tokens, seconds and dollars for each strategy; writes docs/curves
	$(BIN)/python -m evals.curves $(ARGS)

verifier: dev  ## right derivations and mutants of them: what ends as confirmed (ARGS="--n 60 --judge embedded")
	$(BIN)/python -m evals.verifier $(ARGS)

cases: dev  ## failing inputs from real life through the tools: right, doubted, refused or silently wrong (CASES=DIR)
	$(BIN)/python -m evals.cases $(CASES) $(ARGS)

soak: dev  ## what takes too long for every day: random budgets, a thousand sandbox runs
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m evals.soak_sandbox --sandbox docker
	$(BIN)/python -m evals.soak_sandbox --sandbox bubblewrap

train-smoke: dev weights  ## every training stage on a CPU, in minutes; learns from the shipped traces too
	rm -rf build/train-smoke
	mkdir -p build/train-smoke
	cp -r traces build/train-smoke/traces
	$(BIN)/agent-runtime review build/train-smoke/traces/calculation.jsonl --up 2 --up 3 --note "the smoke test's"
	$(BIN)/agent-runtime train smoke --out build/train-smoke --traces build/train-smoke/traces

train-embedded: dev weights  ## the embedded model's whole recipe: needs a CUDA device (GSM8K=FILE: its training set)
	$(BIN)/agent-runtime train embedded --out build/train-embedded $(if $(GSM8K),--gsm8k "$(GSM8K)") $(ARGS)
