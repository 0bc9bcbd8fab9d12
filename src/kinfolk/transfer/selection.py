"""Which candidate: one cross-validation for the target alone and for everything that borrows from a source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray
from kinfolk.transfer.candidates import (
    Candidate,
    Setting,
    free_for_l1,
    free_for_ridge,
    graded_candidates,
    l1_candidates,
    offset_candidates,
    target_candidates,
)
from kinfolk.transfer.coordinates import Coordinates
from kinfolk.transfer.held_out import Folds, cells
from kinfolk.transfer.path import Free
from kinfolk.transfer.reduced_rank import Grams
from kinfolk.transfer.responses import Responses

_TEMPERATURE = 8.0  # of exponential weights, in units of the noise variance
KINDS = ("target", "l1", "ridge", "offset")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Selection:
    """Every candidate, and the one to use.

    Attributes
    ----------
    candidates : list of Candidate
    weights : (folds,) array
        Weight of the held-out responses of each fold.
    target, borrowed : Candidate or None
        The best of the target alone, and the best that borrows.
    selected : Candidate
        The best of those that may be used.
    mixture : (candidates,) array
        Weight of each in the fit; they sum to one.
    filled : list of (n, q) arrays
        Responses of each fold and of all rows, see `fill_folds`.
    repeats : float
        How often a row is held out.
    """

    candidates: list[Candidate]
    weights: FloatArray
    target: Candidate
    borrowed: Candidate | None
    selected: Candidate
    mixture: FloatArray
    filled: list[FloatArray]
    repeats: float

    def gain(self, candidate: Candidate) -> tuple[float, float]:
        """Share of the target's own error that a candidate saves, and its standard error over folds (paired)."""
        return paired_gain(candidate.errors, self.target.errors, self.weights, self.repeats)

    def table(self) -> pd.DataFrame:
        """One row a candidate: what it is, its mean squared error, and its paired gain over the target alone."""
        total = max(float(self.weights.sum()), 1e-300)
        rows = []
        for one, weight in zip(self.candidates, self.mixture, strict=True):
            gain, error = self.gain(one)
            rows.append(
                {
                    "kind": one.kind,
                    "source": one.source,
                    "free_u": one.free[0],
                    "free_v": one.free[1],
                    "strength": one.strength,
                    "rank": one.rank,
                    "share": one.share,
                    "error": float(one.errors.sum()) / total,
                    "gain": gain,
                    "gain_se": error,
                    "weight": float(weight),
                    "selected": one is self.selected,
                }
            )
        return pd.DataFrame(rows)


def paired_gain(
    errors: FloatArray, alone: FloatArray, weights: FloatArray, repeats: float = 1.0
) -> tuple[float, float]:
    """``1 - sum(errors) / sum(alone)``, and the standard error of the paired difference over folds in those units.

    Folds of repeated cross-validation do not count as independent: as many do as one repetition has.
    """
    total = max(float(alone.sum()), 1e-20 * float(weights.sum()), 1e-300)
    saved = (alone - errors) / np.maximum(weights, 1e-300)
    folds = len(weights)
    spread = float(saved.std(ddof=1)) / np.sqrt(max(folds / max(repeats, 1.0), 1.0)) if folds > 1 else np.nan
    return float((alone - errors).sum()) / total + 0.0, spread * float(weights.sum()) / total


def rank_by_criterion(grams: Grams, centred: bool) -> int | None:
    r"""Rank selection criterion; None where it does not exist (no rows left over the rank of the features).

    The number of eigenvalues of :math:`Y^\top P_X Y` above :math:`4 \hat\sigma^2 (\sqrt q + \sqrt{\mathrm{rank} X})^2`,
    with :math:`\hat\sigma^2 = \|Y - P_X Y\|_F^2 / q (n - \mathrm{rank} X)`: Bunea, She and Wegkamp (2011), *Ann.
    Statist.* 39. At least 1.
    """
    values, vectors = np.linalg.eigh(grams.S)
    kept = values > 1e-10 * max(float(values[-1]), 1e-300)
    rank, q = int(np.count_nonzero(kept)), grams.M.shape[1]
    left = grams.n - rank - float(centred)
    if left < 1.0 or rank == 0:
        return None
    pulled = (vectors[:, kept].T @ grams.M) / np.sqrt(values[kept])[:, None]
    explained = np.linalg.svd(pulled, compute_uv=False) ** 2
    noise = max(float(grams.yy.sum() - explained.sum()), 0.0) / (q * left)
    return max(int(np.count_nonzero(explained >= 4.0 * noise * (np.sqrt(q) + np.sqrt(rank)) ** 2)), 1)


def select(
    study: Responses,
    sources: dict[str, Coordinates],
    folds: Folds,
    *,
    rank: str | int,
    free: str | Free,
    kinds: Sequence[str],
    safe: float,
    average: bool,
    progress: Progress | None = None,
) -> tuple[Selection, dict[str, Setting]]:
    """Cross-validate every candidate, and take the best.

    Parameters
    ----------
    study : Responses
    sources : dict of name to Coordinates
    folds : sequence of (train, test)
    rank : {"rsc", "cv"} or int
        A number holds for every candidate but the offset. Otherwise each candidate that is solved for all ranks at once
        takes its best one, and spectral transfer has the rank of the criterion ("rsc"), or that of the best other
        candidate ("cv", and where the criterion does not exist).
    free : "cv" or (int, int)
    kinds : subset of `KINDS`
    safe : float
        The target's own fits are left only when the gain exceeds so many standard errors.
    average : bool
        Whether to average over candidates, see `exponential_weights`, or to take the best.
    progress : callable, optional
    """
    ranks = [rank] if isinstance(rank, int) else None
    basis = study.row_space()
    Z = study.Z if basis is None else study.Z @ basis
    steps, done = 1 + 3 * len(sources), 0

    def tell(what: str) -> None:
        nonlocal done
        if progress is not None:
            progress(done, steps, what)
        done += 1

    tell("target alone")
    own = target_candidates(study, Z, folds, ranks)
    target = best(own)
    filled = fill_folds(study, Z, folds, target)
    settings = {name: Setting.of(name, study, at, folds, filled) for name, at in sources.items()}
    found = list(own) if "target" in kinds else []
    for name, at in sources.items():
        tell(f"{name}: offset")
        if "offset" in kinds and at.coef is not None:
            found += offset_candidates(study, Z, folds, name, at.U @ at.coef @ at.V.T)
        tell(f"{name}: graded ridge")
        if "ridge" in kinds:
            given = [free] if isinstance(free, tuple) else free_for_ridge(at, max(target.rank, 1))
            found += graded_candidates(settings[name], [within(one, at) for one in given], ranks)
    for name, at in sources.items():
        tell(f"{name}: spectral transfer")
        if "l1" in kinds:
            closed = [*own, *(one for one in found if one.kind == "ridge")]
            own_rank = l1_rank(study, Z, filled[-1], rank, best(closed), at)
            given = [free] if isinstance(free, tuple) else free_for_l1(at, own_rank)
            found += l1_candidates(settings[name], [within(one, at) for one in given], own_rank)
    tell("done")
    weights = cells(study, folds)
    borrowing = [one for one in found if one.kind != "target"]
    borrowed = best(borrowing) if borrowing else None
    found = found or own
    allowed = np.ones(len(found), dtype=bool)
    repeats = float(sum(len(test) for _, test in folds)) / len(study.Z)
    if borrowed is not None and "target" in kinds and safe > 0:
        gain, error = paired_gain(borrowed.errors, target.errors, weights, repeats)
        if not gain > safe * error:
            allowed = np.array([one.kind == "target" for one in found])
    totals = np.array([float(one.errors.sum()) for one in found])
    totals[~allowed] = np.inf
    leading = int(totals.argmin())
    selected = found[leading]
    mixture = np.arange(len(found)) == leading
    if average:
        mixture = exponential_weights(totals / max(repeats, 1.0), float(weights.sum()) / max(repeats, 1.0))
    return Selection(found, weights, target, borrowed, selected, mixture.astype(np.float64), filled, repeats), settings


def exponential_weights(errors: FloatArray, count: float) -> FloatArray:
    r"""Weights :math:`w_c \propto \exp(-\mathrm{SSE}_c / 8 \hat\sigma^2)` that sum to one.

    A selection is as noisy as its cross-validation; the average over all that are nearly as good is not (Leung and
    Barron 2006, *IEEE Trans. Inf. Theory* 52, with temperature 4; Dalalyan and Tsybakov 2008, *Mach. Learn.* 72, at
    least 4). Weights below 1/1000 of the largest are zero.

    Parameters
    ----------
    errors : (candidates,) array
        SSE, sums of squared errors of the held-out responses, each counted once; infinite where a candidate may not be
        used.
    count : float
        How many responses were held out: the noise variance is the smallest of the errors over it.
    """
    noise = float(errors.min()) / max(count, 1e-300)
    found = np.exp(-(errors - errors.min()) / max(_TEMPERATURE * noise, 1e-300))
    found = np.where(found < 1e-3, 0.0, found)
    weights: FloatArray = found / found.sum()
    return weights


def best(candidates: Sequence[Candidate]) -> Candidate:
    """The one with the smallest total error."""
    return min(candidates, key=lambda one: float(one.errors.sum()))


def within(free: Free, at: Coordinates) -> Free:
    """Free directions, no more than there are."""
    return min(free[0], at.U.shape[1]), min(free[1], at.V.shape[1])


def l1_rank(study: Responses, Z: FloatArray, Y: FloatArray, rank: str | int, closed: Candidate, at: Coordinates) -> int:
    """Rank of spectral transfer."""
    most: int = min(at.U.shape[1], at.V.shape[1])
    criterion = rank_by_criterion(study.grams(Z, Y), study.centred) if rank == "rsc" else None
    wanted = rank if isinstance(rank, int) else closed.rank if criterion is None else criterion
    return max(1, min(int(wanted), most))


def fill_folds(study: Responses, Z: FloatArray, folds: Folds, target: Candidate) -> list[FloatArray]:
    """All responses, for each fold (and, last, for all rows) with the missing ones of its training rows filled in.

    What fills them in is the target's own fit to those rows.
    """
    rows = [*(train for train, _ in folds), np.arange(len(Z))]
    if study.complete:
        return [study.Y] * len(rows)
    return [study.filled(Z, target.strength, target.rank, at, tol=1e-3)[0] for at in rows]
