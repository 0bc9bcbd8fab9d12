"""What an estimator's encoder makes of rows in standardised units, in NumPy or in PyTorch."""

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.nets.heads import Heads, aligned_start
from kinfolk.nets.patch_network import PatchNetwork, patch_features
from kinfolk.nets.patches import cut
from kinfolk.tasks import TaskData
from kinfolk.validation import match_labels


def in_torch(net: Any) -> bool:
    """Whether PyTorch computes the features: always, but for patches on the CPU."""
    return not (isinstance(net.encoder, str) and net.encoder == "patch" and net.device in ("auto", "cpu"))


def arranged(net: Any, scaled: FloatArray) -> FloatArray:
    """Rows as the encoder takes them: patches ``(n, H, d)``, images ``(n, C, h, w)`` or columns."""
    dtype = net.dtype if net.dtype != "auto" else "float32" if in_torch(net) else "float64"
    rows = scaled.astype(dtype)
    if isinstance(net.encoder, str) and net.encoder == "patch":
        patches = cut(rows, net._n_patches, net.image_shape, net.patch_size, net.stride)
        if not net.fit_intercept:
            return patches
        return np.concatenate((patches, np.ones((*patches.shape[:2], 1), patches.dtype)), axis=2)
    if net.image_shape is not None:
        return rows.reshape(len(rows), *net.image_shape)
    return rows if net._n_patches == 1 else rows.reshape(len(rows), net._n_patches, -1)


def make_network(net: Any, data: TaskData, heads: Heads) -> Any:
    """The network over all rows, each task's weights adding up to one."""
    rows = arranged(net, data.X)
    weights = np.ones(len(data.y)) if data.weights is None else data.weights
    codes = data.codes
    weights = (weights / np.bincount(codes, weights, minlength=data.n_tasks)[codes]).astype(rows.dtype)
    y, loss = data.y.astype(rows.dtype), net._loss()[0]
    if not in_torch(net):
        return PatchNetwork(rows, y, codes, weights, heads, loss, net.n_filters, net.activation_power)
    from kinfolk.nets._torch import torch
    from kinfolk.nets.torch_network import TorchNetwork, encode, find_device

    device = find_device(net.device)
    module = make_module(net, rows.shape[1:]).to(device=device, dtype=torch.from_numpy(rows[:0]).dtype)
    features = encode(module, rows[:2], device)
    if features.ndim != 2:
        raise InputError(f"encoder must give features (n, R); of {rows[:2].shape} it made {features.shape}.")
    if features.shape[1] != heads.start.shape[1] - 1:  # a given module says itself how many features it makes
        heads = replace(heads, start=aligned_start(len(heads.start), features.shape[1]))
    there = (torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in (rows, y, weights))
    rows_there, y_there, weights_there = there
    return TorchNetwork(module, rows_there, y_there, codes, weights_there, heads, loss)


def make_module(net: Any, shape: tuple[int, ...]) -> Any:
    """The module of PyTorch for rows of this shape; one that was given is copied."""
    from kinfolk.nets._torch import torch
    from kinfolk.nets.trunks import PatchEncoder, conv_trunk, perceptron

    if not isinstance(net.encoder, str):
        return copy.deepcopy(net.encoder)
    with torch.random.fork_rng():  # layers draw from the global generator; what they draw is not used
        if net.encoder == "conv":
            return conv_trunk(net.image_shape, net.n_filters)
        if net.encoder == "mlp":
            return perceptron(int(np.prod(shape)), net.n_filters)
        return PatchEncoder(shape[-1], net.n_filters, net.activation_power)


def begin(net: Any, network: Any, generator: np.random.Generator) -> Any:
    """Parameters at the start; a module that was given starts from its own."""
    if isinstance(net.encoder, str) and net.encoder == "patch":
        d = arranged(net, np.zeros((1, len(net.feature_names_)))).shape[2]
        scale = float((2.0 / d) ** 0.5 if isinstance(net.init_scale, str) else net.init_scale)
        filters = scale * generator.standard_normal((net.n_filters, d))
        return network.assemble({"filters": filters}, np.concatenate(network.heads.begin()))
    if isinstance(net.encoder, str):
        from kinfolk.nets.trunks import he_normal

        he_normal(network.module, generator, 1.0 if isinstance(net.init_scale, str) else float(net.init_scale))
    return network.begin()


def go_on(net: Any, last: Any, network: Any, start: Any) -> Any:
    """Parameters where the last fit ended; tasks that it did not have take its common head, or that of the start."""
    shapes = [{name: value.shape for name, value in state.items()} for state in (network.state(start), last.encoder_)]
    same = {
        "columns": net.feature_names_ == last.feature_names_,
        "classes": np.array_equal(getattr(net, "classes_", ()), getattr(last, "classes_", ())),
        "kind of heads": net.head_kind_ == last.head_kind_,
        "encoder": shapes[0] == shapes[1] and last.heads_.shape[1:] == network.heads.start.shape,
    }
    if not all(same.values()):
        other = ", ".join(name for name, kept in same.items() if not kept)
        raise InputError(
            f"warm_start=True goes on from the last weights, and these are of other {other}. Set warm_start=False, or "
            "clone the estimator, to begin anew."
        )
    common = network.heads.start if last.population_head_ is None else last.population_head_
    known = match_labels(net.tasks_, last.tasks_)
    heads = np.stack([last.heads_[k] if k >= 0 else common for k in known])
    return network.assemble(last.encoder_, network.heads.flat(heads, common))


def encoded(net: Any, scaled: FloatArray) -> FloatArray:
    """Features of rows in standardised units."""
    rows = arranged(net, scaled)
    if not in_torch(net):
        return patch_features(rows, net.encoder_["filters"], net.activation_power)
    from kinfolk.nets._torch import torch
    from kinfolk.nets.torch_network import encode, find_device

    device = find_device(net.device)
    if net._module is None:
        module = make_module(net, rows.shape[1:])
        module.load_state_dict({name: torch.as_tensor(value) for name, value in net.encoder_.items()})
        net._module = module.to(device=device, dtype=torch.from_numpy(rows[:0]).dtype)
    return encode(net._module, rows, device)


def seeded(net: Any, generator: np.random.Generator) -> AbstractContextManager[None]:
    """Dropout and the like in PyTorch are drawn from ``random_state``, too."""
    if not in_torch(net):
        return nullcontext()
    from kinfolk.nets.torch_network import seeded as seeded_there

    return seeded_there(int(generator.integers(2**31)))
