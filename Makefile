# make demo  - a month of a made-up runner through the real hub (KEEP=1 stays up)
# make test  - everything that needs no root
# make check - linter, format, types
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
UV ?= uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --extra broker pyproject.toml requirements/build.in

.PHONY: demo test check fmt lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/.stamp-run
	@$(BIN)/runback-hub demo $(if $(filter-out 0,$(KEEP)),--keep)

test: $(VENV)/.stamp-dev
	@$(BIN)/python -m pytest

check: $(VENV)/.stamp-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy runback_hub tests

fmt: $(VENV)/.stamp-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# The locks are universal (Python 3.11 to 3.14) and name no registry.
lock:
	@command -v $(UV) >/dev/null || { echo "error: make lock needs uv; name it with UV=/path/to/uv" >&2; exit 1; }
	$(LOCK) -o requirements/run.txt
	$(LOCK) --group dev -o requirements/dev.txt

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov

$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: $(PYTHON): Python 3.11 or newer is needed; name one with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { echo "error: $(PYTHON) -m venv does not work; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

# The development environment holds all of the running one with the same pins, so either order works.
$(VENV)/.stamp-run: $(VENV)/.stamp-venv requirements/run.txt pyproject.toml
	@echo "setting up $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-venv requirements/dev.txt pyproject.toml
	@echo "setting up $(VENV) for development ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
	@touch $(VENV)/.stamp-run
