# Two entry points: `make demo` runs the main job, `make test` runs everything that CI runs.
# Only relative paths and `.venv/bin/python -m ...`: both work from a path with a space in it.

PYTHON ?= python3
PY = .venv/bin/python
EXTRAS ?= test,docs
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export SCIPY_ARRAY_API = 1

.PHONY: demo test checks lint types contracts unit docs clean

demo: .venv/installed
	$(PY) -m kinfolk compare ames --report report.html

# two cores: what needs one of them runs side by side, then the tests in two processes
test: .venv/tested
	$(MAKE) -j2 docs checks
	$(MAKE) unit

checks: lint types contracts

lint: .venv/tested
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: .venv/tested
	$(PY) -m mypy

contracts: .venv/tested
	$(PY) -c "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

unit: .venv/tested
	$(PY) -m pytest -n 2 --dist loadfile -q

# warnings are errors; then every link of the built pages is followed, and nothing may come from a network
docs: .venv/tested
	$(PY) -m sphinx -W --keep-going -q -d build/doctrees docs build/docs
	$(PY) docs/_ext/links.py build/docs

.venv/bin/python:
	$(PYTHON) -m venv .venv

# editable: the checkout is what runs
.venv/installed: pyproject.toml | .venv/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/tested: pyproject.toml | .venv/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	touch $@ .venv/installed

clean:
	rm -rf .venv report.html build dist docs/generated docs/gallery .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
