"""Checks of the parameters of nets, and of how columns are cut."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from kinfolk.exceptions import InputError
from kinfolk.nets.heads import KINDS
from kinfolk.nets.steps import OPTIMIZERS
from kinfolk.nets.weighting import make_rule

_WHOLE = {"n_filters": 1, "max_iter": 1, "n_iter_no_change": 1, "log_every": 1}


def check_parameters(net: Any) -> None:
    """Refuse what cannot be fitted, before any data is read."""
    _check_encoder(net)
    _one_of(net, "head", ("auto", *KINDS))
    make_rule(net.weighting, 1, np.random.default_rng(0))
    _one_of(net, "optimizer", tuple(OPTIMIZERS))
    _one_of(net, "dtype", ("auto", "float32", "float64"))
    for name, least in _WHOLE.items():
        whole(name, getattr(net, name), least)
    for name in ("n_patches", "patch_size", "stride", "batch_size"):
        if getattr(net, name) is not None:
            whole(name, getattr(net, name), 1)
    for name, auto in (("learning_rate", True), ("init_scale", True), ("activation_power", False)):
        value = getattr(net, name)
        if not (auto and isinstance(value, str) and value == "auto") and not (_number(value) and value > 0):
            raise InputError(f"{name} must be a number > 0{' or ' + repr('auto') if auto else ''}; got {value!r}.")
    if net.activation_power < 1:
        raise InputError(f"activation_power must be at least 1, so that it has a slope; got {net.activation_power!r}.")
    for name in ("weight_decay", "tol"):
        if not (_number(getattr(net, name)) and getattr(net, name) >= 0):
            raise InputError(f"{name} must be zero or positive; got {getattr(net, name)!r}.")
    if not (_number(net.validation_fraction) and 0 < net.validation_fraction <= 0.5):
        raise InputError(f"validation_fraction must be above 0, at most 0.5; got {net.validation_fraction!r}.")
    if net.monitor is not None and not callable(net.monitor):
        raise InputError(
            f"monitor must be a function of the estimator that gives numbers by name; got {net.monitor!r}."
        )
    shape = net.image_shape
    sides = isinstance(shape, tuple | list) and all(isinstance(size, Integral) and int(size) > 0 for size in shape)
    if shape is not None and not (sides and len(shape) == 3):
        raise InputError(f"image_shape must be (channels, height, width); got {shape!r}.")


def geometry(net: Any, n_columns: int, n_patches: int | None) -> int:
    """Number of patches of a row of ``n_columns`` features."""
    shape = net.image_shape
    if shape is not None and int(np.prod(shape)) != n_columns:
        raise InputError(
            f"image_shape={tuple(shape)} takes {int(np.prod(shape))} columns beside the task; X has {n_columns}."
        )
    if net.stride is not None and net.patch_size is None:
        raise InputError("stride is the step of the squares of patch_size: give that, too.")
    if net.patch_size is not None:
        if net.n_patches is not None or net.encoder != "patch":
            raise InputError("patch_size cuts images for encoder='patch': leave n_patches and other encoders out.")
        if shape is None:
            raise InputError("patch_size cuts images: give image_shape=(channels, height, width), too.")
        if net.patch_size > min(shape[1:]):
            raise InputError(f"patch_size={net.patch_size} is larger than the images, {shape[1]} x {shape[2]}.")
        step = net.stride or net.patch_size
        height, width = ((int(side) - net.patch_size) // step + 1 for side in shape[1:])
        return int(height * width)
    n_patches = n_patches or 1
    if n_columns % n_patches:
        raise InputError(
            f"n_patches={n_patches} does not divide the {n_columns} columns of X beside the task; every patch has the "
            "same number of columns."
        )
    return n_patches


def _check_encoder(net: Any) -> None:
    if isinstance(net.encoder, str):
        _one_of(net, "encoder", ("patch", "conv", "mlp"))
    if not isinstance(net.device, str):
        raise InputError(f"device must be 'auto' or the name of a device of PyTorch; got {net.device!r}.")
    if net.encoder == "conv" and net.image_shape is None:
        raise InputError("encoder='conv' is for images: give image_shape=(channels, height, width).")
    if not isinstance(net.encoder, str):
        from kinfolk.nets._torch import torch

        if not isinstance(net.encoder, torch.nn.Module):
            raise InputError(f"encoder must be 'patch', 'conv', 'mlp' or a torch.nn.Module; got {net.encoder!r}.")


def _one_of(net: Any, name: str, allowed: tuple[str, ...]) -> None:
    value = getattr(net, name)
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}.")


def whole(name: str, value: Any, least: int) -> None:
    """Refuse what is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}.")


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))
