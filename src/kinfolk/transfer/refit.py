"""The selected candidate, fitted to all rows (or to the training rows of every fold)."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.transfer.candidates import Candidate, Setting, graded_ridge, left_over, truncated
from kinfolk.transfer.factors import Factors, Sums
from kinfolk.transfer.held_out import Folds, fit_all
from kinfolk.transfer.path import Path, follow, penalty_grid
from kinfolk.transfer.reduced_rank import Grams, Spectral
from kinfolk.transfer.responses import Responses


@dataclass(frozen=True)
class Refit:
    """A fit to all rows, in standardised units.

    Attributes
    ----------
    coef : (p, q) array
    offset : (q,) array
        Intercepts.
    factors : Factors or None
        Of spectral transfer, in source coordinates.
    n_iter : int
        Sweeps of the solver, or turns of EM for missing responses.
    settled : bool
    """

    coef: FloatArray
    offset: FloatArray
    factors: Factors | None
    n_iter: int
    settled: bool


def refit(candidate: Candidate, study: Responses, setting: Setting | None, Z: FloatArray, max_iter: int) -> Refit:
    """Fit a candidate to all rows; missing responses are filled in by EM under the candidate itself.

    Parameters
    ----------
    candidate : Candidate
    study : Responses
    setting : Setting or None
        Of the candidate's source; None for the target alone.
    Z : (n, k) array
        The study's features in a basis of their row space, see `Responses.row_space`.
    max_iter : int
    """
    if candidate.kind in ("target", "source", "offset"):
        start = _start(study, setting)
        rest = left_over(study, start)
        coef, offset, _, turns, settled = fit_all(rest, Z, candidate.strength, candidate.rank, max_iter)
        basis = study.row_space()
        return Refit(start + (coef if basis is None else basis @ coef), offset, None, turns, settled)
    assert setting is not None
    return _in_coordinates(candidate, study, setting, max_iter)


def _in_coordinates(candidate: Candidate, study: Responses, setting: Setting, max_iter: int) -> Refit:
    at, grams, Y = setting.at, setting.trainings[-1], study.Y
    spread = max(float(np.sqrt(np.mean(Y**2))), 1e-300)
    for turn in range(1, max_iter + 1):
        (inner,), path = _solve(candidate, [grams], max_iter, 1e-6)
        coef = at.U @ inner @ at.V.T
        offset = at.V @ grams.y_mean - (grams.x_mean @ inner) @ at.V.T
        if study.complete:
            break
        predicted = np.where(study.seen, study.Y, offset + study.Z @ coef)
        change, Y = float(np.abs(predicted - Y)[~study.seen].max()), predicted
        grams = study.grams(setting.Z, Y @ at.V)
        if turn > 1 and change < 1e-4 * spread:
            break
    else:
        return Refit(coef, offset, None if path is None else path.fits[0], max_iter, False)
    if path is None:
        return Refit(coef, offset, None, turn, True)
    return Refit(coef, offset, path.fits[0], max(turn, path.sweeps), path.settled)


def _solve(candidate: Candidate, grams: list[Grams], max_iter: int, tol: float) -> tuple[FloatArray, Path | None]:
    """Coefficients ``(F, k, l)`` in source coordinates, and the end of the path that led there."""
    S, M = np.array([part.S / part.n for part in grams]), np.array([part.M / part.n for part in grams])
    if candidate.kind == "ridge":
        fits = [graded_ridge(s, m, candidate.free, candidate.strength) for s, m in zip(S, M, strict=True)]
        return np.array([truncated(s, fit, candidate.rank) for s, fit in zip(S, fits, strict=True)]), None
    sums = Sums(S, M, np.array([float(part.yy.sum()) / part.n for part in grams]))
    grid = penalty_grid(sums, candidate.rank, [candidate.free])[0]
    larger, smaller = (grid[sign * (grid - candidate.strength) > 1e-9 * candidate.strength] for sign in (1.0, -1.0))
    penalties = np.concatenate((larger, [candidate.strength], smaller))
    path = follow(sums, candidate.rank, [candidate.free], penalties[None], tol=tol, max_iter=max_iter)
    fit = path.fits[len(larger)]
    coef: FloatArray = (fit.U[:, 0].swapaxes(1, 2) * fit.d[:, 0, None]) @ fit.V[:, 0]
    return coef, Path([fit], path.sweeps, path.settled)


def errors_by_response(
    candidate: Candidate,
    study: Responses,
    setting: Setting | None,
    Z: FloatArray,
    folds: Folds,
    filled: list[FloatArray],
) -> FloatArray:
    """Sums of squared errors of the held-out rows that were seen, ``(folds, q)``.

    Parameters
    ----------
    candidate, study, setting, Z
        As in `refit`.
    folds : sequence of (train, test)
    filled : list of (n, q) arrays
        As `fill_folds` gives them.
    """
    if candidate.kind in ("l1", "ridge"):
        assert setting is not None
        fits, _ = _solve(candidate, setting.trainings[:-1], 500, 3e-4)
        return np.array([setting.by_response(f, fit @ setting.at.V.T) for f, fit in enumerate(fits)])
    errors, start = np.empty((len(folds), study.Y.shape[1])), _start(study, setting)
    for f, (train, test) in enumerate(folds):
        grams = study.grams(Z, filled[f] - study.Z @ start, train)
        loaded, V, _ = Spectral(grams).fit(candidate.strength)
        coef = loaded[:, : candidate.rank] @ V[:, : candidate.rank].T
        predicted = study.Z[test] @ start + grams.y_mean + (Z[test] - grams.x_mean) @ coef
        residual = np.where(study.seen[test], study.Y[test] - predicted, 0.0)
        errors[f] = study.weights[test] @ residual**2
    return errors


def _start(study: Responses, setting: Setting | None) -> FloatArray:
    """Coefficients ``(p, q)`` that a ridge adds to: the source's, or none."""
    if setting is None:
        return np.zeros((study.Z.shape[1], study.Y.shape[1]))
    assert setting.at.coef is not None
    return setting.at.U @ setting.at.coef @ setting.at.V.T
