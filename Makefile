# quickstart and test need Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= 2

.PHONY: quickstart test check lint types build bench fixtures clean

# An editable install leaves the byte code to the first run, which may be forbidden to write it.
COMPILE := $(BIN)/python -m compileall -q formats pgtool tests

$(BIN)/pgtool: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@$(COMPILE)
	@touch $@

# Installs pgtool and looks into a small data directory that a real server wrote.
quickstart: $(BIN)/pgtool
	@sh tests/quickstart.sh $(BIN)/pgtool

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(JOBS) tests

check: $(VENV)/.test lint types test

lint: $(VENV)/.test
	$(BIN)/ruff check formats pgtool tests

types: $(VENV)/.test
	$(BIN)/mypy

bench: $(VENV)/.test
	@$(COMPILE)
	$(BIN)/python -m tests.bench

fixtures: $(VENV)/.test
	$(BIN)/python -m tests.make_fixtures

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
