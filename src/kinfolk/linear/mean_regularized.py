r"""What the mean-regularised regressor and classifier share: parameters, attributes, new tasks.

The normalisation is that of arXiv 2603.05060 as reconstructed from Evgeniou and Pontil (2004): with p features in units
of their standard deviation and a sum (not a mean) over rows,

.. math:: \min_{w_0, v_t, a_t} \; \sum_{ti} s_{ti} \, l(y_{ti}, a_t + x_{ti}^\top (w_0 + v_t))
          + \frac p2 \Bigl( \lambda_0 \|w_0\|^2 + \sum_t \lambda_v \|v_t\|^2 \Bigr),
          \qquad \lambda_0 = \lambda / c, \quad \lambda_v = \lambda / (1 - c) .

Eliminating :math:`w_0` leaves the penalty :math:`\tfrac p2 \operatorname{tr}(W^\top K^{-1} W)` with
:math:`K = \tfrac1\lambda ((1 - c) I + c 1 1^\top)`; any positive semi-definite K will do.
"""

from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.linear.strengths import AnyCoupling, CommonMean, Strengths
from kinfolk.linear.tuning import Judged, Problem, tuned
from kinfolk.result import FitResult, Status
from kinfolk.tasks import TaskData


class MeanRegularized:
    """Parameters and attributes of the mean-regularised methods; with more than two classes attributes are tuples."""

    coupling: Any
    lam: float | None
    c: float | None
    loss: str
    max_iter: int
    tol: float
    tasks_: LabelArray
    result_: Any
    _losses: tuple[str, ...]

    @property
    def lam_(self) -> Any:
        """The strength used, in standardised units; NaN for a coupling that is no common mean."""
        return self._each(lambda result: float(result.details["lam"][0]))

    @property
    def c_(self) -> Any:
        """The share of the common mean used; NaN for a coupling that is no common mean."""
        return self._each(lambda result: float(result.details["c"][0]))

    @property
    def coupling_(self) -> Any:
        """K (T, T), tasks in the order of ``tasks_``."""
        return self._each(self._coupling_of)

    @property
    def expected_error_(self) -> Any:
        """Expected error (T,) of a new row of each task, by leave-one-out."""
        return self._each(lambda result: result.details["expected_error"] * self._error_unit())

    def _error_unit(self) -> float:
        return 1.0

    def _coupling_of(self, result: FitResult) -> FloatArray:
        if "coupling" in result.details:
            return result.details["coupling"]
        lam, c = float(result.details["lam"][0]), float(result.details["c"][0])
        shared = np.full((len(self.tasks_), len(self.tasks_)), c / lam)
        shared[np.diag_indices(len(shared))] = 1.0 / lam
        return shared

    def _each(self, read: Callable[[FitResult], Any]) -> Any:
        check_is_fitted(self)
        return tuple(map(read, self.result_)) if isinstance(self.result_, tuple) else read(self.result_)

    def _check_strengths(self) -> None:
        if self.loss not in self._losses:
            raise InputError(f"loss must be one of {', '.join(map(repr, self._losses))}; got {self.loss!r}.")
        if self.lam is not None and not (_is_number(self.lam) and 0.0 < float(self.lam) < np.inf):
            raise InputError(f"lam must be None (chosen) or a number > 0; got {self.lam!r}.")
        if self.c is not None and not (_is_number(self.c) and 0.0 <= float(self.c) <= 1.0):
            raise InputError(f"c must be None (chosen) or from 0 to 1; got {self.c!r}.")
        if not isinstance(self.coupling, str) and (self.lam is not None or self.c is not None):
            raise InputError("coupling is a matrix, which says all that lam and c could: leave lam and c out.")
        if isinstance(self.coupling, str) and self.coupling != "auto":
            raise InputError(f"coupling must be 'auto' or a (T, T) matrix; got {self.coupling!r}.")
        if isinstance(self.max_iter, bool) or not isinstance(self.max_iter, Integral) or int(self.max_iter) < 1:
            raise InputError(f"max_iter must be a whole number >= 1; got {self.max_iter!r}.")
        if not _is_number(self.tol) or not 0.0 < float(self.tol) < np.inf:
            raise InputError(f"tol must be a number > 0; got {self.tol!r}.")

    def _fit(self, problem: Problem, data: TaskData) -> Judged:
        if isinstance(self.coupling, str):
            return tuned(problem, data, self.lam, self.c)
        return problem.judge(AnyCoupling(given_coupling(self.coupling, self.tasks_) / data.n_features))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def strength_details(strengths: Strengths, n_features: int) -> dict[str, FloatArray]:
    """What a result remembers of its strengths."""
    if isinstance(strengths, CommonMean):
        lam, c = strengths.parameters(n_features)
        return {"lam": np.array([lam]), "c": np.array([c])}
    nothing = np.array([np.nan])
    return {"lam": nothing, "c": nothing, "coupling": n_features * strengths.per_task}


def status_of(fit: Judged, loss: str) -> Status:
    """How the final fit ended."""
    if not fit.found.settled:
        return Status.MAX_ITER
    return Status.CLOSED_FORM if loss == "squared" and fit.n_fits == 1 else Status.CONVERGED


def joined_details(result: FitResult, known: LabelArray, tasks: LabelArray, n_features: int) -> FitResult:
    """Details of a model that also knows new tasks: their errors are not known, their coupling is a newcomer's."""
    place = np.searchsorted(tasks, known)
    errors = np.full(len(tasks), np.nan)
    errors[place] = result.details["expected_error"]
    details = dict(result.details) | {"expected_error": errors}
    if "coupling" in details:
        K = details["coupling"]
        weight, variance = AnyCoupling(K / n_features).newcomer()
        shared = np.full((len(tasks), len(tasks)), weight**2 * float(K.sum()))
        shared[np.diag_indices(len(tasks))] += n_features * variance
        shared[place] = weight * K.sum(axis=0)[:, None]
        shared[:, place] = weight * K.sum(axis=0)
        shared[np.ix_(place, place)] = K
        details["coupling"] = shared
    return replace(result, details=details)


def given_coupling(coupling: Any, tasks: LabelArray) -> FloatArray:
    """A user's K in the order of ``tasks``.

    Raises
    ------
    InputError
        It has the wrong shape, is not symmetric, finite or positive semi-definite, or a DataFrame lacks a task.
    """
    if isinstance(coupling, pd.DataFrame):
        lacking = [label for label in tasks.tolist() if label not in coupling.index or label not in coupling.columns]
        if lacking:
            raise InputError(f"coupling has no row or column for tasks {lacking[:5]}.")
        coupling = coupling.loc[list(tasks), list(tasks)]
    K = np.asarray(coupling, dtype=float)
    if K.shape != (len(tasks), len(tasks)):
        raise InputError(f"coupling must be ({len(tasks)}, {len(tasks)}), one row a task; it has shape {K.shape}.")
    if not np.isfinite(K).all() or not np.allclose(K, K.T):
        raise InputError("coupling must hold finite and symmetric numbers.")
    values = np.linalg.eigvalsh(K)
    if values[0] < -1e-8 * max(float(values[-1]), 0.0) or values[-1] <= 0.0:
        raise InputError(
            f"coupling must be positive semi-definite and not zero; its eigenvalues go from {values[0]:.3g} to "
            f"{values[-1]:.3g}."
        )
    return np.asarray(0.5 * (K + K.T))
