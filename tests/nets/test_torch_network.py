"""Nets of PyTorch: the same face, the same numbers for patches, and nothing left behind."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

torch = pytest.importorskip("torch", reason="PyTorch is not installed: encoders other than patches are left out")

from test_patch_network import network, somewhere

import kinfolk
from kinfolk import InputError, SharedFeatureClassifier, SharedFeatureRegressor
from kinfolk.nets import load_digits_c, make_shared_feature_tasks
from kinfolk.nets.heads import KINDS
from kinfolk.nets.losses import LOSSES
from kinfolk.nets.torch_network import TorchNetwork
from kinfolk.nets.train import Schedule, descend
from kinfolk.nets.trunks import PatchEncoder
from kinfolk.nets.weighting import make_rule

FAST = {"max_iter": 30, "n_filters": 8, "task": "task"}


def twin(net):
    """The same network in PyTorch."""
    module = PatchEncoder(net.patches.shape[2], net.n_filters, net.power).double()
    rows, y, weights = (torch.from_numpy(part) for part in (net.patches, net.y, net.weights))
    return TorchNetwork(module, rows, y, net.codes, weights, net.heads, net.loss)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", [True, False])
def test_gradients_are_those_of_numpy(loss, kind, trained):
    net = network(loss=loss, kind=kind, trained=trained)
    theta, other = somewhere(net), twin(net)
    tensor = torch.from_numpy(theta)
    assert_allclose(other.outputs(tensor), net.outputs(theta))
    assert_allclose(other.features(tensor), net.features(theta))
    for ours, theirs in zip(net.gradient(theta), other.gradient(tensor), strict=True):
        assert_allclose(theirs, ours, atol=1e-12)
    for ours, theirs in zip(net.jacobian(theta), other.jacobian(tensor), strict=True):
        assert_allclose(theirs, ours, atol=1e-12)


@pytest.mark.parametrize("weighting", ["equal", "pcgrad", "gradnorm", "adatask"])
@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_fifty_steps_end_where_numpy_ends(weighting, optimizer):
    net = network()
    theta = somewhere(net)
    schedule = Schedule(optimizer, 0.01, 0.1, 50, 20, 0.0, 10, 5)
    ends = []
    for each, start in ((net, theta), (twin(net), torch.from_numpy(theta))):
        rule = make_rule(weighting, 3, np.random.default_rng(0))
        ends.append(descend(each, start, schedule, rule=rule, generator=np.random.default_rng(1)))
    assert_allclose(ends[1].theta, ends[0].theta, rtol=1e-4, atol=1e-8)
    assert np.linalg.norm(ends[0].theta - theta) > 0.1


@pytest.fixture(scope="module")
def digits():
    return load_digits_c(n_samples=30, n_test=100, random_state=0)


def nets(digits):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.2), torch.nn.Linear(64, 8), torch.nn.ReLU())
    common = {**FAST, "image_shape": digits.image_shape}
    normed = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten())
    return [
        SharedFeatureClassifier("conv", **common),
        SharedFeatureClassifier("mlp", batch_size=40, early_stopping=True, **FAST),
        SharedFeatureClassifier(module, **common),
        SharedFeatureClassifier(normed, **common),
    ]


@pytest.mark.parametrize("which", range(4))
def test_the_face_is_the_same(which, digits, tmp_path):
    model = nets(digits)[which]
    before = torch.random.get_rng_state()
    model.fit(digits.X, digits.y)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert model.history_["loss"].iloc[-1] < 0.95 * model.history_["loss"].iloc[0]
    proba = model.predict_proba(digits.X)
    assert_array_equal(clone(model).fit(digits.X, digits.y).predict_proba(digits.X), proba)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(digits.X), proba)
    features = model.transform(digits.X)
    assert features.shape == (180, model.heads_.shape[2] - 1)
    rows = digits.X.drop(columns="task").to_numpy(dtype=np.float32)
    rows = (rows - model._scaling.x_center) / model._scaling.x_scale
    shape = digits.image_shape if which != 1 else (64,)
    with torch.no_grad():
        direct = model.module_(torch.tensor(rows.reshape(-1, *shape), dtype=torch.float32))
    assert_allclose(direct.numpy(), features, atol=1e-5)
    new = digits.X[:40].assign(task="other")
    adapted = model.adapt(new, digits.y[:40])
    assert_array_equal(adapted.predict_proba(digits.X), proba)
    assert model.adapt(new, digits.y[:40], mode="finetune").score(new, digits.y[:40]) > 0.2
    assert_array_equal(model.predict_proba(digits.X), proba)
    if which < 2:
        kinfolk.save_model(model, tmp_path / "net.kin")
        assert_array_equal(kinfolk.load_model(tmp_path / "net.kin").predict_proba(digits.X), proba)
    else:
        with pytest.raises(InputError, match="cannot be stored in a model file"):
            kinfolk.save_model(model, tmp_path / "net.kin")


def test_a_given_module_starts_from_its_own_parameters_and_keeps_them(digits):
    module = torch.nn.Linear(64, 8)
    start = module.weight.detach().clone()
    model = SharedFeatureClassifier(module, **FAST | {"max_iter": 1, "learning_rate": 1e-9}).fit(digits.X, digits.y)
    assert_allclose(model.encoder_["weight"], start.numpy(), atol=1e-7)
    assert torch.equal(module.weight, start)
    assert torch.equal(model.encoder.weight, start)


def test_patches_in_torch_learn_what_numpy_learns():
    tasks = make_shared_feature_tasks(6, 20, 60, noise=2.0, random_state=0)
    theory = SharedFeatureClassifier.theory(task="task", dtype="float64", max_iter=100)
    ours = theory.fit(tasks.X, tasks.y)
    theirs = clone(theory).set_params(device="cpu:0").fit(tasks.X, tasks.y)
    assert_allclose(theirs.filters_, ours.filters_, rtol=1e-4, atol=1e-8)
    assert_allclose(theirs.decision_function(tasks.X), ours.decision_function(tasks.X), rtol=1e-4, atol=1e-6)


def test_a_regressor_may_have_any_encoder(digits):
    y = digits.X.drop(columns="task").mean(axis=1) + (digits.X["task"] == "blur")
    model = SharedFeatureRegressor("conv", image_shape=digits.image_shape, **FAST).fit(digits.X, y)
    assert model.score(digits.X, y) > 0.5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: fits on it are left out")
def test_what_was_fitted_on_cuda_predicts_on_the_cpu(digits, tmp_path):
    model = SharedFeatureClassifier("conv", image_shape=digits.image_shape, device="cuda", **FAST)
    model.fit(digits.X, digits.y)
    again = pickle.loads(pickle.dumps(model)).set_params(device="cpu")
    assert_allclose(again.predict_proba(digits.X), model.predict_proba(digits.X), atol=1e-4)


def test_what_cannot_be_encoded_is_refused(digits):
    for encoder, message in (
        (3, "encoder must be 'patch', 'conv', 'mlp' or a torch.nn.Module"),
        (torch.nn.Unflatten(1, (8, 8)), r"features \(n, R\); of \(2, 64\) it made \(2, 8, 8\)"),
        ("conv", "encoder='conv' is for images: give image_shape"),
    ):
        with pytest.raises(InputError, match=message):
            SharedFeatureClassifier(encoder, **FAST).fit(digits.X, digits.y)
    with pytest.raises(InputError, match="device='warp' cannot be used here"):
        SharedFeatureClassifier("mlp", device="warp", **FAST).fit(digits.X, digits.y)


def test_together_corrupted_digits_are_told_better_than_alone():
    gains = []
    for seed in range(2):
        digits = load_digits_c(random_state=seed)
        net = SharedFeatureClassifier.practical(
            task="task", image_shape=digits.image_shape, head="shared", early_stopping=False, log_every=1000
        )
        alone = []
        for name in digits.X["task"].unique():
            rows, tested = (digits.X["task"] == name).to_numpy(), (digits.X_test["task"] == name).to_numpy()
            one = clone(net).set_params(batch_size=32, max_iter=120).fit(digits.X[rows], digits.y[rows])
            alone.append(one.score(digits.X_test[tested], digits.y_test[tested]))
        together = clone(net).set_params(max_iter=240).fit(digits.X, digits.y)
        gains.append(together.score(digits.X_test, digits.y_test) - np.mean(alone))
    assert min(gains) > 0.08
    assert np.mean(gains) > 0.1
