r"""What a target study may be fitted by, each with the errors of its held-out rows on one shared set of folds.

- *target*: reduced-rank ridge regression of the target alone;
- *source*: the source's coefficients with the target's intercepts;
- *offset*: the source's coefficients plus a share of the reduced-rank ridge regression of what they leave over (all of
  it, a half or a quarter: a compromise between the source and the target's own fit);
- *l1*: spectral transfer, see `kinfolk.transfer.objective`;
- *ridge*: the graded ridge

  .. math:: \min_C \frac{1}{2n} \|Y - X C\|_F^2
            + \frac{\tau}{2} (\|U_\perp^\top C\|_F^2 + \|C V_\perp\|_F^2) , \qquad \mathrm{rank}(C) \le r ,

  with :math:`U_\perp, V_\perp` everything but the free source directions; truncated to rank r in the metric of the
  fit. It does not depend on the basis outside the free directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kinfolk._typing import FloatArray
from kinfolk.transfer.coordinates import Coordinates
from kinfolk.transfer.factors import Factors, Sums, evaluate
from kinfolk.transfer.held_out import Folds, cross_validate
from kinfolk.transfer.path import Free, follow, free_grid, penalty_grid
from kinfolk.transfer.reduced_rank import Grams
from kinfolk.transfer.responses import ALPHAS, Responses

_STRENGTHS: FloatArray = np.logspace(-3.0, 2.0, 6)  # of the graded ridge, in multiples of the features' mean variance

_SHARES = (1.0, 0.5, 0.25)  # of an offset


@dataclass(frozen=True)
class Candidate:
    """One way to fit, and how it did.

    Attributes
    ----------
    kind : {"target", "source", "offset", "l1", "ridge"}
    source : str
        Name of the source; empty for the target alone.
    free : (int, int)
        Source directions that cost nothing, among features and responses.
    strength : float
        Ridge strength or l1 penalty, in standardised units.
    rank : int
    errors : (folds,) array
        Sum of squared errors of each fold.
    share : float, default=1.0
        Which part of an offset is used: ``C_0 + share * offset``.
    """

    kind: str
    source: str
    free: Free
    strength: float
    rank: int
    errors: FloatArray
    share: float = 1.0


@dataclass(frozen=True)
class Setting:
    """A study in the coordinates of one source: Gram matrices of training rows, and the held-out rows.

    Attributes
    ----------
    name : str
    study : Responses
    at : Coordinates
    Z : (n, k) array
    trainings : list of Grams
        One a fold, then one of all rows.
    held_out : Sums or None
        Sums (not divided) of the held-out rows about the means of their training rows; None where responses
        are missing.
    folds : sequence of (train, test)
    """

    name: str
    study: Responses
    at: Coordinates
    Z: FloatArray
    trainings: list[Grams]
    held_out: Sums | None
    folds: Folds

    @classmethod
    def of(cls, name: str, study: Responses, at: Coordinates, folds: Folds, filled: Sequence[FloatArray]) -> "Setting":
        """From the completed responses of every fold's training rows and, last, of all rows."""
        Z = study.Z @ at.U
        every = np.arange(len(Z))
        rows = [*(train for train, _ in folds), every]
        trainings = [study.grams(Z, Y @ at.V, train) for train, Y in zip(rows, filled, strict=True)]
        held_out = None
        if study.complete:
            parts = [study.grams(Z, study.Y @ at.V, test) for _, test in folds]
            held_out = _stack([_about(p, t) for p, t in zip(parts, trainings[:-1], strict=True)])
        return cls(name, study, at, Z, trainings, held_out, folds)

    def sums(self, *, whole: bool) -> Sums:
        """Of all rows, or of the training rows of every fold."""
        grams = self.trainings[-1:] if whole else self.trainings[:-1]
        return _stack([(g.S / g.n, g.M / g.n, float(g.yy.sum()) / g.n) for g in grams])

    def errors_of_factors(self, fits: Factors) -> FloatArray:
        """Sums of squared errors ``(folds, G)``."""
        if self.held_out is not None:
            nothing = np.zeros((1, 1, 1))
            return 2.0 * evaluate(self.held_out, fits, nothing, nothing)
        loaded, across = fits.U * fits.d[..., None], fits.V @ self.at.V.T
        errors = np.empty(fits.d.shape[:2])
        for f in range(len(errors)):
            errors[f] = [self._rows(f, u.T @ v) for u, v in zip(loaded[f], across[f], strict=True)]
        return errors

    def errors_of_ranks(self, f: int, loaded: FloatArray, V: FloatArray) -> FloatArray:
        """Sums of squared errors of one fold for rank 0, 1, ...: coefficients ``loaded[:, :r] @ V[:, :r].T``."""
        if self.held_out is None:
            return np.array([self._rows(f, loaded[:, :r] @ (self.at.V @ V[:, :r]).T) for r in range(V.shape[1] + 1)])
        S, M, yy = self.held_out.S[f], self.held_out.M[f], self.held_out.yy[f]
        steps = np.einsum("kr,kr->r", S @ loaded - 2.0 * (M @ V), loaded)
        errors: FloatArray = yy + np.concatenate(([0.0], np.cumsum(steps)))
        return errors

    def _rows(self, f: int, coef: FloatArray) -> float:
        return float(self.by_response(f, coef).sum())

    def by_response(self, f: int, coef: FloatArray) -> FloatArray:
        """Sums of squared errors of the held-out rows that were seen, for coefficients ``(k, q)`` of one fold."""
        test, training = self.folds[f][1], self.trainings[f]
        y_mean = self.at.V @ training.y_mean
        predicted = y_mean + (self.Z[test] - training.x_mean) @ coef
        residual = np.where(self.study.seen[test], self.study.Y[test] - predicted, 0.0)
        errors: FloatArray = self.study.weights[test] @ residual**2
        return errors


def target_candidates(study: Responses, Z: FloatArray, folds: Folds, ranks: Sequence[int] | None) -> list[Candidate]:
    """Reduced-rank ridge regressions of a study: the best rank of those given (None: of all) for each strength."""
    alphas = ALPHAS * study.n
    errors = cross_validate(study, Z, folds, alphas)[:, :, 0]
    starts = [Candidate("target", "", (0, 0), float(alpha), 0, errors[:, i, 0]) for i, alpha in enumerate(alphas)]
    return [_best_rank(errors[:, i], ranks, start) for i, start in enumerate(starts)]


def offset_candidates(study: Responses, Z: FloatArray, folds: Folds, name: str, coef: FloatArray) -> list[Candidate]:
    """The source's coefficients ``(p, q)`` as they are, and with a regression of what they leave over."""
    alphas = ALPHAS * study.n
    errors = cross_validate(left_over(study, coef), Z, folds, alphas, _SHARES)
    found = [Candidate("source", name, (0, 0), float(alphas[-1]), 0, errors[:, -1, 0, 0])]
    for i, alpha in enumerate(alphas):
        for j, share in enumerate(_SHARES):
            start = Candidate("offset", name, (0, 0), float(alpha), 0, errors[:, i, j, 0], share)
            found.append(_best_rank(errors[:, i, j], None, start))
    return found


def left_over(study: Responses, coef: FloatArray) -> Responses:
    """The study whose responses are what coefficients ``(p, q)`` leave over."""
    return replace(study, Y=np.where(study.seen, study.Y - study.Z @ coef, 0.0))


def l1_candidates(setting: Setting, free: Sequence[Free], rank: int) -> list[Candidate]:
    """Spectral transfer for every number of free directions and penalty."""
    penalties = penalty_grid(setting.sums(whole=True), rank, free)
    path = follow(setting.sums(whole=False), rank, free, penalties)
    found = []
    for i, fit in enumerate(path.fits):
        errors = setting.errors_of_factors(fit)
        found += [
            Candidate("l1", setting.name, one, float(penalties[g, i]), rank, errors[:, g]) for g, one in enumerate(free)
        ]
    return found


def graded_candidates(setting: Setting, free: Sequence[Free], ranks: Sequence[int] | None) -> list[Candidate]:
    """Graded ridge for every number of free directions and strength: the best rank of those given for each."""
    whole = setting.sums(whole=True).S[0]
    strengths = _STRENGTHS * float(np.trace(whole)) / len(whole)
    sums, found = setting.sums(whole=False), []
    for one in free:
        for strength in strengths:
            errors = []
            for f, (S, M) in enumerate(zip(sums.S, sums.M, strict=True)):
                coef = graded_ridge(S, M, one, float(strength))
                V = np.linalg.eigh(coef.T @ S @ coef)[1][:, ::-1]
                errors.append(setting.errors_of_ranks(f, coef @ V, V))
            start = Candidate("ridge", setting.name, one, float(strength), 0, errors[0])
            found.append(_best_rank(np.array(errors), ranks, start))
    return found


def graded_ridge(S: FloatArray, M: FloatArray, free: Free, strength: float) -> FloatArray:
    """Coefficients ``(k, l)`` of the graded ridge in source coordinates, before any truncation."""
    penalty = np.where(np.arange(len(S)) < free[0], 0.0, strength)
    coef = np.empty_like(M)
    floor = 1e-10 * float(np.trace(S)) / len(S)
    for columns, extra in ((slice(None, free[1]), floor), (slice(free[1], None), strength)):
        coef[:, columns] = cho_solve(cho_factor(S + np.diag(penalty + extra)), M[:, columns])
    return coef


def truncated(S: FloatArray, coef: FloatArray, rank: int) -> FloatArray:
    """The nearest coefficients of a rank, in the metric of the fitted values."""
    V = np.linalg.eigh(coef.T @ S @ coef)[1][:, ::-1][:, :rank]
    nearest: FloatArray = coef @ V @ V.T
    return nearest


def free_for_l1(at: Coordinates, rank: int) -> list[Free]:
    """Numbers of free directions for spectral transfer."""
    k, q = at.U.shape[1], at.V.shape[1]
    return [(min(n, k), min(n, q)) for n in free_grid(rank, max(at.known_u, at.known_v), max(k, q))]


def free_for_ridge(at: Coordinates, rank: int) -> list[Free]:
    """Numbers of free directions for the graded ridge: few of them, in octaves."""
    known = max(at.known_u, at.known_v)
    numbers = {min(size, known) for size in (rank, 2 * rank, 4 * rank, known) if size > 0}
    return [(min(n, at.U.shape[1]), min(n, at.V.shape[1])) for n in sorted(numbers)]


def _best_rank(errors: FloatArray, ranks: Sequence[int] | None, start: Candidate) -> Candidate:
    """The candidate of the rank with the smallest total of errors ``(folds, ranks)``."""
    among = range(errors.shape[1]) if ranks is None else [r for r in ranks if r < errors.shape[1]]
    rank = min(among, key=lambda r: (float(errors[:, r].sum()), r))
    return replace(start, rank=rank, errors=errors[:, rank])


def _about(part: Grams, training: Grams) -> tuple[FloatArray, FloatArray, float]:
    """Sums of the rows of ``part`` about the means of their training rows."""
    x, y = part.x_mean - training.x_mean, part.y_mean - training.y_mean
    yy = float(part.yy.sum() + part.n * (y @ y))
    return part.S + part.n * np.outer(x, x), part.M + part.n * np.outer(x, y), yy


def _stack(parts: Sequence[tuple[FloatArray, FloatArray, float]]) -> Sums:
    S, M, yy = zip(*parts, strict=True)
    return Sums(np.array(S), np.array(M), np.array(yy))
