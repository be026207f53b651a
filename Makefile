PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin

.PHONY: env demo test test-spark test-delta-spark java check bench clean
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

# Spark has a Python environment of its own, and its jars come from Maven Central.
.venv-spark/.made: tests/spark/requirements.txt
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --upgrade pip
	.venv-spark/bin/python -m pip install --quiet --requirement $<
	touch $@

.spark-jars/%/.made: tests/spark/pom.xml | java
	rm -rf $(@D)
	mvn --batch-mode --quiet --file $< --activate-profiles $* dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory=$(CURDIR)/$(@D)
	touch $@

java:
	@command -v java >/dev/null || { echo 'Spark needs Java 17 or newer: install it (Debian: apt-get install openjdk-17-jre-headless) and have `java` on the PATH.' >&2; exit 1; }
	@command -v mvn >/dev/null || { echo 'The jars come by Maven: install it (Debian: apt-get install maven) and have `mvn` on the PATH.' >&2; exit 1; }

## test-spark: Apache Spark with the sharing connector reads from our server (needs Java 17 and Maven)
test-spark: env .venv-spark/.made .spark-jars/connector/.made
	LAKESHARE_SPARK=connector $(BIN)/python -m pytest tests/spark

## test-delta-spark: Delta's library on Apache Spark reads what we serve in delta format (needs Java 17 and Maven)
test-delta-spark: env .venv-spark/.made .spark-jars/delta/.made
	LAKESHARE_SPARK=delta $(BIN)/python -m pytest tests/spark

## check: ruff, mypy, import-linter
check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: print measured figures beside their targets; CASES='opening growth' for some of them
bench: env
	$(BIN)/python bench/run.py $(CASES)

clean:
	rm -rf .venv .venv-client .venv-spark .spark-jars .lakeshare build dist
