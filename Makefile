# make demo    see what it finds in a small application
# make test    everything that a change must pass
# make quick   the cases whose names hold CASE=..., along one AXIS=cold
# make test-long  what takes too long for every change: thousands of edits, 50 kills of fix
# make lint    ruff and mypy alone
# make venv    the environment that the others use; made again when pyproject.toml changes
# make rules   RULES.md, from the rules themselves
# make compare the table of checkers in README.md: runs them all, in an environment of their own
# make bench   what it costs on TREE=DIR, of which AT=PATH is checked, beside other checkers
# make build   the wheel and the source distribution, in dist/
# make try     the wheel in a clean environment of each of PYTHONS='python3.10 python3.13 ...'
# make clean   remove whatever these have made
#
# Only Python 3.10 or newer and make are needed.
#   PYTHON=python3.13         the interpreter to use, in place of the first one that fits
#   WITH='mypy==2.4.0 ...'    requirements on top of those in pyproject.toml, without spaces in one
#   VENV=DIR                  where the environment is, in place of .venv

VENV ?= .venv
WITH ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready

FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python3.10 python
ifndef PYTHON
PYTHON := $(shell for python in $(CANDIDATES); do \
	if $$python -c '$(FITS)' >/dev/null 2>&1; then echo $$python; break; fi; done)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test quick test-long lint rules compare bench venv build try clean python

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

CHECK_SHOP := $(BIN)/mypy-asyncsession check test-data/demo/shop

# Findings make the exit status 1, but so would a crash: hence the second look.
demo: venv
	@echo 'A shop on FastAPI and async SQLAlchemy: test-data/demo/shop. Python imports it without a word.'
	@echo
	@echo '$$ mypy-asyncsession check test-data/demo/shop'
	@status=0; $(CHECK_SHOP) || status=$$?; \
	if [ $$status -ne 1 ] || ! $(CHECK_SHOP) --output json | grep session- >/dev/null; then \
		echo "demo: findings and exit status 1 were expected; the exit status was $$status" >&2; \
		exit 1; \
	fi
	@echo
	@cat test-data/demo/what-to-write.txt

# The cases keep all cores busy by themselves; everything else is shared out, file by file. What is
# started some thousand times is compiled once, wherever Python is told to keep nothing compiled.
test: lint
	$(BIN)/python -m compileall -q mypy_asyncsession
	$(BIN)/python -m pytest -n auto --dist loadfile --ignore tests/test_data.py
	$(BIN)/python -m pytest tests/test_data.py

AXIS ?= cold
quick: venv
	$(BIN)/python -m pytest -q tests/test_data.py -k '$(CASE) and ($(AXIS) or proof)'

test-long: venv
	$(BIN)/python -m pytest -m long

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

rules: venv
	$(BIN)/mypy-asyncsession explain --output markdown >RULES.md

compare: venv
	$(BIN)/python tests/compare_checkers.py $(VENV)-checkers

bench: venv
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.bench.tree $(ARGUMENTS) $(TREE) $(AT)

build: venv
	rm -rf dist
	$(BIN)/python -m build

PYTHONS ?= $(PYTHON)
try: build
	$(BIN)/python tests/try_wheel.py dist/*.whl $(PYTHONS)

clean:
	rm -rf $(VENV) $(VENV)-checkers dist build .mypy_cache .mypy-asyncsession .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv: $(READY)

# The file records what the environment was made with; another PYTHON or WITH makes it again.
MADE_WITH := $(PYTHON) $(WITH)
ifneq ($(shell cat $(READY) 2>/dev/null),$(strip $(MADE_WITH)))
.PHONY: $(READY)
endif

$(READY): pyproject.toml | python
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' \
		$(foreach requirement,$(WITH),'$(requirement)')
	@echo '$(strip $(MADE_WITH))' >$(READY)

# Fails, and says so, where no Python fits.
python:
	@if ! $(or $(PYTHON),false) -c '$(FITS)' 2>/dev/null; then \
		echo 'make: Python 3.10 or newer with its venv module is needed;' \
			'name one with PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi
