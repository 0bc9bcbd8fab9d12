"""The only things that the numerics see: rows sorted by task, and what each task's rows sum to.

`TaskData` holds the rows in standardised units, sorted by task, with CSR-style offsets. `Moments` holds, per task,
the sums that every squared-loss method needs. `Factor` is a square root of those sums: a few rows per task that carry
the same information as all of its rows.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.scaling import CONSTANT, Scaling

NOISE_FLOOR = 1e-12  # share of the target's variance below which noise is not told from rounding
_NEGLIGIBLE = 1e-13  # eigenvalues below this share of the task's largest one are rounding


@dataclass(frozen=True)
class TaskData:
    """Rows of all tasks in standardised units, sorted by task.

    Attributes
    ----------
    X : (n, d) array
    y : (n,) array
    offsets : (T + 1,) integers
        Rows ``offsets[t]:offsets[t + 1]`` belong to task ``t``.
    weights : (n,) array or None
        A row of weight 2 counts as two rows.
    scaling : Scaling
        How to return to the user's units.
    samples : (n,) integers or None
        Wide data: the row of X that each row is a copy of. What splits the rows must keep copies together.
    """

    X: FloatArray
    y: FloatArray
    offsets: IntArray
    weights: FloatArray | None
    scaling: Scaling
    samples: IntArray | None = None

    @classmethod
    def build(
        cls,
        X: FloatArray,
        y: FloatArray,
        codes: IntArray,
        n_tasks: int,
        *,
        weights: FloatArray | None = None,
        scaling: Scaling | None = None,
        standardize: bool = True,
        samples: IntArray | None = None,
    ) -> "TaskData":
        """Sort rows by task and put them into standardised units (those of ``scaling`` when given)."""
        if scaling is None:
            scaling = Scaling.fit(X, y, weights, standardize=standardize)
        if (np.diff(codes) < 0).any():
            order = np.argsort(codes, kind="stable")
            X, y, weights = X[order], y[order], None if weights is None else weights[order]
            samples = None if samples is None else samples[order]
        offsets = np.concatenate(([0], np.cumsum(np.bincount(codes, minlength=n_tasks))))
        return cls(scaling.features(X), scaling.target(y), offsets, weights, scaling, samples)

    @property
    def n_tasks(self) -> int:
        """Number of tasks T."""
        return len(self.offsets) - 1

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.X.shape[1])

    @property
    def codes(self) -> IntArray:
        """Task index of each row, ``(n,)``."""
        return np.repeat(np.arange(self.n_tasks), np.diff(self.offsets))

    def take(self, rows: IntArray) -> "TaskData":
        """The same tasks with only some of the rows (increasing positions); a task may be left with none."""
        counts = np.bincount(self.codes[rows], minlength=self.n_tasks)
        weights = None if self.weights is None else self.weights[rows]
        samples = None if self.samples is None else self.samples[rows]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        return TaskData(self.X[rows], self.y[rows], offsets, weights, self.scaling, samples)

    def deal(self, n_splits: int, generator: np.random.Generator) -> IntArray:
        """Fold of each row for cross-validation inside the tasks, -1 for rows that stay in training."""
        if self.samples is None:
            return deal_rows(self.codes, self.n_tasks, n_splits, generator)
        fold_of_sample = generator.permutation(int(self.samples.max()) + 1) % n_splits
        return np.asarray(fold_of_sample[self.samples], dtype=np.int64)

    def moments(self) -> "Moments":
        """Sums over each task's rows, centred within the task; in the dual form when no task has d rows."""
        return _moments(self)


@dataclass(frozen=True)
class Moments:
    """What each task's rows sum to, centred within the task (so that intercepts drop out).

    With weights w_i, ``n = sum w_i``, means ``x_mean = sum w_i x_i / n`` and ``y_mean``:

    ``gram = sum w_i (x_i - x_mean)(x_i - x_mean)'``, ``b = sum w_i (x_i - x_mean)(y_i - y_mean)``,
    ``yy = sum w_i (y_i - y_mean)^2``.

    Attributes
    ----------
    n : (T,) array, total weight (number of rows when unweighted)
    x_mean : (T, d) array
    y_mean : (T,) array
    b : (T, d) array
    yy : (T,) array
    gram : (T, d, d) array or None
        The primal form. None in the dual form, used when every task has fewer rows than features.
    rows : (T, r, d) array or None
        The dual form: rows ``sqrt(w_i) (x_i - x_mean)``, padded with zero rows; ``rows' rows = gram``.
    targets : (T, r) array or None
        ``sqrt(w_i) (y_i - y_mean)`` beside ``rows``.
    """

    n: FloatArray
    x_mean: FloatArray
    y_mean: FloatArray
    b: FloatArray
    yy: FloatArray
    gram: FloatArray | None = None
    rows: FloatArray | None = None
    targets: FloatArray | None = None

    @property
    def n_tasks(self) -> int:
        """Number of tasks T."""
        return len(self.n)

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.b.shape[1])

    @property
    def degrees_of_freedom(self) -> float:
        """``sum_t (n_t - 1)``: rows left after one intercept per task."""
        return float(np.maximum(self.n - 1.0, 0.0).sum())

    def primal(self) -> FloatArray:
        """Gram matrices ``(T, d, d)``, whichever form is stored."""
        if self.gram is not None:
            return self.gram
        assert self.rows is not None
        return self.rows.transpose(0, 2, 1) @ self.rows

    def times(self, basis: FloatArray) -> FloatArray:
        """``S_t basis`` of every task, ``(T, d, k)``; the basis is ``(d, k)``, or one for each task ``(T, d, k)``."""
        if self.gram is not None:
            product: FloatArray = self.gram @ basis
            return product
        assert self.rows is not None
        return self.rows.transpose(0, 2, 1) @ (self.rows @ basis)

    def total(self) -> FloatArray:
        """``sum_t S_t``, ``(d, d)``."""
        if self.gram is not None:
            summed: FloatArray = self.gram.sum(axis=0)
            return summed
        assert self.rows is not None
        flat = self.rows.reshape(-1, self.n_features)
        return flat.T @ flat

    def take(self, tasks: IntArray | slice) -> "Moments":
        """Moments of some of the tasks."""
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        taken: dict[str, Any] = {name: None if part is None else part[tasks] for name, part in parts.items()}
        return Moments(**taken)

    def precise(self, precision: FloatArray) -> "Moments":
        """Moments whose squares count ``precision`` (T,) times: those of rows divided by their noise's spread.

        Sizes and means stay what they are.
        """
        if (precision == 1.0).all():
            return self
        each, root = precision[:, None], np.sqrt(precision)[:, None]
        return replace(
            self,
            b=self.b * each,
            yy=self.yy * precision,
            gram=None if self.gram is None else self.gram * each[:, :, None],
            rows=None if self.rows is None else self.rows * root[:, :, None],
            targets=None if self.targets is None else self.targets * root,
        )

    def rescale(self, scaling: Scaling) -> "Moments":
        """Moments in the units of ``scaling``, from moments in the user's units."""
        x, y = scaling.x_scale, scaling.y_scale
        return replace(
            self,
            x_mean=scaling.features(self.x_mean),
            y_mean=scaling.target(self.y_mean),
            b=self.b / (x * y),
            yy=self.yy / y**2,
            gram=None if self.gram is None else self.gram / np.outer(x, x),
            rows=None if self.rows is None else self.rows / x,
            targets=None if self.targets is None else self.targets / y,
        )

    def scaling(self, *, standardize: bool = True) -> Scaling:
        """Units in which every feature (when ``standardize``) and the target have mean 0 and variance 1."""
        share = self.n / self.n.sum()
        means = np.concatenate((self.x_mean, self.y_mean[:, None]), axis=1)
        center = share @ means
        inner = (self.rows**2).sum(axis=(0, 1)) if self.rows is not None else np.diagonal(self.total())
        within = np.append(inner, self.yy.sum()) / self.n.sum()
        spread = np.sqrt(within + share @ (means - center) ** 2)
        spread = np.where(spread > CONSTANT * np.abs(center), spread, 1.0)
        x_scale = spread[:-1] if standardize else np.ones(self.n_features)
        return Scaling(center[:-1], x_scale, float(center[-1]), float(spread[-1]))

    def merge(self, other: "Moments") -> "Moments":
        """Moments of the union of two disjoint sets of rows of the same tasks (exact).

        ``gram = gram_1 + gram_2 + (n_1 n_2 / n) delta delta'`` with ``delta = x_mean_1 - x_mean_2``.
        """
        n = self.n + other.n
        share = np.divide(other.n, n, out=np.zeros_like(n), where=n > 0)
        x_delta, y_delta = other.x_mean - self.x_mean, other.y_mean - self.y_mean
        root = np.sqrt(self.n * share)
        x_row, y_row = root[:, None] * x_delta, root * y_delta
        gram = rows = targets = None
        if self.rows is not None and other.rows is not None and self._stacked_rows(other) < self.n_features:
            assert self.targets is not None
            assert other.targets is not None
            rows = np.concatenate((self.rows, other.rows, x_row[:, None]), axis=1)
            targets = np.concatenate((self.targets, other.targets, y_row[:, None]), axis=1)
        else:
            gram = self.primal() + other.primal() + x_row[:, :, None] * x_row[:, None, :]
        return Moments(
            n,
            self.x_mean + share[:, None] * x_delta,
            self.y_mean + share * y_delta,
            self.b + other.b + x_row * y_row[:, None],
            self.yy + other.yy + y_row**2,
            gram,
            rows,
            targets,
        )

    def _stacked_rows(self, other: "Moments") -> int:
        assert self.rows is not None
        assert other.rows is not None
        return int(self.rows.shape[1] + other.rows.shape[1] + 1)

    def factor(self) -> "Factor":
        """Orthogonal rows with the same sums (one batched eigendecomposition)."""
        if self.gram is not None:
            values, vectors = np.linalg.eigh(self.gram)
            rotation = vectors.transpose(0, 2, 1)
        else:
            assert self.rows is not None
            values, vectors = np.linalg.eigh(self.rows @ self.rows.transpose(0, 2, 1))
            rotation = vectors.transpose(0, 2, 1) @ self.rows
        # an eigenvalue that is rounding carries no information: its row is zero
        kept = values > _NEGLIGIBLE * np.maximum(values[:, -1:], 1e-300)
        values = np.where(kept, values, 0.0)
        inverse_root = np.divide(1.0, np.sqrt(values), out=np.zeros_like(values), where=kept)
        directions = rotation if self.gram is not None else rotation * inverse_root[:, :, None]
        targets = inverse_root * (directions @ self.b[:, :, None])[:, :, 0]
        rest = np.maximum(self.yy - (targets**2).sum(axis=1), 0.0)
        return Factor(values, directions, targets, rest)


@dataclass(frozen=True)
class Factor:
    """Spectral square root of the centred moments: each task reduced to ``r = min(rows, d)`` orthogonal rows.

    ``R_t = sqrt(values_t) * directions_t`` has ``R_t' R_t = gram_t``, ``R_t' targets_t = b_t`` and
    ``yy_t = |targets_t|^2 + rest_t``.

    Attributes
    ----------
    values : (T, r) array, eigenvalues of gram_t (zero where there is no information)
    directions : (T, r, d) array, unit eigenvectors as rows
    targets : (T, r) array
    rest : (T,) array, the part of ``yy`` that no coefficient can explain
    """

    values: FloatArray
    directions: FloatArray
    targets: FloatArray
    rest: FloatArray

    @property
    def rows(self) -> FloatArray:
        """``R_t``, ``(T, r, d)``."""
        return np.sqrt(self.values)[:, :, None] * self.directions


def sum_by_task(values: FloatArray, codes: IntArray, n_tasks: int) -> FloatArray:
    """Sum of ``values`` (n,) over the rows of each task, ``(T,)``."""
    return np.bincount(codes, values, minlength=n_tasks).astype(np.float64)


def deal_rows(codes: IntArray, n_tasks: int, n_splits: int, generator: np.random.Generator | None) -> IntArray:
    """Deal the rows of each task over folds like cards; returns the fold of each row, -1 for a task's only row.

    Each task goes on where the one before it stopped, so that the folds of one task, and those of the whole table,
    differ by at most one row. Tasks and rows are in random order, or by code and position without a generator.
    """
    counts = np.bincount(codes, minlength=n_tasks)
    if generator is None:
        order = np.argsort(codes, kind="stable")
    else:
        order = np.lexsort((generator.random(len(codes)), generator.permutation(n_tasks)[codes]))
    dealt = order[counts[codes[order]] > 1]
    fold = np.full(len(codes), -1, dtype=np.int64)
    fold[dealt] = np.arange(len(dealt)) % n_splits
    return fold


def _moments(data: TaskData) -> Moments:
    counts = np.diff(data.offsets)
    n_tasks, n_features = data.n_tasks, data.n_features
    codes = data.codes
    weights = data.weights
    n = counts.astype(float) if weights is None else sum_by_task(weights, codes, n_tasks)
    heard = np.flatnonzero(counts)  # reduceat needs non-empty tasks
    starts = data.offsets[heard]
    x_mean, y_mean = np.zeros((n_tasks, n_features)), np.zeros(n_tasks)
    weighted_X = data.X if weights is None else data.X * weights[:, None]
    weighted_y = data.y if weights is None else data.y * weights
    if len(heard):
        x_mean[heard] = np.add.reduceat(weighted_X, starts, axis=0) / n[heard, None]
        y_mean[heard] = np.add.reduceat(weighted_y, starts) / n[heard]
    Xc, yc = x_mean[codes], data.y - y_mean[codes]
    np.subtract(data.X, Xc, out=Xc)
    if weights is not None:
        root = np.sqrt(weights)
        Xc *= root[:, None]
        yc *= root
    yy = sum_by_task(yc**2, codes, n_tasks)
    longest = int(counts.max(initial=0))
    if longest < n_features:
        rows, targets = np.zeros((n_tasks, longest, n_features)), np.zeros((n_tasks, longest))
        position = np.arange(len(codes)) - data.offsets[codes]
        rows[codes, position], targets[codes, position] = Xc, yc
        b = (targets[:, None, :] @ rows)[:, 0]
        return Moments(n, x_mean, y_mean, b, yy, rows=rows, targets=targets)
    b, gram = np.zeros((n_tasks, n_features)), np.zeros((n_tasks, n_features, n_features))
    for t in heard:  # a plain loop of BLAS calls: as fast as a padded batch from d = 20 on
        task = slice(data.offsets[t], data.offsets[t + 1])
        np.dot(Xc[task].T, Xc[task], out=gram[t])
        np.dot(yc[task], Xc[task], out=b[t])
    return Moments(n, x_mean, y_mean, b, yy, gram=gram)
