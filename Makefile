# make demo [INPUT=my.mp4]   a real clip through the whole codec
# make test                  ruff, mypy and the default tests, as many at a time as there are cores
# make man                   the manual pages, after a command's options changed
# make dist                  wheel and source distribution, each tried in an environment of its own
# All make the environment in .venv if it is missing. The tests open pages in a headless Chromium. Where there is none it
# is installed if that needs no password, as in a container; else those tests are skipped.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

BROWSERS := chromium chromium-browser google-chrome google-chrome-stable
APT_GET := apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20

.PHONY: demo test browser man dist clean

demo: $(VENV)/ready
	$(BIN)/python tools/demo.py $(INPUT)

test: $(VENV)/ready browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

browser:
	@for name in $(BROWSERS); do command -v $$name > /dev/null && exit; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "installing chromium for the tests"; \
		$(APT_GET) update && \
		DEBIAN_FRONTEND=noninteractive $(APT_GET) install --yes --no-install-recommends chromium > /dev/null && exit; \
	fi; \
	echo "there is no chromium, and it could not be installed: tests in a browser are skipped"

man: $(VENV)/ready
	$(BIN)/python -m tools.make_man

dist: $(VENV)/ready
	$(BIN)/python -m tools.check_package

# torch is named first and exactly, so that a resolver does not choose a larger build of another release.
$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo,dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info
