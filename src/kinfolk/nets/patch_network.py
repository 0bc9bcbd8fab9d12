r"""A two-layer network over patches, and its gradient in closed form: two matrix products a step.

.. math:: \phi_r(x) = \sum_h \max(\langle w_r, x_h \rangle, 0)^q, \qquad f_k(x) = A_k [\phi(x), 1], \qquad
          L = \sum_k \sum_{i \in k} c_i\, \ell(f_k(x_i), y_i), \quad \sum_{i \in k} c_i = 1 .
"""

from dataclasses import dataclass, field, replace

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.nets.heads import Heads
from kinfolk.nets.losses import LOSSES
from kinfolk.tasks import sum_by_task


def activate(Z: FloatArray, power: float, slope: FloatArray) -> None:
    """Replace Z by ``max(Z, 0) ** power``, and ``slope`` by its derivative."""
    np.maximum(Z, 0.0, out=Z)
    if power == 1:
        np.greater(Z, 0.0, out=slope)
        return
    if power == 2:
        np.multiply(Z, 2.0, out=slope)
        np.multiply(Z, Z, out=Z)
        return
    if power == 3:  # a product is ten times as fast as a power
        np.multiply(Z, Z, out=slope)
    else:
        np.power(Z, power - 1.0, out=slope)
    np.multiply(Z, slope, out=Z)
    slope *= power


def patch_features(patches: FloatArray, filters: FloatArray, power: float) -> FloatArray:
    """``phi`` of patches ``(n, H, d)`` under filters ``(R, d)``: ``(n, R)``."""
    n, n_patches, d = patches.shape
    Z = patches.reshape(n * n_patches, d) @ filters.T
    activate(Z, power, np.empty_like(Z))
    pooled: FloatArray = Z.reshape(n, n_patches, -1).sum(axis=1)
    return pooled


@dataclass
class PatchNetwork:
    """The network with the rows that it learns from; its parameters are one flat array.

    They are the filters ``(R, d)``, then the common part of the heads, then their own parts (`kinfolk.nets.heads`).

    Attributes
    ----------
    patches : (n, H, d) array
    y : (n,) array
    codes : (n,) integers
        Task of each row, increasing.
    weights : (n,) array
        c, of the dtype of the patches.
    heads : Heads
    loss : {"logistic", "cross_entropy", "squared"}
    n_filters : int
        R.
    power : float
        q.
    """

    patches: FloatArray
    y: FloatArray
    codes: IntArray
    weights: FloatArray
    heads: Heads
    loss: str
    n_filters: int
    power: float
    _buffers: dict[str, FloatArray] = field(default_factory=dict, repr=False)

    @property
    def n_tasks(self) -> int:
        """T."""
        return self.heads.n_tasks

    @property
    def n_encoder(self) -> int:
        """Number of parameters of the filters."""
        return self.n_filters * int(self.patches.shape[2])

    @property
    def n_shared(self) -> int:
        """Number of parameters that all tasks share; they come first."""
        return self.n_encoder + self.heads.n_common

    def assemble(self, state: dict[str, FloatArray], tail: FloatArray) -> FloatArray:
        """Parameters from the encoder's arrays and the flat parts of the heads."""
        return np.concatenate((state["filters"].ravel(), tail)).astype(self.patches.dtype)

    def state(self, theta: FloatArray) -> dict[str, FloatArray]:
        """The encoder's arrays by name."""
        return {"filters": self._parts(theta)[0].copy()}

    def head_parts(self, theta: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Heads ``(T or 1, O, R + 1)`` and the population's head."""
        return self._parts(theta)[1].copy(), self.heads.population(theta[self.n_encoder : self.n_shared])

    def features(self, theta: FloatArray) -> FloatArray:
        """Features ``(n, R)``."""
        return self._features(self._parts(theta)[0]).copy()

    def select(self, rows: IntArray, scale: float = 1.0) -> "PatchNetwork":
        """The same network over some of its rows (increasing), their weights multiplied by ``scale``."""
        return replace(
            self,
            patches=self.patches[rows],
            y=self.y[rows],
            codes=self.codes[rows],
            weights=(scale * self.weights[rows]).astype(self.weights.dtype),
            _buffers={},
        )

    def balanced(self) -> "PatchNetwork":
        """The same network, with weights that add up to one over the rows of each task that it has."""
        total = np.bincount(self.codes, self.weights, minlength=self.n_tasks)[self.codes]
        return replace(self, weights=(self.weights / total).astype(self.weights.dtype), _buffers={})

    def decayed(self, theta: FloatArray, factor: float) -> FloatArray:
        """Parameters with an encoder that is smaller by a factor."""
        return np.concatenate((factor * theta[: self.n_encoder], theta[self.n_encoder :]))

    def joined(self, shared: FloatArray, own: FloatArray) -> FloatArray:
        """Directions of shared and own parameters as one."""
        return np.concatenate((shared, own))

    def outputs(self, theta: FloatArray) -> FloatArray:
        """Outputs ``(n, O)``."""
        filters, heads = self._parts(theta)
        return self._outputs(self._features(filters), heads)

    def losses(self, theta: FloatArray) -> FloatArray:
        """Mean loss of each task, ``(T,)``."""
        return self._losses(LOSSES[self.loss](self.outputs(theta), self.y)[0])

    def gradient(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean loss of each task, and the gradient of their sum."""
        filters, heads = self._parts(theta)
        features, outward, value = self._forward(filters, heads)
        gradient = np.empty_like(theta)
        slope = self._through(outward, heads)
        np.matmul(slope.T, self._flat(), out=gradient[: self.n_encoder].reshape(filters.shape))
        if self.heads.trained:
            common, own = self.heads.backward(self._head_gradient(features, outward, len(heads) == 1))
            gradient[self.n_encoder : self.n_shared] = common.sum(axis=0)
            gradient[self.n_shared :] = own
        return self._losses(value), gradient

    def jacobian(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean loss of each task, its gradient of the shared parameters ``(T, n_shared)``, and that of own parts."""
        filters, heads = self._parts(theta)
        features, outward, value = self._forward(filters, heads)
        jacobian = np.zeros((self.n_tasks, self.n_shared), dtype=theta.dtype)
        slope, rows = self._through(outward, heads), self._flat()
        n_patches = self.patches.shape[1]
        for k, (start, stop) in enumerate(self._bounds()):
            part = slice(start * n_patches, stop * n_patches)
            np.matmul(slope[part].T, rows[part], out=jacobian[k, : self.n_encoder].reshape(filters.shape))
        own = np.zeros(0, dtype=theta.dtype)
        if self.heads.trained:
            common, own = self.heads.backward(self._head_gradient(features, outward, False))
            jacobian[:, self.n_encoder :] = common
        return self._losses(value), jacobian, own

    def _parts(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Filters ``(R, d)`` and heads ``(T or 1, O, R + 1)``."""
        common, own = theta[self.n_encoder : self.n_shared], theta[self.n_shared :]
        filters = theta[: self.n_encoder].reshape(self.n_filters, -1)
        return filters, self.heads.effective(common, own).astype(theta.dtype)

    def _flat(self) -> FloatArray:
        return self.patches.reshape(-1, self.patches.shape[2])

    def _bounds(self) -> list[tuple[int, int]]:
        edges = np.searchsorted(self.codes, np.arange(self.n_tasks + 1))
        return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))

    def _buffer(self, name: str) -> FloatArray:
        if name not in self._buffers:
            size = (self.patches.shape[0] * self.patches.shape[1], self.n_filters)
            self._buffers[name] = np.empty(size, dtype=self.patches.dtype)
        return self._buffers[name]

    def _features(self, filters: FloatArray) -> FloatArray:
        Z = np.matmul(self._flat(), filters.T, out=self._buffer("value"))
        activate(Z, self.power, self._buffer("slope"))
        n, n_patches, _ = self.patches.shape
        each = Z.reshape(n, n_patches, self.n_filters)
        return Z if n_patches == 1 else np.add.reduce(each, axis=1)

    def _outputs(self, features: FloatArray, heads: FloatArray) -> FloatArray:
        if len(heads) == 1:
            return features @ heads[0, :, :-1].T + heads[0, :, -1]
        outputs = np.empty((len(features), heads.shape[1]), dtype=features.dtype)
        for head, (start, stop) in zip(heads, self._bounds(), strict=True):
            np.matmul(features[start:stop], head[:, :-1].T, out=outputs[start:stop])
            outputs[start:stop] += head[:, -1]
        return outputs

    def _forward(self, filters: FloatArray, heads: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Features, weighted gradient of the outputs, and the loss of each row."""
        features = self._features(filters)
        value, outward = LOSSES[self.loss](self._outputs(features, heads), self.y)
        outward *= self.weights[:, None]
        return features, outward, value

    def _through(self, outward: FloatArray, heads: FloatArray) -> FloatArray:
        """Gradient of the filters' products ``(n * H, R)``."""
        n, n_patches, _ = self.patches.shape
        if len(heads) == 1:
            back = outward @ heads[0, :, :-1]
        else:
            back = np.empty((n, self.n_filters), dtype=outward.dtype)
            for head, (start, stop) in zip(heads, self._bounds(), strict=True):
                np.matmul(outward[start:stop], head[:, :-1], out=back[start:stop])
        slope = self._buffer("slope")
        slope.reshape(n, n_patches, self.n_filters)[...] *= back[:, None, :]
        return slope

    def _head_gradient(self, features: FloatArray, outward: FloatArray, together: bool) -> FloatArray:
        """Gradient of the heads ``(T, O, R + 1)``; of all rows together ``(1, O, R + 1)``."""
        bounds = [(0, len(features))] if together else self._bounds()
        gradient = np.empty((len(bounds), outward.shape[1], self.n_filters + 1), dtype=outward.dtype)
        for each, (start, stop) in zip(gradient, bounds, strict=True):
            np.matmul(outward[start:stop].T, features[start:stop], out=each[:, :-1])
            np.sum(outward[start:stop], axis=0, out=each[:, -1])
        return gradient

    def _losses(self, value: FloatArray) -> FloatArray:
        return sum_by_task(value * self.weights, self.codes, self.n_tasks)
