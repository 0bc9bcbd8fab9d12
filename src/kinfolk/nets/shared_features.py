"""Simulated tasks of patches: a feature that all tasks share, one of each task alone, and noise."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.nets.patches import patches_to_frame

Seed = int | np.random.Generator | None


class BenefitRatio(NamedTuple):
    """How fast features are learned, relative to the noise of one row: below 1 the noise is first.

    Attributes
    ----------
    shared : float
        R_K of the shared feature, all tasks together.
    specific : float
        S of a task's own feature.
    """

    shared: float
    specific: float


def benefit_ratio(
    n_tasks: int,
    n_samples: float,
    *,
    shared_probability: float = 0.7,
    shared_strength: float = 1.0,
    specific_strength: float = 5.0,
    noise: float = 3.5,
    power: float = 3.0,
) -> BenefitRatio:
    r"""Whether gradient descent learns the features before it memorises the noise.

    .. math:: R_K = K n p (\mu_v / s)^q, \qquad S = n (1 - p) (\mu_u / s)^q

    are the rates of early growth of the shared and the specific feature, over that of one row's noise. One task fails
    on rows with the shared feature and K tasks do not where :math:`R_1 \ll 1 \ll R_K` and :math:`S \gg 1`; then the
    accuracy of a task alone is about :math:`1 - p / 2`.

    Parameters
    ----------
    n_tasks : int
        K.
    n_samples : float
        n, rows of each task.
    shared_probability : float
        p, the share of rows with the shared feature.
    shared_strength, specific_strength, noise : float
        :math:`\mu_v`, :math:`\mu_u` and s, as in `make_shared_feature_tasks`.
    power : float
        q of the activation ``max(z, 0) ** q``.

    Returns
    -------
    BenefitRatio

    Notes
    -----
    Derived here, for the reconstruction that `make_shared_feature_tasks` draws; not a formula of the paper.

    Examples
    --------
    >>> from kinfolk.nets import benefit_ratio
    >>> [round(benefit_ratio(tasks, 30).shared, 1) for tasks in (1, 16)]
    [0.5, 7.8]
    """
    shared = n_tasks * n_samples * shared_probability * (shared_strength / noise) ** power
    return BenefitRatio(shared, n_samples * (1.0 - shared_probability) * (specific_strength / noise) ** power)


@dataclass(frozen=True)
class SharedFeatureTasks:
    """Rows of patches with the features that made them.

    Attributes
    ----------
    X : pandas.DataFrame of shape (n_rows, n_patches * patch_dim + 1)
        The patches of a row side by side, and the column ``task`` (labels 0 .. n_tasks - 1, in order).
    y : integer ndarray of shape (n_rows,)
        Classes -1 and 1.
    is_shared : boolean ndarray of shape (n_rows,)
        Whether the row holds the shared feature.
    shared : ndarray of shape (patch_dim,)
        Unit vector of the feature of all tasks.
    specific : ndarray of shape (n_tasks, patch_dim)
        Unit vectors of the features of each task, orthogonal to each other and to ``shared``.
    polarity : ndarray of shape (n_tasks,)
        Sign of the labels of each task.
    settings : dict
        ``n_patches, shared_probability, shared_strength, specific_strength, noise, feature_noise, shuffle``.
    """

    X: pd.DataFrame
    y: IntArray
    is_shared: BoolArray
    shared: FloatArray
    specific: FloatArray
    polarity: FloatArray
    settings: dict[str, Any]

    @property
    def alpha(self) -> float:
        """Strength of the shared feature over that of a specific one (the paper's alpha is not known to us)."""
        return float(self.settings["shared_strength"] / self.settings["specific_strength"])

    @property
    def patches(self) -> FloatArray:
        """The rows as ``(n_rows, n_patches, patch_dim)``."""
        rows: FloatArray = self.X.drop(columns="task").to_numpy()
        return rows.reshape(len(self.y), self.settings["n_patches"], -1)

    def sample(self, n_samples: int, random_state: Seed = None) -> SharedFeatureTasks:
        """Draw new rows of the same tasks, for testing.

        Parameters
        ----------
        n_samples : int
            Rows of every task.
        random_state : int, Generator or None, default=None
        """
        return _draw(
            self.shared,
            self.specific,
            self.polarity,
            np.arange(len(self.specific)),
            n_samples,
            np.random.default_rng(random_state),
            self.settings,
        )

    def unseen_task(self, n_samples: int, random_state: Seed = None) -> SharedFeatureTasks:
        """Draw rows of one task more, with a feature of its own; its label is the number of tasks.

        Parameters
        ----------
        n_samples : int
        random_state : int, Generator or None, default=None
        """
        generator = np.random.default_rng(random_state)
        known = np.vstack((self.shared, self.specific))
        if len(known) >= len(self.shared):
            raise InputError(f"patch_dim={len(self.shared)} leaves no direction for one task more than {len(known)}.")
        own = generator.standard_normal(len(self.shared))
        for _ in range(2):  # the second time for the rounding of the first
            own = own - known.T @ (known @ own)
        own = own / np.linalg.norm(own)
        label = np.array([len(self.specific)])
        return _draw(self.shared, own[None], np.ones(1), label, n_samples, generator, self.settings)


def make_shared_feature_tasks(
    n_tasks: int = 16,
    n_samples: int = 30,
    patch_dim: int = 400,
    n_patches: int = 2,
    *,
    shared_probability: float = 0.7,
    shared_strength: float = 1.0,
    specific_strength: float = 5.0,
    noise: float = 3.5,
    feature_noise: float = 0.0,
    label_polarity: Any = None,
    shuffle: bool = False,
    random_state: Seed = None,
) -> SharedFeatureTasks:
    r"""Classes told by one patch, which holds a feature of all tasks or one of the row's task; the rest is noise.

    .. math:: x_0 = y (g \mu_v v + (1 - g) \mu_u u_k), \qquad g \sim \mathrm{Bernoulli}(p), \qquad
              x_h = \xi_h + a \mu_u \zeta_h u_k, \quad \xi_h \sim N(0, \tfrac{s^2}{d} (I - P)), \quad h \ge 1,

    with :math:`v, u_1, \ldots, u_K` orthonormal, P the projection onto them, and random signs y and :math:`\zeta`.

    Parameters
    ----------
    n_tasks : int, default=16
        K.
    n_samples : int, default=30
        n, rows of every task.
    patch_dim : int, default=400
        d, at least ``n_tasks + 1``.
    n_patches : int, default=2
        H, at least 1; one of them holds the feature.
    shared_probability : float, default=0.7
        p, the share of rows with the shared feature.
    shared_strength, specific_strength : float, default=1, 5
        :math:`\mu_v` and :math:`\mu_u`.
    noise : float, default=3.5
        s, the norm of a patch of noise.
    feature_noise : float, default=0
        a: how much of the task's own feature is in the noise, with a random sign.
    label_polarity : (n_tasks,) signs, optional
        -1 for tasks whose labels are exchanged.
    shuffle : bool, default=False
        Put the patches of every row into random order.
    random_state : int, Generator or None, default=None

    Returns
    -------
    SharedFeatureTasks

    Raises
    ------
    InputError
        A size, probability or strength that makes no sense.

    Notes
    -----
    A reconstruction after Li, Chen, Deng, Kou, Cao and Gu, *On the Power of Multitask Representation Learning with
    Gradient Descent* (AISTATS 2025): that there are patches, H = 2, one feature patch, tasks of the same classes. The
    formulas and the defaults are not the paper's, whose definitions were not available.

    Examples
    --------
    >>> from kinfolk.nets import make_shared_feature_tasks
    >>> tasks = make_shared_feature_tasks(n_tasks=3, n_samples=10, patch_dim=20, random_state=0)
    >>> tasks.X.shape, tasks.patches.shape, tasks.specific.shape
    ((30, 41), (30, 2, 20), (3, 20))
    """
    for name, value, least in (("n_tasks", n_tasks, 1), ("n_samples", n_samples, 1), ("n_patches", n_patches, 1)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    if isinstance(patch_dim, bool) or not isinstance(patch_dim, Integral) or patch_dim < n_tasks + 1:
        raise InputError(f"patch_dim must be a whole number above n_tasks={n_tasks}, got {patch_dim!r}.")
    settings = {
        "shared_probability": shared_probability,
        "shared_strength": shared_strength,
        "specific_strength": specific_strength,
        "noise": noise,
        "feature_noise": feature_noise,
    }
    for name, value in settings.items():
        if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
            raise InputError(f"{name} must be zero or positive, got {value!r}.")
    if shared_probability > 1:
        raise InputError(f"shared_probability must be between 0 and 1, got {shared_probability!r}.")
    polarity = np.ones(n_tasks) if label_polarity is None else np.asarray(label_polarity, dtype=float)
    if polarity.shape != (n_tasks,) or not np.isin(polarity, (-1.0, 1.0)).all():
        raise InputError(f"label_polarity must be {n_tasks} signs (1 or -1), one per task, got {label_polarity!r}.")
    generator = np.random.default_rng(random_state)
    basis = np.linalg.qr(generator.standard_normal((patch_dim, n_tasks + 1)))[0].T
    return _draw(
        basis[0],
        basis[1:],
        polarity,
        np.arange(n_tasks),
        n_samples,
        generator,
        {"n_patches": int(n_patches), "shuffle": bool(shuffle)} | settings,
    )


def _draw(
    shared: FloatArray,
    specific: FloatArray,
    polarity: FloatArray,
    labels: IntArray,
    n_samples: int,
    generator: np.random.Generator,
    settings: dict[str, Any],
) -> SharedFeatureTasks:
    """Rows of tasks with the given features."""
    n_tasks, d = specific.shape
    n, n_noise = n_tasks * n_samples, settings["n_patches"] - 1
    task = np.repeat(np.arange(n_tasks), n_samples)
    y = generator.choice((-1, 1), size=n)
    is_shared = generator.random(n) < settings["shared_probability"]
    patches = np.empty((n, n_noise + 1, d), dtype=np.float32)
    strength = np.where(is_shared, settings["shared_strength"], settings["specific_strength"])
    patches[:, 0] = (polarity[task] * y * strength)[:, None] * np.where(is_shared[:, None], shared, specific[task])
    noise = generator.standard_normal((n, n_noise, d)) * (settings["noise"] / np.sqrt(d))
    features = np.vstack((shared, specific))
    noise -= (noise @ features.T) @ features
    if settings["feature_noise"] > 0:
        sign = generator.choice((-1.0, 1.0), size=(n, n_noise, 1))
        noise += settings["feature_noise"] * settings["specific_strength"] * sign * specific[task][:, None]
    patches[:, 1:] = noise
    if settings["shuffle"]:
        order = generator.permuted(np.tile(np.arange(n_noise + 1), (n, 1)), axis=1)
        patches = np.take_along_axis(patches, order[:, :, None], axis=1)
    X = patches_to_frame(patches, labels[task])
    return SharedFeatureTasks(X, y.astype(np.int64), is_shared, shared, specific, polarity, settings)
