"""Heaviness stays in its room: help is instant, and importing kinfolk costs next to nothing."""

import subprocess
import sys
from functools import cache

import pytest

import kinfolk


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_help_imports_no_heavy_package():
    code = """
import contextlib, io, sys
from kinfolk.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main(["--help"])
print(sorted({name.split(".")[0] for name in sys.modules} & {"sklearn", "scipy", "pandas", "matplotlib", "numpy"}))
"""
    assert run(code) == "[]"


def test_importing_kinfolk_costs_less_than_300_ms_beyond_scikit_learn():
    code = """
import time
import sklearn.base
start = time.process_time()
import kinfolk
print(time.process_time() - start)
"""
    assert any(float(run(code)) <= 0.3 for _ in range(3))


@cache
def loaded():
    """Packages that are loaded once every method is."""
    return run("import kinfolk, sys; kinfolk.all_estimators(); print(*sys.modules)").split()


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "networkx", "polars", "torch", "zmq"])
def test_importing_every_method_loads_no_package_of_another_room(package):
    assert "sklearn" in loaded()
    assert package not in loaded()


def test_public_names_stay_few_and_each_is_there():
    assert len(kinfolk.__all__) == len(set(kinfolk.__all__)) < 45
    assert all(getattr(kinfolk, name) is not None for name in kinfolk.__all__)
