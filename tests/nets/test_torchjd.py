"""Aggregators and scalarizers of torchjd are rules, for nets in NumPy and in PyTorch."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("torch", reason="PyTorch is not installed: weightings of torchjd are left out")
pytest.importorskip("torchjd", reason="torchjd is not installed: its weightings are left out")

from torchjd.aggregation import IMTLG, AlignedMTL, ConFIG, GradDrop, Mean, PCGrad
from torchjd.scalarization import DWA, FAMO, IMTLL, STCH, UW, GeometricMean, Random

from kinfolk import SharedFeatureClassifier
from kinfolk.nets import make_shared_feature_tasks
from kinfolk.nets.weighting import make_rule

LOSSES = np.array([0.2, 0.5, 1.4])


def of(weighting, losses=LOSSES, gradients=None):
    return make_rule(weighting, len(losses), np.random.default_rng(0))(losses, gradients)


@pytest.mark.parametrize("encoder", ["patch", "mlp"])
@pytest.mark.parametrize(
    "weighting",
    [
        *(Mean(), PCGrad(), AlignedMTL(), ConFIG(), GradDrop(), IMTLG()),
        *(UW(6), DWA(), Random(), GeometricMean(), FAMO(6), IMTLL(6), STCH(1.0)),
    ],
    ids=lambda weighting: type(weighting).__name__,
)
def test_twenty_steps_lower_the_loss(weighting, encoder):
    tasks = make_shared_feature_tasks(6, 20, 60, noise=2.0, random_state=0)
    net = SharedFeatureClassifier(encoder, n_patches=2, task="task", weighting=weighting, max_iter=20)
    history = net.fit(tasks.X, tasks.y).history_
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]


def test_they_agree_with_our_own():
    g = np.random.default_rng(0).standard_normal((3, 40))
    assert_allclose(of(GeometricMean(), gradients=g), of("gls", gradients=g), rtol=1e-5)
    conflicting = np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.0]])
    ours = of("pcgrad", LOSSES[:2], conflicting)
    assert_allclose(of(PCGrad(), LOSSES[:2], conflicting), ours, rtol=1e-6)
    assert_allclose(of(Mean(), gradients=g), g.mean(axis=0), rtol=1e-6)


def test_a_fit_leaves_the_object_as_it_was():
    weighting = UW(3)
    rule = make_rule(weighting, 3, np.random.default_rng(0))
    for _ in range(3000):
        direction = rule(LOSSES, np.eye(3))
    assert_allclose(direction, 0.5 / LOSSES, rtol=1e-3)
    assert all((parameter == 0).all() for parameter in weighting.parameters())
