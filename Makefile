# The commands of the README. Each creates .venv by itself; on a machine without make, the README has the plain lines.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
LABELS ?=
PROFILE ?=
WEIGHTS ?=
WEIGHTS_F ?=
RETRAIN ?=
OPTIONS = $(if $(DATA),--data "$(DATA)") $(if $(LABELS),--labels "$(LABELS)") $(if $(PROFILE),--profile "$(PROFILE)") $(if $(RETRAIN),--retrain) $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(WEIGHTS_F),--weights-f "$(WEIGHTS_F)")

.DEFAULT_GOAL := help
.PHONY: help setup report pdf test lint lab app audit clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: $(VENV)/installed  ## create .venv with what requirements.txt pins

# --no-compile: Python compiles what it imports, and most is never imported (270 MB)
$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python {v[0]}.{v[1]} found, 3.11 to 3.13 needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

# --no-deps: the list is complete, and tf_keras would ask for a second TensorFlow
# compileall: tests start hundreds of Pythons, and some machines forbid them to write what they compile
$(VENV)/installed-test: $(VENV)/installed requirements-test.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile --no-deps --require-hashes -r requirements-test.txt
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

report: setup  ## run all notebooks, export the PDF   [DATA=... LABELS=... PROFILE=coursework RETRAIN=1 WEIGHTS=... WEIGHTS_F=...]
	$(BIN)/python -m agegender_lib report $(OPTIONS)

pdf: setup  ## typeset the PDF again from the figures and numbers in report/
	$(BIN)/python -m agegender_lib report --pdf-only

test: $(VENV)/installed-test lint  ## all tests, with what requirements-test.txt pins
	$(BIN)/python -m pytest -n 2 -rs

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb report/*.ipynb

lab: setup  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks --LabApp.default_url=/lab/tree/START.ipynb

app: setup  ## a web page that reads your own photo, on this machine only
	$(BIN)/python -m agegender_lib app

audit:  ## known vulnerabilities of the pinned packages, asked of PyPI
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --disable-pip-version-check --quiet pip-audit==2.10.1
	build/audit/bin/pip-audit --require-hashes --disable-pip -r requirements-test.txt

clean:  ## remove everything made on the way: .venv, cache, runs, build
	rm -rf $(VENV) cache runs build
