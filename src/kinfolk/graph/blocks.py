"""What the rows of every task say of its own coefficients: the block-diagonal part of their joint precision."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.tasks import Factor, Moments


class Blocks:
    r"""The blocks S_t of the precision :math:`\operatorname{blkdiag}(S_t)`, and b, from the moments of the tasks.

    Parameters
    ----------
    moments : Moments
    factor : Factor, optional
        Of these moments; made when it is first needed.

    Attributes
    ----------
    b : (T, d) array
        ``S_t w_t = b_t`` at the least squares of each task.
    n_tasks, d : int
    """

    def __init__(self, moments: Moments, factor: Factor | None = None) -> None:
        self.moments, self.b = moments, moments.b
        self.n_tasks, self.d = moments.b.shape
        if factor is not None:
            self.factor = factor

    @cached_property
    def factor(self) -> Factor:
        """Orthogonal rows with the same sums."""
        return self.moments.factor()

    @property
    def explicit(self) -> bool:
        """Whether a matrix of d x d for every task is small, and quicker than its orthogonal rows."""
        r = self.d if self.moments.rows is None else int(self.moments.rows.shape[1])
        return bool(r > self.d // 2 and self.n_tasks * self.d**2 <= 2**27)

    @cached_property
    def shared(self) -> bool:
        """Whether all tasks have the same rows."""
        gram = self.moments.gram if self.moments.gram is not None else self.moments.rows
        assert gram is not None
        size = float(np.abs(gram[0]).max())
        return self.n_tasks > 1 and size > 0.0 and float(np.abs(gram - gram[0]).max()) <= 1e-12 * size

    @cached_property
    def common(self) -> FloatArray:
        """``sum_t S_t``."""
        return self.moments.total()

    def times(self, x: FloatArray) -> FloatArray:
        """``S_t x_t`` for ``x`` of shape (T, d, B)."""
        if self.moments.gram is not None:
            product: FloatArray = self.moments.gram @ x
            return product
        return self.moments.times(x)

    def shifted(self, diagonal: FloatArray) -> "Shifted":
        """``(S_t + diagonal_t I)^-1``."""
        return Shifted(self, diagonal)

    def draw(self, n: int, generator: np.random.Generator) -> FloatArray:
        """Vectors ``(T, d, n)`` of covariance S_t, by its symmetric root: they move little where S_t does."""
        V, v = self.factor.directions, self.factor.values
        z = generator.normal(size=(self.n_tasks, self.d, n))
        drawn: FloatArray = V.transpose(0, 2, 1) @ (np.sqrt(v)[:, :, None] * (V @ z))
        return drawn


@dataclass(frozen=True)
class Shifted:
    """The inverses of ``S_t + diagonal_t I``.

    Attributes
    ----------
    blocks : Blocks
    diagonal : (T,) array
    """

    blocks: Blocks
    diagonal: FloatArray

    @cached_property
    def inverse(self) -> FloatArray:
        """As matrices, ``(T, d, d)``."""
        own = np.arange(self.blocks.d)
        gram = self.blocks.moments.gram
        if gram is not None:
            shifted = gram.copy()
            shifted[:, own, own] += self.diagonal[:, None]
            inverse: FloatArray = np.linalg.inv(shifted)
            return 0.5 * (inverse + inverse.transpose(0, 2, 1))
        factor, p = self.blocks.factor, self.diagonal[:, None]
        V, v = factor.directions, factor.values
        inverse = -(V.transpose(0, 2, 1) * (v / (p * (v + p)))[:, None, :]) @ V
        inverse[:, own, own] += 1.0 / p
        return inverse

    def times(self, x: FloatArray) -> FloatArray:
        """Their products with vectors ``(T, d, B)``."""
        if self.blocks.explicit:
            product: FloatArray = self.inverse @ x
            return product
        factor, p = self.blocks.factor, self.diagonal[:, None, None]
        V, v = factor.directions, factor.values[:, :, None]
        return (x - V.transpose(0, 2, 1) @ (v / (v + p) * (V @ x))) / p

    def heard(self) -> FloatArray:
        """``sum_t (S_t + diagonal_t I)^-1 S_t``, ``(d, d)``."""
        if self.blocks.explicit:
            S: FloatArray = self.blocks.moments.primal().reshape(-1, self.blocks.d)
            return self.inverse.reshape(-1, self.blocks.d).T @ S
        factor = self.blocks.factor
        V, share = factor.directions, factor.values / (factor.values + self.diagonal[:, None])
        flat: FloatArray = V.reshape(-1, self.blocks.d)
        return (flat.T * share.ravel()) @ flat
