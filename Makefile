# `make` alone lists the targets. Every target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
DEMO_OUT ?= demo-output

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lock schema bench validation verification capture planning-page prediction-page clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: $(STAMP) ## create .venv with the locked packages, fetch the landmark network (idempotent)

$(STAMP): requirements.lock pyproject.toml tools/check_machine.sh
	@PYTHON="$(PYTHON)" sh tools/check_machine.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setup: installing the locked packages (about 1.5 GB, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/threadlift setup
	@touch $(STAMP)

demo: setup ## run the main job on the bundled portrait; writes demo-output/report.html
	@$(BIN)/threadlift demo -o $(DEMO_OUT)

# The order of tests/conftest.py is kept. On two busy processors further threads of the linear algebra
# only wait for each other.
test: setup ## run the whole test suite, slow tests included, on two processors
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## formatting, lint rules and types
	@$(BIN)/ruff format --check src tests tools benchmarks validation
	@$(BIN)/ruff check src tests tools benchmarks validation
	@$(BIN)/pyright

lock: ## resolve requirements.lock again from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock

schema: setup ## write the JSON Schemas of plan, outcome and assessment to docs/schema
	@$(BIN)/python tools/write_schemas.py

bench: setup ## the project and its peers on one problem; writes docs/benchmarks.md (minutes)
	@sh benchmarks/peers/setup.sh
	@$(BIN)/python benchmarks/run.py $(BENCH_OPTIONS) --write docs/benchmarks.md

validation: setup ## the model against published measurements; writes docs/validation.md
	@$(BIN)/python -m validation.run

capture: setup ## captured faces against the truth, 50 synthetic people; writes docs/capture.md (15 min)
	@$(BIN)/python -m validation.capture.run $(CAPTURE_OPTIONS)

planning-page: setup ## plans against published techniques, 100 synthetic people; docs/planning.md (hours)
	@$(BIN)/python -m validation.planning $(PLANNING_OPTIONS)

prediction-page: setup ## coverage of predictions on 100 synthetic patients; docs/prediction.md (an hour)
	@$(BIN)/python -m validation.outcome.run $(PREDICTION_OPTIONS)

verification: setup ## exact solutions and orders of convergence; writes docs/verification.md
	@$(BIN)/python tools/write_verification.py

clean: ## remove the environment and everything generated
	rm -rf $(VENV) .bench-venv $(DEMO_OUT) build dist .pytest_cache .ruff_cache .hypothesis
	find src tests tools benchmarks validation -name __pycache__ -prune -exec rm -rf {} +
