r"""Tasks that learn by themselves from a stream: normalised steps, robust residuals, running means, changes noticed.

One row (u, y) moves the coefficients of its task by

.. math:: w \leftarrow w - \frac{\mu}{\ell \max(\|u\|^2, p)}\, \psi(e)\, u, \qquad
          e = \frac{\partial}{\partial \eta} Q(\eta, y) \Bigr|_{\eta = u^\top w},

with p the running mean of :math:`\|u\|^2`, :math:`\ell` the largest curvature of the loss (1 squared, 1/4 logistic) and
:math:`\psi` a clip at 2.5 robust standard deviations of the residuals (squared loss). No row moves the predictor of its
own features past their target for :math:`\mu \le 1`, whatever their units. This is NLMS (Nagumo and Noda 1967), with
the step of LMS where features are small. The first rows of a task, and those after a change, count as in an average:
their step is M / n where that is more than :math:`\mu`, up to 1/2.

Around a fixed truth such iterates vary, for small steps, with covariance :math:`s I`,

.. math:: s = \frac{v}{2} \frac{E g^2 \|u\|^2}{E g \|u\|^2}, \qquad g = \frac{\mu}{\ell \max(\|u\|^2, p)}, \qquad
          v = E e^2 \text{ (squared)}, \quad v = E e^2 / E\, \pi (1 - \pi) \text{ (logistic)} ,

whatever the covariance of the features (Lyapunov equation of the linearised recursion; arXiv 2608.26989, the
approximation behind its Theorem 1). For the error of a row before its step, which contains that of the iterate, the
formula holds to first order in :math:`\mu / p` for any number of features.
"""

from dataclasses import dataclass, field, fields

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray, IntArray

CLIP = 2.5  # robust standard deviations
_MEDIAN = 0.6745  # of |N(0, 1)|
_LEAST = 0.2  # of the root mean square of all residuals: scale where most residuals are zero
_FIRST = 0.5  # largest step by which a task finds its place
_FRESH = 3.0  # weight of later rows in running means: what the first ones did is forgotten as n^-3
_DRIFT = 0.02  # of the robust scale in a row
_RECENT = 20  # rows in which a change must show
_LONG = 400  # rows, at least, that a change is held against
_JUMP = 2.5  # times the mean squared clipped residual (at most 6.25): the task has changed
_CURVATURE = {"squared": 1.0, "logistic": 0.25}

Rows = IntArray | slice


@dataclass(eq=False)
class Learner:
    r"""K tasks, each with its own iterate and what it remembers of its rows.

    Attributes
    ----------
    loss : {"squared", "logistic"}
    step : float
        :math:`\mu`, relative to the largest step that does not overshoot.
    own : (K, M) array
        Iterates.
    mean : (K, M) array
        Running means of the iterates since the last change, later ones with more weight.
    power : (K,) array
        p.
    drive, jitter : (K,) arrays
        Running means of ``g |u|^2`` and ``g^2 |u|^2`` for a step of one.
    level : (K,) array
        Half the step where it is constant; from ``q <- q + 2 (step / M) (step / 2 - q)`` where it falls.
    scale : (K,) array
        Running median of the absolute residuals, over 0.6745.
    size : (K,) array
        Running mean of squared residuals as they come.
    error : (K,) array
        Running mean of squared clipped residuals.
    recent, usual : (K,) arrays
        The same over about 20 rows, and over up to 400.
    spread : (K,) array
        Running mean of the curvature of the loss.
    n : (K,) integers
        Rows since the last change.
    total : (K,) integers
        Rows.
    """

    loss: str
    step: float
    own: FloatArray
    mean: FloatArray = field(init=False)
    power: FloatArray = field(init=False)
    drive: FloatArray = field(init=False)
    jitter: FloatArray = field(init=False)
    level: FloatArray = field(init=False)
    scale: FloatArray = field(init=False)
    size: FloatArray = field(init=False)
    error: FloatArray = field(init=False)
    recent: FloatArray = field(init=False)
    usual: FloatArray = field(init=False)
    spread: FloatArray = field(init=False)
    n: IntArray = field(init=False)
    total: IntArray = field(init=False)

    def __post_init__(self) -> None:
        """Nothing seen yet."""
        K = len(self.own)
        self.mean = self.own.copy()
        self.power, self.drive, self.jitter, self.level = np.zeros((4, K))
        self.scale, self.size, self.error, self.recent, self.usual, self.spread = np.zeros((6, K))
        self.n, self.total = np.zeros((2, K), dtype=np.int64)

    @classmethod
    def start(cls, own: FloatArray, *, loss: str, step: float) -> "Learner":
        """Tasks that have seen nothing."""
        return cls(loss, step, own.copy())

    def join(self, others: "Learner") -> None:
        """More tasks, after these."""
        for name in self.arrays():
            setattr(self, name, np.concatenate((getattr(self, name), getattr(others, name))))

    @staticmethod
    def arrays() -> list[str]:
        """Names of what is remembered of each task."""
        return [each.name for each in fields(Learner) if each.name not in ("loss", "step")]

    @property
    def time_constant(self) -> float:
        """Rows in which an iterate forgets at its final step, ``M / step`` for features of equal variance."""
        return float(self.own.shape[1] / self.step)

    def learn(self, tasks: Rows, U: FloatArray, y: FloatArray, weights: FloatArray | None = None) -> IntArray:
        """One row for each of some different tasks.

        Parameters
        ----------
        tasks : (m,) integers or slice
        U : (m, M) array
        y : (m,) array
            0 and 1 for the logistic loss.
        weights : (m,) array, optional
            Of the rows: factors of their steps, which stay below 1 all the same.

        Returns
        -------
        (c,) integers
            Tasks that have changed: their running means start anew.
        """
        eta = (U * self.own[tasks]).sum(axis=1)
        self._remember(tasks, U, residual(self.loss, eta, y), eta)
        w = self.moved(self.own[tasks], tasks, U, y, weights)
        self.own[tasks] = w
        n = self.n[tasks] + 1
        self.n[tasks], self.total[tasks] = n, self.total[tasks] + 1
        late = np.maximum(2.0 / (n + 1.0), 1.0 / (10.0 * self.time_constant))
        mean = self.mean[tasks]
        self.mean[tasks] = mean + late[:, None] * (w - mean)
        return self._changes(tasks, n)

    def late(self, tasks: Rows) -> FloatArray:
        """Weight of the next row in running means that are long."""
        longest = max(4.0 * self.time_constant, float(_LONG))
        weight: FloatArray = np.maximum(_FRESH / (self.n[tasks] + _FRESH), 1.0 / longest)
        return weight

    def clipped(self, w: FloatArray, tasks: Rows, U: FloatArray, y: FloatArray) -> FloatArray:
        """Residuals ``(m,)`` of some coefficients, as far as they count."""
        reach = self._reach(tasks)
        e: FloatArray = np.clip(residual(self.loss, (U * w).sum(axis=1), y), -reach, reach)
        return e

    def moved(
        self, w: FloatArray, tasks: Rows, U: FloatArray, y: FloatArray, weights: FloatArray | None = None
    ) -> FloatArray:
        """Coefficients ``(m, M)`` of some tasks after a step with a row that was remembered."""
        e = self.clipped(w, tasks, U, y)
        steps = self.steps(tasks)
        if weights is not None:
            steps = np.minimum(steps * weights, 1.0)
        gain = steps * self._inverse(tasks, (U**2).sum(axis=1))
        after: FloatArray = w - (gain * e)[:, None] * U
        return after

    def steps(self, tasks: Rows) -> FloatArray:
        """The step of the next row: the first rows of a task, and those after a change, count as in an average."""
        M = self.own.shape[1]
        steps: FloatArray = np.maximum(self.step, np.minimum(_FIRST, M / (self.n[tasks] + 1.0)))
        return steps

    def _inverse(self, tasks: Rows, squares: FloatArray) -> FloatArray:
        """The gain g of rows with these squared lengths, for each unit of the step."""
        inverse: FloatArray = 1.0 / (_CURVATURE[self.loss] * np.maximum(squares, self.power[tasks]))
        return inverse

    def _reach(self, tasks: Rows) -> FloatArray:
        """How far a residual counts."""
        if self.loss == "logistic":
            return np.ones(len(self.scale[tasks]))
        reach: FloatArray = CLIP * np.maximum(self.scale[tasks], _LEAST * np.sqrt(self.size[tasks]))
        return reach

    def _remember(self, tasks: Rows, U: FloatArray, e: FloatArray, eta: FloatArray) -> None:
        """Update what residuals and features look like."""
        n, late = self.n[tasks] + 1.0, self.late(tasks)
        squares = (U**2).sum(axis=1)
        power = self.power[tasks] + late * (squares - self.power[tasks])
        self.power[tasks] = np.where(power > 0.0, power, 1.0)
        inverse, steps = self._inverse(tasks, squares), self.steps(tasks)
        self.drive[tasks] += late * (inverse * squares - self.drive[tasks])
        self.jitter[tasks] += late * (inverse**2 * squares - self.jitter[tasks])
        forgotten = np.minimum(2.0 * steps / self.own.shape[1], 1.0)
        self.level[tasks] += forgotten * (0.5 * steps - self.level[tasks])
        self.size[tasks] += late * (e**2 - self.size[tasks])
        if self.loss == "squared":
            scale = np.where(self.scale[tasks] > 0.0, self.scale[tasks], np.abs(e) / _MEDIAN)
            up = np.where(
                np.abs(e) > (1.0 + 1e-9) * _MEDIAN * scale, 1.0, -1.0
            )  # a tie, as at first, is one in any unit
            self.scale[tasks] = scale * np.exp(up * np.maximum(1.0 / n, _DRIFT))
            curvature = np.ones(len(e))
        else:
            curvature = expit(eta) * expit(-eta)
        reach = self._reach(tasks)
        squared = np.minimum(np.abs(e), reach) ** 2
        self.error[tasks] += late * (squared - self.error[tasks])
        self.spread[tasks] += late * (curvature - self.spread[tasks])
        self.recent[tasks] += np.maximum(1.0 / n, 1.0 / _RECENT) * (squared - self.recent[tasks])
        self.usual[tasks] += np.maximum(1.0 / n, 1.0 / _LONG) * (squared - self.usual[tasks])

    def _changes(self, tasks: Rows, n: IntArray) -> IntArray:
        every = np.arange(len(self.n))[tasks]
        settled = n > max(4.0 * self.time_constant, 2.0 * _RECENT)
        changed: IntArray = every[settled & (self.recent[tasks] > _JUMP * self.usual[tasks])]
        self.n[changed] = 0
        return changed

    @property
    def pace(self) -> FloatArray:
        """Mean plain step of every task now, ``(K,)``."""
        return self.steps(slice(None)) * self._per_step

    @property
    def _per_step(self) -> FloatArray:
        return np.divide(self.jitter, self.drive, out=np.zeros_like(self.drive), where=self.drive > 0.0)

    @property
    def noise(self) -> FloatArray:
        """Variance s of a coordinate of the iterates about their truth, ``(K,)``."""
        v = self.error
        if self.loss == "logistic":
            v = np.divide(v, self.spread, out=np.ones_like(v), where=self.spread > 0.0)
        noise: FloatArray = self.level * self._per_step * v
        return noise

    @property
    def mean_noise(self) -> FloatArray:
        """The same of the running means: ``s min(1, 2 M / (step n))``."""
        n = np.minimum(np.maximum(self.n, 1), 10.0 * self.time_constant)
        shorter: FloatArray = self.noise * np.minimum(1.0, 2.0 * self.time_constant / n)
        return shorter


def residual(loss: str, eta: FloatArray, y: FloatArray) -> FloatArray:
    """Derivative of the loss by the linear predictor."""
    found: FloatArray = (eta if loss == "squared" else expit(eta)) - y
    return found
