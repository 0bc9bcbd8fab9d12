"""Formulas of the documentation come out as they were written."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "_ext"))
mathml = pytest.importorskip("mathml").mathml


def drawn(tex):
    return re.sub(r"\s+", "", mathml(tex, block=False))


@pytest.mark.parametrize("tex", [r"\frac12", r"\tfrac12", r"\dfrac12", r"\frac{1}{2}"])
def test_a_half_is_no_twelve(tex):
    assert "<mn>1</mn><mn>2</mn></mfrac><mi>x</mi>" in drawn(tex + " x")


def test_norms_do_not_grow_with_their_neighbours():
    assert drawn(r"\sum_t \|w_t\|^2").count('<mostretchy="false">‖</mo>') == 2


def test_functions_keep_their_distance():
    assert "rspace" in drawn(r"\log \det L")
    assert "rspace" not in drawn(r"\exp(x)")
