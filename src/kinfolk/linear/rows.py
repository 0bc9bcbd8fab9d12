"""Rows of all tasks with an intercept each: predictions, their transpose, and weighted Gram matrices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.tasks import TaskData, sum_by_task


@dataclass(frozen=True)
class Rows:
    """Rows ``(n, D)`` sorted by task.

    Attributes
    ----------
    X : (n, D) array
        With a first column of ones where the intercept is a coefficient, else centred within tasks.
    weights : (n,) array
    offsets : (T + 1,) integers
    codes : (n,) integers
    joint : bool
        Whether the intercept is a coefficient.
    x_mean : (T, d) array
        Means of the features within tasks.
    """

    X: FloatArray
    weights: FloatArray
    offsets: IntArray
    codes: IntArray
    joint: bool
    x_mean: FloatArray

    @classmethod
    def of(cls, data: TaskData, *, joint: bool) -> "Rows":
        """Rows of the data, centred with its weights unless the intercept is a coefficient."""
        weights = np.ones(len(data.y)) if data.weights is None else data.weights
        bare = cls(data.X, weights, data.offsets, data.codes, joint, np.zeros((data.n_tasks, data.n_features)))
        x_mean = bare.means(data.X)
        X = np.column_stack((np.ones(len(data.y)), data.X)) if joint else data.X - x_mean[bare.codes]
        return cls(X, weights, data.offsets, bare.codes, joint, x_mean)

    def intercept(self, level: FloatArray, slopes: FloatArray) -> FloatArray:
        """Intercepts (T,) from the predictions at the means of the features."""
        intercept: FloatArray = level - (self.x_mean * slopes).sum(axis=1)
        return intercept

    @property
    def n_tasks(self) -> int:
        """T."""
        return len(self.offsets) - 1

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums (T, ...) over the rows of each task of ``values`` (n, ...)."""
        counts = np.diff(self.offsets)
        found = np.zeros((self.n_tasks, *values.shape[1:]))
        heard = counts > 0
        if heard.any():
            found[heard] = np.add.reduceat(values, self.offsets[:-1][heard], axis=0)
        return found

    def means(self, values: FloatArray) -> FloatArray:
        """Weighted means (T, ...); zero for a task without rows."""
        n = np.maximum(sum_by_task(self.weights, self.codes, self.n_tasks), 1e-300)
        weights = self.weights if values.ndim == 1 else self.weights[:, None]
        return self.sums(values * weights) / (n if values.ndim == 1 else n[:, None])

    def predict(self, coef: FloatArray) -> FloatArray:
        """``x' u_t`` of every row."""
        predicted: FloatArray = np.einsum("nd,nd->n", self.X, coef[self.codes])
        return predicted

    def pull(self, values: FloatArray) -> FloatArray:
        """``sum_i x_i values_i`` of every task, (T, D)."""
        return self.sums(self.X * values[:, None])

    @cached_property
    def own_gram(self) -> FloatArray:
        """`gram` with the rows' own weights."""
        return self.gram(self.weights)

    def gram(self, weights: FloatArray) -> FloatArray:
        """``sum_i weights_i x_i x_i'`` of every task, (T, D, D)."""
        n_coef = self.X.shape[1]
        found = np.zeros((self.n_tasks, n_coef, n_coef))
        root = self.X * np.sqrt(weights)[:, None]
        for t in range(self.n_tasks):
            mine = root[self.offsets[t] : self.offsets[t + 1]]
            np.dot(mine.T, mine, out=found[t])
        return found
