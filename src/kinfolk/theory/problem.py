r"""The model whose limit is computed: how large the tasks are, how strong, how alike, and how labels arise."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError

Link = Literal["linear", "sign", "logistic"]
Numbers = float | Sequence[float] | npt.NDArray[Any]

LINKS = ("linear", "sign", "logistic")
_SPECTRUM_BINS = 24
_ROW_CLASSES = 12
_INDEFINITE = 1e-10


@dataclass(frozen=True, eq=False)
class Problem:
    r"""T tasks with p Gaussian features and linear scores; proportions, not sizes, are what predictions depend on.

    .. math::

        s_{ti} = x_{ti}^\top \xi_t, \quad x_{ti} \sim N(0, I_p), \quad \xi_s^\top \xi_t = G_{st}; \qquad
        y = s + e \ (\text{linear}), \quad y = \operatorname{sign}(s + e) \ (\text{sign}), \quad
        P(y = 1) = 1 / (1 + e^{-s}) \ (\text{logistic})

    with noise e and labels -1, +1 of the last two. All tasks have rows of their own, independent of each other's.

    Parameters
    ----------
    n_features : float
        p, larger than zero.
    n_samples : float or (T,) array
        Rows of a task, of every task alike or one number a task; larger than zero. A fraction is allowed, since only
        n / p counts.
    n_tasks : int, optional
        T. Default: the length of `n_samples`, `signal`, `noise` or `gram`; 1 if all of them are single numbers.
    similarity : float, default=0.0
        :math:`\rho`, cosine between the true coefficients of any two tasks, in [-1 / (T - 1), 1].
    signal : float or (T,) array, default=1.0
        :math:`\tau_t^2 = |\xi_t|^2`, the variance of a score in units of y squared; larger than zero.
    noise : float, (T,) array, or pairs (weight, variance), default=0.0
        Variance of e. Pairs, ``(k, 2)`` or ``(T, k, 2)``, are a mixture of centred Gaussians (heavy tails), for linear
        labels only. Logistic labels have none.
    gram : (T, T) array, optional
        G, positive semidefinite, in place of `similarity` and `signal`: clusters, outliers, negative similarity.
    link : {"linear", "sign", "logistic"}, default="linear"
        How labels arise from scores.
    row_norms : array, optional
        Values of :math:`|x_i|^2 / p`, all with the same probability: elliptical features. More than 12 values are
        averaged in 12 groups of equal mass. Default: all rows have norm 1 (Gaussian features).
    spectrum : array, optional
        Eigenvalues of a covariance of features that all tasks share, all with the same mass, and coefficients drawn
        from N(0, G / p). More than 24 are averaged in 24 groups. Default: the identity.

    Raises
    ------
    InputError
        When a number is out of its range, lengths disagree, `gram` is not positive semidefinite, or `gram` comes with
        `similarity` or `signal`.

    Notes
    -----
    The model is that of arXiv 2603.05060 (whose :math:`\xi_t = \sigma v_t + v_0` is ``signal = 1 + sigma**2`` and
    ``similarity = 1 / (1 + sigma**2)``). The predictions of this room are an independent derivation of the same limit.

    Examples
    --------
    >>> problem = Problem(100, [30, 50], similarity=0.5, noise=0.25)
    >>> problem.n_tasks, problem.alpha
    (2, array([0.3, 0.5]))
    """

    n_features: float
    n_samples: Numbers
    n_tasks: int | None = None
    similarity: float = 0.0
    signal: Numbers = 1.0
    noise: Numbers | Sequence[Sequence[float]] = 0.0
    gram: Sequence[Sequence[float]] | npt.NDArray[Any] | None = None
    link: Link = "linear"
    row_norms: Sequence[float] | npt.NDArray[Any] | None = None
    spectrum: Sequence[float] | npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        """Check everything at once, so that no prediction has to."""
        if self.link not in LINKS:
            raise InputError(f"link={self.link!r} is not known; choose one of {', '.join(map(repr, LINKS))}.")
        if not (np.ndim(self.n_features) == 0 and 0 < self.n_features < np.inf):
            raise InputError(f"n_features has to be larger than zero, found {self.n_features!r}.")
        for name in ("n_samples", "signal", "noise", "gram", "row_norms", "spectrum"):
            value = getattr(self, name)
            if value is not None and np.ndim(value) > 0:
                frozen = np.array(value, dtype=np.float64)
                frozen.flags.writeable = False
                object.__setattr__(self, name, frozen)
        object.__setattr__(self, "n_tasks", self._count_tasks())
        self._check_numbers()
        self._check_gram()

    def _count_tasks(self) -> int:
        """T from whatever is given for each task; an error when two things disagree."""
        lengths = {name: np.shape(getattr(self, name))[0] for name in ("n_samples", "signal") if self._many(name)}
        if self.gram is not None:
            lengths["gram"] = np.shape(self.gram)[0] if np.ndim(self.gram) else 0
        if np.ndim(self.noise) in (1, 3):
            lengths["noise"] = len(self.noise)  # type: ignore[arg-type]
        if self.n_tasks is not None:
            if self.n_tasks != int(self.n_tasks) or self.n_tasks < 1:
                raise InputError(f"n_tasks has to be a whole number of at least 1, found {self.n_tasks!r}.")
            lengths["n_tasks"] = int(self.n_tasks)
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            raise InputError(f"Numbers of tasks disagree ({found}); give one value a task, or a single number.")
        return next(iter(lengths.values()), 1)

    def _many(self, name: str) -> bool:
        return np.ndim(getattr(self, name)) > 0

    def _check_numbers(self) -> None:
        for name in ("n_samples", "signal"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if values.ndim > 1 or not ((values > 0) & np.isfinite(values)).all():
                raise InputError(f"{name} has to be larger than zero, one number or one a task, found {values}.")
        for name in ("row_norms", "spectrum"):
            if getattr(self, name) is not None:
                values = np.asarray(getattr(self, name), dtype=np.float64)
                if values.ndim != 1 or not values.size or not ((values > 0) & np.isfinite(values)).all():
                    raise InputError(f"{name} has to be a list of numbers larger than zero, found {values}.")
        noise = np.asarray(self.noise, dtype=np.float64)
        if not ((noise >= 0) & np.isfinite(noise)).all():
            raise InputError(f"noise is a variance, which has to be finite and not negative, found {noise}.")
        if noise.ndim > 3 or (noise.ndim > 1 and noise.shape[-1] != 2):
            raise InputError(f"A mixture of noises is a list of pairs (weight, variance), found shape {noise.shape}.")
        if noise.ndim > 1 and not np.allclose(noise[..., 0].sum(axis=-1), 1.0, atol=1e-9):
            raise InputError(f"Weights of a mixture of noises add up to 1, found {noise[..., 0].sum(axis=-1)}.")
        if noise.ndim > 1 and self.link != "linear":
            raise InputError(f"A mixture of noises needs link='linear', found link={self.link!r}; give one variance.")
        if self.link == "logistic" and noise.any():
            raise InputError("Logistic labels have no noise of their own: leave noise out, or use link='sign'.")

    def _check_gram(self) -> None:
        if self.gram is None:
            lowest = -1.0 / (self.T - 1) if self.T > 1 else -1.0
            if not lowest - 1e-12 <= self.similarity <= 1.0:
                raise InputError(
                    f"similarity of {self.T} tasks has to lie in [{lowest:.3g}, 1], found {self.similarity!r}; "
                    "opposed tasks need a gram matrix."
                )
            return
        if self.similarity != 0.0 or np.any(np.asarray(self.signal) != 1.0):
            raise InputError("gram already says signal and similarity: leave these two out.")
        gram = np.asarray(self.gram, dtype=np.float64)
        if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or not np.isfinite(gram).all():
            raise InputError(f"gram has to be a square matrix of finite numbers, found shape {gram.shape}.")
        if not np.allclose(gram, gram.T, rtol=1e-9, atol=1e-12) or not (np.diag(gram) > 0).all():
            raise InputError("gram has to be symmetric with a diagonal larger than zero (inner products of tasks).")
        least = float(np.linalg.eigvalsh(gram)[0])
        if least < -_INDEFINITE * float(np.trace(gram)):
            raise InputError(
                f"gram has to be positive semidefinite, its smallest eigenvalue is {least:.3g}: no coefficients have "
                "such inner products. Clip negative eigenvalues, or shrink the similarities."
            )

    @property
    def T(self) -> int:
        """Number of tasks."""
        assert self.n_tasks is not None
        return self.n_tasks

    @cached_property
    def alpha(self) -> FloatArray:
        """Rows over features, ``(T,)``."""
        return np.broadcast_to(np.asarray(self.n_samples, dtype=np.float64) / self.n_features, (self.T,)).copy()

    @cached_property
    def inner_products(self) -> FloatArray:
        """G, ``(T, T)``."""
        if self.gram is not None:
            return np.asarray(self.gram, dtype=np.float64)
        size = np.sqrt(np.broadcast_to(np.asarray(self.signal, dtype=np.float64), (self.T,)))
        cosines = np.full((self.T, self.T), self.similarity)
        np.fill_diagonal(cosines, 1.0)
        return cosines * size[:, None] * size

    @cached_property
    def strengths(self) -> FloatArray:
        """G_tt, ``(T,)``."""
        if self.gram is not None:
            return np.diag(self.inner_products)
        return np.broadcast_to(np.asarray(self.signal, dtype=np.float64), (self.T,)).copy()

    @cached_property
    def own_and_shared(self) -> tuple[float, float]:
        """G_tt and G_ts of exchangeable tasks."""
        own = float(self.strengths[0])
        if self.gram is None:
            return own, own * self.similarity
        return own, float(self.inner_products[0, -1]) if self.T > 1 else 0.0

    @cached_property
    def score_variance(self) -> FloatArray:
        """Variance of a score of a row of norm 1, ``(T,)``."""
        return np.asarray(self.strengths * self.eigenvalues.mean())

    @cached_property
    def eigenvalues(self) -> FloatArray:
        """Spectrum of the features, at most 24 values of equal mass."""
        return np.ones(1) if self.spectrum is None else equal_mass(self.spectrum, _SPECTRUM_BINS)

    @cached_property
    def row_scales(self) -> FloatArray:
        """Squared norms of rows over p, at most 12 values of equal mass."""
        return np.ones(1) if self.row_norms is None else equal_mass(self.row_norms, _ROW_CLASSES)

    @cached_property
    def noise_mixture(self) -> tuple[FloatArray, FloatArray]:
        """Weights and variances of the noise, each ``(T, k)``."""
        noise = np.asarray(self.noise, dtype=np.float64)
        if noise.ndim < 2:
            variances = np.broadcast_to(noise, (self.T,))[:, None].copy()
            return np.ones((self.T, 1)), variances
        pairs = np.broadcast_to(noise, (self.T, *noise.shape[-2:]))
        return pairs[..., 0].copy(), pairs[..., 1].copy()

    @cached_property
    def noise_variance(self) -> FloatArray:
        """Variance of the noise, ``(T,)``."""
        weights, variances = self.noise_mixture
        return np.asarray((weights * variances).sum(axis=1))

    @cached_property
    def exchangeable(self) -> bool:
        """Whether all tasks are of one size, strength and noise, and all pairs equally alike."""
        alike = [self.alpha, self.strengths, *self.noise_mixture]
        if not all(bool((values == values[0]).all()) for values in alike):
            return False
        return self.gram is None or is_exchangeable(self.inner_products)


def is_exchangeable(matrix: FloatArray) -> bool:
    """Whether a matrix has one number on its diagonal and one beside it, to rounding."""
    if len(matrix) == 1:
        return True
    model = np.full(matrix.shape, matrix[0, 1])
    np.fill_diagonal(model, matrix[0, 0])
    return bool(np.abs(matrix - model).max() <= 1e-14 * abs(matrix[0, 0]))


def equal_mass(values: Sequence[float] | npt.NDArray[Any], n_groups: int) -> FloatArray:
    """Means of `n_groups` groups of equal mass of the sorted values; few values stay as they are."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if len(ordered) <= n_groups:
        return ordered
    cumulated = np.concatenate(([0.0], np.cumsum(ordered)))
    edges = np.interp(np.linspace(0, len(ordered), n_groups + 1), np.arange(len(ordered) + 1), cumulated)
    return np.diff(edges) * (n_groups / len(ordered))
