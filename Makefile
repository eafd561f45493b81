# Everything a newcomer needs: `make build` sets up and builds the flagship, `make test` runs the suite.
# Needs Python 3.11 or newer with venv, git and make; all else is installed under .venv from requirements.lock.

.POSIX:
.SUFFIXES:
.PHONY: help setup build test check lowest lock upgrade clean

BIN = .venv/bin
JOBS = 2
TESTS =

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv from requirements.lock; does nothing when it is up to date
	@sh .ci/setup .venv requirements.lock

build: setup ## build the flagship into generated/ and verify it on a server
	@echo "== build"
	$(BIN)/specc build
	@echo "== verify"
	$(BIN)/specc verify
	@echo "and README.md, for how to go on"

test: setup ## run the whole suite; TESTS="-k name" narrows it, JOBS=n widens it
	@echo "== test"
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS)

check: setup ## lint, formatting, types, layers, and whether generated/ is up to date
	@echo "== lint"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "== types"
	$(BIN)/mypy
	@echo "== layers"
	$(BIN)/python -m pytest tests/test_layers.py
	@echo "== generated files are up to date"
	$(BIN)/specc build --check

lowest: ## build with the lowest allowed dependencies and compare the bytes of generated/
	@sh .ci/setup .venv-lowest requirements-lowest.lock 13
	@echo "== lowest dependencies: generated files are the same"
	.venv-lowest/bin/specc build --check

lock: ## write the locks anew after a change of pyproject.toml, keeping present pins
	@sh .ci/lock

upgrade: ## write the locks anew with the newest releases
	@sh .ci/lock --upgrade

clean: ## remove the environments and all caches
	rm -rf .venv .venv-lowest .venv-lock .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
