PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin

.PHONY: env demo test check bench clean
.DELETE_ON_ERROR:

## env: make the environment (.venv)
env: .venv/.made

.venv/.made: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group dev
	touch $@

# The official client pins pandas and pyarrow below ours, so it lives in an environment of its own.
.venv-client/.made: tests/journeys/client-requirements.txt
	$(PYTHON) -m venv .venv-client
	.venv-client/bin/python -m pip install --quiet --upgrade pip
	.venv-client/bin/python -m pip install --quiet --requirement $<
	touch $@

## demo: sample lakehouse, server, recipient and chart; serves until Ctrl-C
demo: env
	$(BIN)/lakeshare demo

## test: run the tests, the official client's among them
test: env .venv-client/.made
	$(BIN)/python -m pytest

## check: ruff, mypy, import-linter
check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: print measured figures beside their targets
bench: env
	$(BIN)/python bench/serving.py

clean:
	rm -rf .venv .venv-client .lakeshare build dist
