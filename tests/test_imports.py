"""Heaviness stays in its room: help is instant, and importing kinfolk costs next to nothing."""

import subprocess
import sys

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
    assert min(float(run(code)) for _ in range(3)) <= 0.3


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "networkx", "polars", "torch", "zmq"])
def test_importing_every_method_loads_no_package_of_another_room(package):
    assert run(f"import kinfolk, sys; kinfolk.all_estimators(); print({package!r} in sys.modules)") == "False"


def test_public_names_stay_few_and_each_is_there():
    assert len(kinfolk.__all__) == len(set(kinfolk.__all__)) < 45
    assert all(getattr(kinfolk, name) is not None for name in kinfolk.__all__)
