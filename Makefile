# How this project is set up, tried, tested and measured. `make` alone lists what there is.
# Needed: make, git and Python 3.11 or newer with pip; `make clients` installs further programs.

PYTHON ?= python3
UV ?= uv
ARGS ?=
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check clients conformance oracle mutants chaos bench image chart api-server docs lock clean

help: ## list the targets
	@awk -F ': |## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$3}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv from the hashed lock; done again only when the lock or pyproject.toml changed

# The venv needs no pip of its own, so Debian's python3-venv is not needed either. Nothing is fetched that the lock
# does not name by its hash: the package itself is built with the locked build backend.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("sealgate needs Python 3.11 or newer")'
	$(PYTHON) -m venv --clear --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r requirements.lock
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: setup ## a registry, a private Sigstore, images and the gate to try (ARGS=--check runs every step once)
	$(BIN)/sealgate demo $(ARGS)

test: setup ## unit, component and hostile tests
	$(BIN)/python -m pytest -n auto $(ARGS)

check: setup ## format, lint, types, and which package may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clients: setup ## the gate with real clients in front of a real registry; installs them (as root, with apt and Go)
	$(BIN)/python tests/clients/install.py
	$(BIN)/python -m pytest tests/clients $(ARGS)

conformance: setup ## the OCI conformance suite, directly and through the gate, check for check (ARGS=olareg runs one)
	$(BIN)/python tests/conformance/run.py $(ARGS)

oracle: setup ## another implementation of Sigstore judges what sealgate.testing signs (needs npm)
	cd tests/oracle && npm ci --ignore-scripts
	$(BIN)/python -m pytest tests/oracle -n auto $(ARGS)

mutants: setup ## take each check of the verifier and of decide() out, one at a time: a test must fail (minutes)
	$(BIN)/python tests/mutants/run.py $(ARGS)

chaos: setup ## kill -9 fifty times while clients push and sign, with SQLite and with PostgreSQL (ARGS='--kills 5')
	$(BIN)/python tests/clients/install.py
	$(BIN)/python tests/chaos/run.py $(ARGS)

bench: setup ## the gate beside the registry alone and nginx before it, as ratios of one run
	$(BIN)/python tests/bench/run.py $(ARGS)

docs: setup ## write the pages again that are made: of policy fields, and of reason codes
	$(BIN)/python tests/docs/pages.py

image: ## build the image twice, compare, and run the demo in it (as root, with apt)
	$(PYTHON) tests/image/run.py $(ARGS)

chart: setup ## the Helm chart: rendered, validated and compared; installs what that needs (as root, with apt and Go)
	$(BIN)/python tests/clients/install.py
	$(BIN)/python -m pytest tests/chart --ignore=tests/chart/test_api_server.py $(ARGS)

api-server: setup ## the chart's objects applied to a real kube-apiserver, which is built once: up to half an hour, 1 GB of modules
	$(BIN)/python tests/clients/install.py
	PYTHONPATH=tests/clients $(BIN)/python tests/chart/api_server.py
	$(BIN)/python -m pytest tests/chart/test_api_server.py $(ARGS)

lock: ## resolve requirements.lock again, for all Pythons and platforms at once (needs uv)
	$(UV) pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --output-file requirements.lock $(ARGS)

clean: ## remove what the other targets made here
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
