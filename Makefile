# Everything runs in this folder's own .venv; only Python 3.11+ and make are needed beforehand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup demo test check fix docs bench clean lock

setup: $(INSTALLED)

# One constraints file pins the whole tested set, the build backend included.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lenet-pipeline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 " )'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $(INSTALLED)

demo: setup
	@$(BIN)/lenet demo

# Options are handed on: make test PYTEST_OPTIONS="-k lake".
# One process per core, at most four; a file's tests stay in one process, because they share homes.
test: setup
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(PYTEST_OPTIONS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation site, in site/: open site/index.html. A broken link fails the build.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# On the embedded digits; on MNIST with BENCH_OPTIONS="--root DIR".
bench: setup
	$(BIN)/python -m benchmarks.pipeline $(BENCH_OPTIONS)

# Resolve the newest versions that pyproject.toml allows, and pin them all.
lock:
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet -e '.[dev,benchmarks]'
	$(VENV)-lock/bin/python -m pip freeze --exclude-editable | grep -v ' @ ' > constraints.txt
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) build dist site lenet-demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
