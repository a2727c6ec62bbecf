# make demo [INPUT=my.mp4]   a real clip through the whole codec
# make test                  ruff, mypy and the default tests, as many at a time as there are cores
# Both make the environment in .venv if it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test clean

demo: $(VENV)/ready
	$(BIN)/python tools/demo.py $(INPUT)

test: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

# torch is named first and exactly, so that a resolver does not choose a larger build of another release.
$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo,dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build *.egg-info
