"""The network's gradient is that of its loss; cutting and pooling do what they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kinfolk.nets.heads import KINDS, Heads, aligned_start
from kinfolk.nets.losses import LOSSES
from kinfolk.nets.patch_network import PatchNetwork, patch_features
from kinfolk.nets.patches import cut


def network(*, power=3.0, n_patches=2, loss="logistic", kind="shared+specific", trained=True, n=30, n_tasks=3):
    generator = np.random.default_rng(0)
    n_outputs = {"logistic": 1, "squared": 1, "cross_entropy": 3}[loss]
    y = {"logistic": generator.integers(0, 2, n), "cross_entropy": generator.integers(0, 3, n)}
    heads = Heads(kind, n_tasks, aligned_start(n_outputs, 6), trained)
    return PatchNetwork(
        generator.standard_normal((n, n_patches, 4)),
        y.get(loss, generator.standard_normal(n)).astype(float),
        np.sort(generator.integers(0, n_tasks, n)),
        generator.random(n),
        heads,
        loss,
        6,
        power,
    )


def somewhere(net):
    filters = 0.5 * np.random.default_rng(1).standard_normal(net.n_encoder)
    theta = net.assemble({"filters": filters}, np.concatenate(net.heads.begin()))
    return theta + 0.1 * np.random.default_rng(2).standard_normal(theta.size)


def differences(function, theta, step=1e-6):
    moves = step * np.eye(theta.size)
    return np.array([(function(theta + move) - function(theta - move)) / (2 * step) for move in moves])


@pytest.mark.parametrize("power", [1, 1.5, 2, 3])
@pytest.mark.parametrize("n_patches", [1, 2, 4])
def test_the_gradient_is_that_of_the_loss_for_every_power(power, n_patches):
    net = network(power=power, n_patches=n_patches)
    theta = somewhere(net)
    assert_allclose(net.gradient(theta)[1], differences(lambda at: net.losses(at).sum(), theta), atol=1e-6)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", [True, False])
def test_the_gradient_is_that_of_the_loss_for_every_head(loss, kind, trained):
    net = network(loss=loss, kind=kind, trained=trained)
    theta = somewhere(net)
    losses, gradient = net.gradient(theta)
    assert_allclose(losses, net.losses(theta))
    assert_allclose(gradient, differences(lambda at: net.losses(at).sum(), theta), atol=1e-6)
    again, jacobian, own = net.jacobian(theta)
    assert_allclose(again, losses)
    assert jacobian.shape == (3, net.n_shared)
    assert_allclose(np.concatenate((jacobian.sum(axis=0), own)), gradient, atol=1e-12)
    each = differences(net.losses, theta)[: net.n_shared]
    assert_allclose(jacobian.T, each, atol=1e-6)


def test_some_rows_are_a_network_of_their_own():
    net = network()
    theta = somewhere(net)
    net.gradient(theta)
    rows, others = np.arange(0, 30, 3), np.setdiff1d(np.arange(30), np.arange(0, 30, 3))
    parts = [net.select(part).gradient(theta) for part in (rows, others)]
    whole = net.gradient(theta)
    assert_allclose(parts[0][0] + parts[1][0], whole[0])
    assert_allclose(parts[0][1] + parts[1][1], whole[1], atol=1e-12)
    assert_allclose(net.select(rows, 3.0).losses(theta), 3.0 * parts[0][0])


def test_the_order_of_patches_does_not_matter():
    net = network(n_patches=4)
    theta = somewhere(net)
    outputs = net.outputs(theta)
    net.patches = np.ascontiguousarray(net.patches[:, ::-1])
    assert_allclose(net.outputs(theta), outputs)


def test_features_are_what_the_formula_says():
    net = network(n_patches=3, power=2.5)
    filters = net.state(somewhere(net))["filters"]
    features = patch_features(net.patches, filters, 2.5)
    expected = np.maximum(np.einsum("nhd,rd->nhr", net.patches, filters), 0) ** 2.5
    assert_allclose(features, expected.sum(axis=1))


def test_all_heads_start_as_one():
    for kind in KINDS:
        heads = Heads(kind, 4, aligned_start(3, 10))
        each = heads.effective(*heads.begin())
        assert_array_equal(np.broadcast_to(each, (4, 3, 11)), np.broadcast_to(heads.start, (4, 3, 11)))
    signs = aligned_start(1, 16)[0]
    assert_array_equal(signs, np.r_[np.full(8, 1 / 8), np.full(8, -1 / 8), 0])
    assert_allclose(aligned_start(3, 10).sum(axis=1), 1)
    assert (np.count_nonzero(aligned_start(3, 10)[:, :-1], axis=0) == 1).all()


def test_images_are_cut_into_squares():
    images = np.arange(2 * 3 * 4 * 6, dtype=float).reshape(2, 3, 4, 6)
    patches = cut(images.reshape(2, -1), 1, (3, 4, 6), 2)
    assert patches.shape == (2, 6, 12)
    assert_array_equal(patches[1, 4], images[1, :, 2:4, 2:4].ravel())
    assert cut(images.reshape(2, -1), 1, (3, 4, 6), 2, 1).shape == (2, 15, 12)
    assert_array_equal(cut(np.arange(12.0).reshape(2, 6), 3)[1, 2], [10, 11])
