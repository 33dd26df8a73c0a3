# The commands of the project. `make` alone lists them. Works with GNU make 3.81 (macOS) and newer.
# Needs git, make and Python 3.11 or newer; everything else comes by a lock with hashes.

PORT ?= 8600
export PORT
MINUTES ?= 10
# Without compiled files every start would compile two thousand modules again (5 s instead of 2).
unexport PYTHONDONTWRITEBYTECODE

# The first Python that is new enough; `make PYTHON=/path/to/python …` chooses another.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
endif

BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help up stop status demo test soak check schemas bench lock clean compose-env compose-test python runtime dev

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

up: runtime ## run everything on this machine (PORT=8600 moves it); Ctrl-C stops it
	@exec $(BIN)/onebox up --port $(PORT)

stop: runtime ## stop a running `make up` of this folder
	@$(BIN)/onebox stop

status: runtime ## show what is running
	@$(BIN)/onebox status

demo: runtime ## real ERP + spreadsheet -> one query, on the running Huichi or on one started for it
	@$(BIN)/python -m onebox.demo

test: dev ## run every test on servers of its own, a worker a core (ARGS=tests/… for some of them)
	@$(BIN)/python -m pytest --parallel $(ARGS)

soak: dev ## draw new cases for the random tests until MINUTES=10 are over (ROUND=7 sees one again)
	@$(BIN)/python -m tests.support.soak --minutes $(MINUTES) $(if $(ROUND),--round $(ROUND)) $(ARGS)

check: dev ## format, lint, types, import contracts, tests of pure code, schemas, compose file
	@$(BIN)/python -m onebox.check

schemas: dev ## print the subgraphs' schemas and compose the supergraph
	@$(BIN)/python -m onebox.schemas

bench: dev ## measure every published number again
	@set -e; for one in benchmarks/*/__main__.py; do $(BIN)/python -m $$(dirname $$one | tr / .); done

compose-env: runtime ## write .env with generated secrets for docker compose
	@$(BIN)/python -m onebox.containers.compose env

compose-test: dev ## run the containers with a real engine and locally made base images (Debian, root)
	@$(BIN)/python -m onebox.containers.compose_test

lock: dev ## renew requirements*.lock from pyproject.toml
	@$(PYTHON) deploy/bootstrap.py lock

clean: ## remove the environment and caches; the data in var/ stays
	rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime dev: python
	@$(PYTHON) deploy/bootstrap.py $@

python:
	@test -n "$(PYTHON)" || { printf '%s\n' \
	  'Huichi needs Python 3.11 or newer, and found none called python3.13, python3.12, python3.11 or python3.' \
	  'Debian or Ubuntu: apt install python3 python3-venv   macOS: install Python from its website or with brew.' \
	  'One at another place: make PYTHON=/path/to/python ...'; exit 1; }
