"""A network of PyTorch under heads of tasks, with the same face as `kinfolk.nets.patch_network.PatchNetwork`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.nets._torch import torch
from kinfolk.nets.heads import Heads
from kinfolk.tasks import sum_by_task

_CHUNK = 2048  # rows at once where no gradient is needed


def logistic(outputs: Any, y: Any) -> Any:
    """Log loss of one output, row by row."""
    return torch.nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], y, reduction="none")


def cross_entropy(outputs: Any, y: Any) -> Any:
    """Log loss of one output a class, row by row."""
    return torch.nn.functional.cross_entropy(outputs, y.long(), reduction="none")


def squared(outputs: Any, y: Any) -> Any:
    """Half of the squared error, row by row."""
    return 0.5 * (outputs[:, 0] - y) ** 2


LOSSES = {"logistic": logistic, "cross_entropy": cross_entropy, "squared": squared}


def find_device(device: str) -> Any:
    """The device of that name; ``"auto"`` is CUDA where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device={device!r} cannot be used here ({reason}). Use device='auto' or 'cpu'.") from None
    return found


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give PyTorch a seed, for the dropout of given modules, and its state back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def encode(module: Any, rows: FloatArray, device: Any) -> FloatArray:
    """Features ``(n, R)`` of a module in its evaluation mode."""
    module.eval()
    with torch.no_grad():
        parts = [
            module(torch.from_numpy(np.ascontiguousarray(rows[at : at + _CHUNK])).to(device))
            for at in range(0, len(rows), _CHUNK)
        ]
    features: FloatArray = torch.cat(parts).cpu().numpy()
    return features


@dataclass
class TorchNetwork:
    """The network with the rows that it learns from; its parameters are one flat tensor.

    They are those of the module in their order, then the common part of the heads, then their own parts.

    Attributes
    ----------
    module : torch.nn.Module
        From rows to features ``(n, R)``.
    rows : (n, ...) tensor
    y, weights : (n,) tensors
    codes : (n,) integers
        Task of each row, increasing.
    heads : Heads
    loss : {"logistic", "cross_entropy", "squared"}
    """

    module: Any
    rows: Any
    y: Any
    codes: IntArray
    weights: Any
    heads: Heads
    loss: str

    @property
    def n_tasks(self) -> int:
        """T."""
        return self.heads.n_tasks

    @property
    def n_encoder(self) -> int:
        """Number of parameters of the module."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def n_shared(self) -> int:
        """Number of parameters that all tasks share; they come first."""
        return self.n_encoder + self.heads.n_common

    def begin(self) -> Any:
        """Parameters at the start: those of the module, and the start of the heads."""
        state = {name: value.detach().cpu().numpy() for name, value in self.module.named_parameters()}
        return self.assemble(state, np.concatenate(self.heads.begin()))

    def assemble(self, state: dict[str, FloatArray], tail: FloatArray) -> Any:
        """Parameters from the encoder's arrays and the flat parts of the heads."""
        for name, value in self.module.named_buffers():
            if name in state:
                value.copy_(torch.as_tensor(state[name]))
        flat = [np.ravel(state[name]) for name, _ in self.module.named_parameters()]
        return torch.as_tensor(np.concatenate((*flat, tail)), dtype=self.rows.dtype, device=self.rows.device)

    def state(self, theta: Any) -> dict[str, FloatArray]:
        """The encoder's arrays by name."""
        named = {name: value.detach().cpu().numpy().copy() for name, value in self._named(theta).items()}
        return named | {name: value.cpu().numpy().copy() for name, value in self.module.named_buffers()}

    def head_parts(self, theta: Any) -> tuple[FloatArray, FloatArray | None]:
        """Heads ``(T or 1, O, R + 1)`` and the population's head."""
        tail = theta[self.n_encoder :].cpu().numpy()
        common, own = tail[: self.heads.n_common], tail[self.heads.n_common :]
        return self.heads.effective(common, own).astype(tail.dtype), self.heads.population(common)

    def select(self, rows: IntArray, scale: float = 1.0) -> "TorchNetwork":
        """The same network over some of its rows (increasing), their weights multiplied by ``scale``."""
        at = torch.as_tensor(rows, device=self.rows.device)
        weights = scale * self.weights[at]
        return replace(self, rows=self.rows[at], y=self.y[at], codes=self.codes[rows], weights=weights)

    def balanced(self) -> "TorchNetwork":
        """The same network, with weights that add up to one over the rows of each task that it has."""
        total = np.bincount(self.codes, self.weights.cpu().numpy(), minlength=self.n_tasks)[self.codes]
        return replace(self, weights=self.weights / torch.as_tensor(total).to(self.weights))

    def decayed(self, theta: Any, factor: float) -> Any:
        """Parameters with an encoder that is smaller by a factor."""
        return torch.cat((factor * theta[: self.n_encoder], theta[self.n_encoder :]))

    def joined(self, shared: Any, own: Any) -> Any:
        """Directions of shared and own parameters as one."""
        return torch.cat((shared, own))

    def features(self, theta: Any) -> FloatArray:
        """Features ``(n, R)``."""
        with torch.no_grad():
            return self._in_chunks(lambda at: self._encode(theta, at, training=False))

    def outputs(self, theta: Any) -> FloatArray:
        """Outputs ``(n, O)``."""
        with torch.no_grad():
            return self._in_chunks(lambda at: self._outputs(theta, at, training=False))

    def losses(self, theta: Any) -> FloatArray:
        """Mean loss of each task, ``(T,)``."""
        outputs = torch.as_tensor(self.outputs(theta), device=self.rows.device)
        return self._by_task(LOSSES[self.loss](outputs, self.y), slice(0, len(self.codes)))

    def gradient(self, theta: Any) -> tuple[FloatArray, Any]:
        """Mean loss of each task, and the gradient of their sum."""
        return self._descend(theta, slice(0, len(self.codes)))

    def jacobian(self, theta: Any) -> tuple[FloatArray, Any, Any]:
        """Mean loss of each task, its gradient of the shared parameters ``(T, n_shared)``, and that of own parts.

        The rows of each task go through the module by themselves.
        """
        jacobian = theta.new_zeros((self.n_tasks, self.n_shared))
        own, losses = theta.new_zeros(self.heads.n_own), np.zeros(self.n_tasks)
        edges = np.searchsorted(self.codes, np.arange(self.n_tasks + 1)).tolist()
        for k, (start, stop) in enumerate(pairwise(edges)):
            if stop > start:
                value, gradient = self._descend(theta, slice(start, stop))
                losses += value
                jacobian[k], own = gradient[: self.n_shared], own + gradient[self.n_shared :]
        return losses, jacobian, own

    def _descend(self, theta: Any, at: slice) -> tuple[FloatArray, Any]:
        theta = theta.detach().requires_grad_()
        value = LOSSES[self.loss](self._outputs(theta, at, training=True), self.y[at])
        (gradient,) = torch.autograd.grad((value * self.weights[at]).sum(), theta)
        return self._by_task(value.detach(), at), gradient

    def _named(self, theta: Any) -> dict[str, Any]:
        """The module's parameters as views of the flat tensor."""
        kinds = {name: value.shape for name, value in self.module.named_parameters()}
        parts = theta[: self.n_encoder].split([shape.numel() for shape in kinds.values()])
        return {name: part.view(shape) for (name, shape), part in zip(kinds.items(), parts, strict=True)}

    def _encode(self, theta: Any, at: slice, *, training: bool) -> Any:
        self.module.train(training)
        return torch.func.functional_call(self.module, self._named(theta), (self.rows[at],))

    def _outputs(self, theta: Any, at: slice, *, training: bool) -> Any:
        features = self._encode(theta, at, training=training)
        common, own = theta[self.n_encoder : self.n_shared], theta[self.n_shared :]
        heads = torch.as_tensor(self.heads.effective(common, own), dtype=features.dtype, device=features.device)
        if len(heads) == 1:
            return features @ heads[0, :, :-1].T + heads[0, :, -1]
        each = heads[torch.as_tensor(self.codes[at], device=features.device)]
        return (features[:, None, :] * each[:, :, :-1]).sum(dim=2) + each[:, :, -1]

    def _in_chunks(self, function: Any) -> FloatArray:
        n = len(self.codes)
        parts = [function(slice(at, min(at + _CHUNK, n))) for at in range(0, n, _CHUNK)]
        whole: FloatArray = torch.cat(parts).cpu().numpy()
        return whole

    def _by_task(self, value: Any, at: slice) -> FloatArray:
        weighted = (value * self.weights[at]).cpu().numpy()
        return sum_by_task(weighted, self.codes[at], self.n_tasks)
