"""The l1 path: fits for all penalties and all numbers of free source directions, each warm from the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.transfer.factors import Factors, Sums, descend
from kinfolk.transfer.objective import thresholds
from kinfolk.transfer.restricted import largest_penalty, restricted


@dataclass(frozen=True)
class Path:
    """Fits along a path.

    Attributes
    ----------
    fits : list of Factors
        One a penalty, largest penalty first.
    settled : (L, G) booleans
        Which of them converged, for each penalty and number of free directions.
    sweeps : int
        Of the slowest problem, over the whole path.
    """

    fits: list[Factors]
    settled: BoolArray
    sweeps: int


Free = tuple[int, int]  # source directions among features and among responses that cost nothing
_LENGTH, _LAST = 8, 0.005  # of the grid of penalties, in multiples of the largest


def free_grid(rank: int, known: int, most: int) -> list[int]:
    """Numbers of free directions to try: 0 to ``rank``, then fewer and fewer up to those known, then below ``most``.

    The grid of the authors' cross-validation; its end ``most``, reduced-rank regression of the target alone, is
    left to the target's own candidates.
    """
    marks = [rank, min(max(known, rank), most), most]
    found = set(range(rank + 1))
    for low, high in pairwise(marks):
        points = 5 if high <= 5 * low else 10 if high <= 10 * low else 0
        if points:
            found |= set(np.linspace(low, high, points).astype(int).tolist())
        else:
            found |= set(range(low, 5 * low + 1)) | set(np.linspace(6 * low, high, 5).astype(int).tolist())
    return sorted(n for n in found if n < most)


def penalty_grid(sums: Sums, rank: int, free: Sequence[Free]) -> FloatArray:
    """Penalties ``(G, L)`` for each number of free directions, largest first.

    The first one is the smallest for which the restricted fit to all rows is a solution; with fewer free directions
    than the rank, that of ``rank`` free ones.
    """
    S, M = sums.S[0], sums.M[0]
    tops = []
    for free_u, free_v in free:
        enough = max(free_u, rank), max(free_v, rank)
        tops.append(largest_penalty(S, M, *restricted(S, M, rank, *enough), *enough))
    grid: FloatArray = np.maximum(np.array(tops), 1e-300)[:, None] * np.logspace(0.0, np.log10(_LAST), _LENGTH)
    return grid


def follow(
    sums: Sums, rank: int, free: Sequence[Free], penalties: FloatArray, *, tol: float = 3e-4, max_iter: int = 200
) -> Path:
    """Fits along the path, for every fold and number of free directions.

    Penalties fall from the restricted fit where it exists, and rise from reduced-rank regression where few directions
    are free (the restricted fit may then start in a poor basin); the lower objective is kept.

    Parameters
    ----------
    sums : Sums
    rank : int
    free : sequence of (int, int)
    penalties : (G, L) array
        Largest first.
    tol, max_iter
        As in `descend`.
    """
    (folds, p, q), (groups, length) = sums.M.shape, penalties.shape
    cost_u = np.array([thresholds(1.0, u, p) for u, _ in free])[:, None, :]
    cost_v = np.array([thresholds(1.0, v, q) for _, v in free])[:, None, :]
    falling = np.array([g for g, (u, v) in enumerate(free) if min(u, v) >= rank], dtype=np.intp)
    rising = np.array([g for g, (u, v) in enumerate(free) if min(u, v) <= 2 * rank], dtype=np.intp)
    found = [_nowhere(folds, groups, rank, p, q) for _ in range(length)]
    sweeps, all_settled = 0, np.ones((length, groups), dtype=bool)
    for places, order, prox in ((falling, range(length), 0.0), (rising, reversed(range(length)), 2.0)):
        if not len(places):
            continue
        ends = [free[g] if prox == 0.0 else (p, q) for g in places]
        state = _start(sums, rank, ends)
        for i in order:
            weight = penalties[places, i][:, None, None]
            state, taken, settled = descend(
                sums, state, weight * cost_u[places], weight * cost_v[places], prox=prox, tol=tol, max_iter=max_iter
            )
            sweeps += taken
            all_settled[i, places] &= settled
            found[i].put(places, found[i].take(places).lower(state))
    return Path(found, all_settled, sweeps)


def _start(sums: Sums, rank: int, ends: Sequence[Free]) -> Factors:
    """Closed-form ends of the path, one a group and fold."""
    parts: dict[Free, list[tuple[FloatArray, FloatArray, FloatArray]]] = {}
    for end in set(ends):
        parts[end] = [restricted(S, M, rank, *end) for S, M in zip(sums.S, sums.M, strict=True)]
    U, d, V = (np.stack([np.stack([part[i] for part in parts[end]]) for end in ends], axis=1) for i in range(3))
    return Factors.start(sums, U, d, V)


def _nowhere(folds: int, groups: int, rank: int, p: int, q: int) -> Factors:
    U, V, H = (np.zeros((folds, groups, rank, size)) for size in (p, q, rank))
    value = np.full((folds, groups), np.inf)
    return Factors(U, np.zeros((folds, groups, rank)), V, U.copy(), V.copy(), H, H.copy(), value)
