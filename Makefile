# Everything runs from here: `make help`.
SHELL := /bin/bash
unexport PYTHONDONTWRITEBYTECODE # the tests are read by each of their processes, and once is enough
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-sam setup-checkov run dev test test-long check check-infra audit lock build deploy clean

# The Python that the environments have, else the newest that FFP is tested on, or the one you choose: PYTHON=.
PYTHON ?= $(shell for each in .venv/bin/python python3.13 python3.12 python3.11 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
INSTALL = $(or $(PYTHON),$(error FFP needs Python 3.11 or newer: install one, or set PYTHON=)) \
	requirements/install.py $(if $(filter command environment,$(firstword $(origin PYTHON))),--exact)
BIN := .venv/bin
SAM := SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=build/sam PYTHON=$(CURDIR)/$(BIN)/python .venv-sam/bin/sam
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header $(UPGRADE)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Start everything and run the main job in front of you; Ctrl-C stops it (ARGS="--port 0")
	@exec $(BIN)/ffp run $(ARGS)

setup: ## Make the environments that `make run` needs
	@$(INSTALL) run

setup-dev:
	@$(INSTALL) dev

setup-sam:
	@$(INSTALL) sam

setup-checkov:
	@$(INSTALL) checkov

dev: setup-dev ## Serve with hot reload of the API and the workers
	@exec $(BIN)/ffp up --reload $(ARGS)

test: setup-dev ## Run the tests (ARGS="-k name")
	$(BIN)/python -m pytest -n 4 --dist loadfile $(ARGS)

test-long: setup-dev ## Run the tests that take minutes
	$(BIN)/python -m pytest -m long --timeout 1800 $(ARGS)

check: setup-dev setup-sam ## Lint, format, types, import rules, security; known vulnerabilities where a service can be asked
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive api cli domain infra migrations workers requirements
	$(BIN)/cfn-lint template.yaml infra/stacks/*.yaml
	$(SAM) validate --lint
	$(BIN)/python requirements/audit.py

check-infra: setup-checkov ## Look for weaknesses in what the templates make (a minute, in an environment of its own)
	.venv-checkov/bin/checkov --config-file requirements/checkov.yaml

audit: setup-dev ## Look for known vulnerabilities in the dependencies; fails where no service can be asked
	$(BIN)/python requirements/audit.py --strict

# One resolution for all: the smaller locks take their versions from the development lock.
lock: setup-dev ## Compile the lock files anew (UPGRADE=--upgrade for newer versions)
	$(COMPILE) pyproject.toml --extra dev -o requirements/dev.lock
	$(COMPILE) pyproject.toml --extra worker --extra cli --extra media --extra telemetry -c requirements/dev.lock -o requirements/run.lock
	$(COMPILE) pyproject.toml -c requirements/dev.lock -o requirements/api.lock
	$(COMPILE) pyproject.toml --extra worker -c requirements/dev.lock -o requirements/worker.lock
	$(COMPILE) pyproject.toml --extra media -c requirements/dev.lock -o requirements/media.lock
	$(COMPILE) pyproject.toml requirements/function-worker.in -c requirements/dev.lock -o requirements/function-worker.lock
	$(COMPILE) pyproject.toml requirements/function-documents.in -c requirements/dev.lock -o requirements/function-documents.lock
	$(COMPILE) pyproject.toml requirements/function-media.in -c requirements/dev.lock -o requirements/function-media.lock
	$(COMPILE) requirements/function-migrate.in -c requirements/dev.lock -o requirements/function-migrate.lock
	$(COMPILE) requirements/emulator.in -o requirements/emulator.lock
	$(COMPILE) requirements/sam.in -o requirements/sam.lock
	$(COMPILE) requirements/checkov.in -o requirements/checkov.lock

build: setup-dev setup-sam ## Make what Lambda runs, for its processor and Python; no container, no account
	$(BIN)/python requirements/build.py
	$(SAM) build

deploy: setup-dev setup-sam ## Build and bring a release to AWS: ENV=dev|staging|prod (ARGS="--dry-run")
	@$(BIN)/python requirements/deploy.py $(or $(ENV),$(error which environment? make deploy ENV=staging)) $(ARGS)

clean: ## Stop the stack; remove its data, the environments and the caches
	@if [ -x $(BIN)/ffp ]; then $(BIN)/ffp down; fi
	rm -rf .ffp .venv .venv-emulator .venv-sam .venv-checkov *.egg-info build .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
