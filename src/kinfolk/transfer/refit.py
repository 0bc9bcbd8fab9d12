"""The selected candidates, fitted to all rows, and their average."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.transfer.candidates import Candidate, Setting, graded_ridge, truncated
from kinfolk.transfer.factors import Factors, Sums
from kinfolk.transfer.held_out import Folds
from kinfolk.transfer.missing import Accelerated
from kinfolk.transfer.path import follow
from kinfolk.transfer.reduced_rank import Grams, Spectral
from kinfolk.transfer.responses import Responses
from kinfolk.transfer.selection import Selection


@dataclass(frozen=True)
class Refit:
    """A fit to all rows, in standardised units.

    Attributes
    ----------
    coef : (p, q) array
        Average over the candidates by their weights.
    offset : (q,) array
        Intercepts.
    leading : (p, q) array
        Coefficients of the selected candidate alone.
    factors : Factors or None
        Of the selected candidate, when it is spectral transfer, in source coordinates.
    n_iter : int
        Sweeps of the solver, or turns of EM for missing responses.
    settled : bool
    """

    coef: FloatArray
    offset: FloatArray
    leading: FloatArray
    factors: Factors | None
    n_iter: int
    settled: bool


@dataclass(frozen=True)
class _Fit:
    candidate: Candidate
    weight: float
    coef: FloatArray
    factors: Factors | None = None
    sweeps: int = 1
    settled: bool = True


def refit(chosen: Selection, study: Responses, settings: Mapping[str, Setting], max_iter: int) -> Refit:
    """Fit every candidate that has a weight to all rows, and average.

    Missing responses are filled in by EM: the E-step puts the prediction of the average in their place.

    Parameters
    ----------
    chosen : Selection
    study : Responses
    settings : mapping of source to Setting
    max_iter : int
    """
    basis = study.row_space()
    Z = study.Z if basis is None else study.Z @ basis
    Y = chosen.filled[-1]
    spread = max(float(np.sqrt(np.mean(Y**2))), 1e-300)
    turn, filled, ahead, missing = 0, study.complete, Accelerated(), ~study.seen
    while True:
        turn += 1
        last = filled or turn == max_iter
        fits = list(_fits(chosen, study, settings, Z, basis, Y, max_iter, 1e-6 if last else 1e-5))
        coef = sum((one.weight * one.coef for one in fits), np.zeros_like(fits[0].coef))
        grams = study.grams(Z, Y)
        x_mean = grams.x_mean if basis is None else basis @ grams.x_mean
        offset = grams.y_mean - x_mean @ coef
        if last:
            break
        predicted = (offset + study.Z @ coef)[missing]
        filled = float(np.abs(predicted - Y[missing]).max()) < 1e-4 * spread
        Y = Y.copy()
        Y[missing] = predicted if filled else ahead(Y[missing], predicted)
    (leading,) = [one for one in fits if one.candidate is chosen.selected]
    sweeps = max(turn, *(one.sweeps for one in fits))
    settled = filled and leading.settled
    return Refit(coef, offset, leading.coef, leading.factors, sweeps, settled)


def errors_by_response(
    candidate: Candidate, chosen: Selection, study: Responses, settings: Mapping[str, Setting], folds: Folds
) -> FloatArray:
    """Sums of squared errors of the held-out rows that were seen, ``(folds, q)``, for one candidate."""
    setting = settings.get(candidate.source)
    if candidate.kind in ("l1", "ridge"):
        assert setting is not None
        if candidate.kind == "l1":
            ((_, inner, _, _),) = _paths(chosen, setting, setting.trainings[:-1], [candidate])
        else:
            inner = np.array([_ridge(candidate, part) for part in setting.trainings[:-1]])
        return np.array([setting.by_response(f, coef @ setting.at.V.T) for f, coef in enumerate(inner)])
    basis = study.row_space()
    Z = study.Z if basis is None else study.Z @ basis
    errors, start = np.empty((len(folds), study.Y.shape[1])), _start(study, setting)
    for f, (train, test) in enumerate(folds):
        grams = study.grams(Z, chosen.filled[f] - study.Z @ start, train)
        coef = _regression(candidate, Spectral(grams))
        predicted = study.Z[test] @ start + grams.y_mean + (Z[test] - grams.x_mean) @ coef
        residual = np.where(study.seen[test], study.Y[test] - predicted, 0.0)
        errors[f] = study.weights[test] @ residual**2
    return errors


def _fits(
    chosen: Selection,
    study: Responses,
    settings: Mapping[str, Setting],
    Z: FloatArray,
    basis: FloatArray | None,
    Y: FloatArray,
    max_iter: int,
    tol: float,
) -> Iterator[_Fit]:
    """Every candidate that has a weight, fitted to complete responses."""
    weights = {id(one): float(w) for one, w in zip(chosen.candidates, chosen.mixture, strict=True) if w > 0.0}
    for name in ("", *settings):
        mine = [one for one in chosen.candidates if one.source == name and id(one) in weights]
        setting = settings.get(name)
        regressions = [one for one in mine if one.kind not in ("l1", "ridge")]
        if regressions:
            start = _start(study, setting)
            spectral = Spectral(study.grams(Z, Y - study.Z @ start))
            for one in regressions:
                coef = _regression(one, spectral)
                yield _Fit(one, weights[id(one)], start + (coef if basis is None else basis @ coef))
        if setting is None:
            continue
        at, grams = setting.at, study.grams(setting.Z, Y @ setting.at.V)
        for one in mine:
            if one.kind == "ridge":
                yield _Fit(one, weights[id(one)], at.U @ _ridge(one, grams) @ at.V.T)
        paths = [one for one in mine if one.kind == "l1"]
        if paths:
            for one, inner, factors, ended in _paths(chosen, setting, [grams], paths, tol=tol, max_iter=max_iter):
                yield _Fit(one, weights[id(one)], at.U @ inner[0] @ at.V.T, factors, *ended)


def _regression(candidate: Candidate, spectral: Spectral) -> FloatArray:
    loaded, V, _ = spectral.fit(candidate.strength)
    coef: FloatArray = candidate.share * loaded[:, : candidate.rank] @ V[:, : candidate.rank].T
    return coef


def _ridge(candidate: Candidate, grams: Grams) -> FloatArray:
    S, M = grams.S / grams.n, grams.M / grams.n
    return truncated(S, graded_ridge(S, M, candidate.free, candidate.strength), candidate.rank)


def _paths(
    chosen: Selection, setting: Setting, grams: Sequence[Grams], wanted: Sequence[Candidate], **how: Any
) -> Iterator[tuple[Candidate, FloatArray, Factors, tuple[int, bool]]]:
    """Spectral transfer for the wanted candidates, along whole paths.

    Coefficients ``(F, k, l)``, factors, and how they ended: sweeps, and whether they settled.
    """
    S, M = np.array([part.S / part.n for part in grams]), np.array([part.M / part.n for part in grams])
    sums = Sums(S, M, np.array([float(part.yy.sum()) / part.n for part in grams]))
    free = sorted({one.free for one in wanted})
    steps: list[list[Candidate]] = [[] for _ in free]
    for one in chosen.candidates:
        if one.kind == "l1" and one.source == setting.name and one.free in free:
            steps[free.index(one.free)].append(one)
    penalties = np.array([[one.strength for one in row] for row in steps])
    path = follow(sums, steps[0][0].rank, free, penalties, **how)
    used = {id(one) for one in wanted}
    for g, row in enumerate(steps):
        for i, one in enumerate(row):
            if id(one) in used:
                fit = path.fits[i].take(np.array([g]))
                coef = (fit.U[:, 0].swapaxes(1, 2) * fit.d[:, 0, None]) @ fit.V[:, 0]
                yield one, coef, fit, (path.sweeps, bool(path.settled[i, g]))


def _start(study: Responses, setting: Setting | None) -> FloatArray:
    """Coefficients ``(p, q)`` that a regression adds to: the source's, or none."""
    if setting is None:
        return np.zeros((study.Z.shape[1], study.Y.shape[1]))
    assert setting.at.coef is not None
    return setting.at.U @ setting.at.coef @ setting.at.V.T
