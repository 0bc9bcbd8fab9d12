"""Descent on the objective of spectral transfer, for all folds and all numbers of free directions at once.

The objective is that of `kinfolk.transfer.objective`. A sweep solves for U after majorising its quadratic term (on
orthonormal U the majoriser is linear), for V exactly and for d exactly; U is extrapolated (Nesterov 1983), and starts
afresh where extrapolation points uphill (O'Donoghue and Candès 2015, *Found. Comput. Math.* 15). Data enter by their
Gram matrices only.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.transfer.block import block_step, polar
from kinfolk.transfer.objective import objective

_CHECK = 5  # sweeps between two looks at the objective
_STUCK = 50  # sweeps without getting lower after which a problem has settled
_THIN = 0.05  # ratio of singular values below which the relaxed block is held back by a proximal term


@dataclass(frozen=True)
class Sums:
    """Gram matrices of every fold in source coordinates, divided by its number of rows.

    Attributes
    ----------
    S : (F, p, p) array
    M : (F, p, q) array
    yy : (F,) array
    """

    S: FloatArray
    M: FloatArray
    yy: FloatArray

    @cached_property
    def curvature(self) -> FloatArray:
        """Largest eigenvalue of S, ``(F, 1, 1, 1)``."""
        found: FloatArray = np.linalg.eigvalsh(self.S)[:, -1][:, None, None, None]
        return found


@dataclass(frozen=True)
class Factors:
    """``C = U' diag(d) V`` for F folds and G numbers of free directions; rows of U and V are orthonormal.

    Attributes
    ----------
    U, omega_u : (F, G, r, p) arrays
        The factor, and its sparse twin, equal to it at the solution and with exact zeros.
    d : (F, G, r) array
    V, omega_v : (F, G, r, q) arrays
    H_u, H_v : (F, G, r, r) arrays
        Metrics of the two block problems.
    value : (F, G) array
        Objective.
    """

    U: FloatArray
    d: FloatArray
    V: FloatArray
    omega_u: FloatArray
    omega_v: FloatArray
    H_u: FloatArray
    H_v: FloatArray
    value: FloatArray

    @classmethod
    def start(cls, sums: Sums, U: FloatArray, d: FloatArray, V: FloatArray) -> Self:
        """A starting point of given orthonormal factors."""
        D = d[..., None]
        A = (sums.curvature * U - U @ sums.S[:, None]) * D**2 + D * (V @ sums.M[:, None].swapaxes(-1, -2))
        B = D * (U @ sums.M[:, None])
        value = np.full(U.shape[:2], np.inf)
        return cls(U, d, V, U, V, polar(A)[1], polar(B)[1], value)

    def take(self, places: IntArray) -> Self:
        """Those numbers of free directions alone."""
        return replace(self, **{name: values[:, places] for name, values in vars(self).items()})

    def put(self, places: IntArray, other: "Factors") -> None:
        """Write the result of `take` back."""
        for name, values in vars(self).items():
            values[:, places] = getattr(other, name)

    def lower(self, other: "Factors") -> Self:
        """Whichever of the two has the lower objective, problem by problem."""
        better = other.value < self.value

        def choose(mine: FloatArray, theirs: FloatArray) -> FloatArray:
            found: FloatArray = np.where(better.reshape(better.shape + (1,) * (mine.ndim - 2)), theirs, mine)
            return found

        return replace(self, **{name: choose(values, getattr(other, name)) for name, values in vars(self).items()})


def evaluate(sums: Sums, state: Factors, penalty_u: FloatArray, penalty_v: FloatArray) -> FloatArray:
    """Objective ``(F, G)`` of every problem; penalties are ``(G, 1, p)`` and ``(G, 1, q)``."""
    S, M, yy = sums.S[:, None], sums.M[:, None], sums.yy[:, None]
    return objective(
        S, M, yy, state.U.swapaxes(2, 3), state.d, state.V.swapaxes(2, 3), penalty_u[:, 0], penalty_v[:, 0]
    )


def descend(
    sums: Sums,
    state: Factors,
    penalty_u: FloatArray,
    penalty_v: FloatArray,
    *,
    prox: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 1000,
) -> tuple[Factors, int, BoolArray]:
    """Descend from a starting point until the objective settles; the factors, the sweeps, and which settled ``(G,)``.

    Parameters
    ----------
    sums : Sums
    state : Factors
        Where it starts: the solution for another penalty, or `Factors.start`.
    penalty_u, penalty_v : (G, 1, p) and (G, 1, q) arrays
        Penalty of each row of the factors.
    prox : float, default=0.0
        Proximal weight in multiples of the largest penalty, which keeps the path near its start.
    tol : float, default=1e-6
        It ends when the objective changes by less than this share of it in five sweeps, or the lowest yet has not
        fallen by more in fifty.
    max_iter : int, default=1000
    """
    best = replace(state, value=evaluate(sums, state, penalty_u, penalty_v))
    best = replace(best, **{name: values.copy() for name, values in vars(best).items()})
    active = np.arange(state.U.shape[1])
    done = 0
    while done < max_iter and len(active):
        now = best.take(active)
        moved = _sweeps(sums, now, penalty_u[active], penalty_v[active], prox, min(max_iter - done, 20 * _CHECK), tol)
        done += moved[1]
        best.put(active, moved[0])
        # a problem that swings without getting lower has settled, too: its best is what is kept
        risen = now.value - moved[0].value <= tol * np.abs(moved[0].value)
        stuck = risen.all(axis=0) & (moved[1] >= _STUCK)
        active = active[~(moved[2] | stuck)]
    return best, done, ~np.isin(np.arange(state.U.shape[1]), active)


def _sweeps(
    sums: Sums, start: Factors, penalty_u: FloatArray, penalty_v: FloatArray, prox: float, n_sweeps: int, tol: float
) -> tuple[Factors, int, BoolArray]:
    """Sweeps until at least a quarter of the problems (over all folds) have settled."""
    folds, groups = start.U.shape[:2]
    S, M = sums.S, sums.M
    Mt = np.ascontiguousarray(M.swapaxes(1, 2))
    U, d, V, omega_u, omega_v, H_u, H_v = (getattr(start, name) for name in _STATE)
    US, best = _times(U, S), start
    U_before, US_before = U, US
    t = np.ones((folds, groups, 1, 1))
    largest = np.maximum(penalty_u.max(axis=(1, 2)), penalty_v.max(axis=(1, 2)))[None, :, None, None]
    hold_u = hold_v = np.broadcast_to(prox * largest, (folds, groups, 1, 1))
    floor = np.maximum(1e-12 * sums.curvature[..., 0], 1e-300)  # a direction that no row tells anything of
    last, settled = start.value, np.zeros(groups, dtype=bool)
    sweep = 0
    for sweep in range(1, n_sweeps + 1):
        after = (1.0 + np.sqrt(1.0 + 4.0 * t**2)) / 2.0
        ahead = (t - 1.0) / after
        Z, ZS = U + ahead * (U - U_before), US + ahead * (US - US_before)
        D = d[..., None]
        A = (sums.curvature * Z - ZS) * D**2 + D * _times(V, Mt) + hold_u * U
        U_new, omega_u, H_u, thin_u = block_step(A, penalty_u, omega_u, H_u)
        step = U_new - U
        uphill = ((Z - U_new) * D**2 * step).sum(axis=(2, 3), keepdims=True) > 0.0
        t = np.where(uphill, 1.0, after)
        U_before, US_before = U, US
        U, US = U_new, _times(U_new, S)
        UM = _times(U, M)
        V, omega_v, H_v, thin_v = block_step(D * UM + hold_v * V, penalty_v, omega_v, H_v)
        fit, size = (UM * V).sum(axis=-1), (US * U).sum(axis=-1)
        d = fit / np.maximum(size, floor)
        hold_u, hold_v = _hold(thin_u, H_u, prox, largest), _hold(thin_v, H_v, prox, largest)
        if sweep % _CHECK == 0 or sweep == n_sweeps:
            cost = (penalty_u * np.abs(U)).sum(axis=(2, 3)) + (penalty_v * np.abs(V)).sum(axis=(2, 3))
            value = 0.5 * sums.yy[:, None] + (0.5 * d**2 * size - d * fit).sum(axis=-1) + cost
            best = best.lower(Factors(U, d, V, omega_u, omega_v, H_u, H_v, value))
            settled = (np.abs(last - value) <= tol * np.abs(value)).all(axis=0)
            last = value
            if 4 * np.count_nonzero(settled) >= groups:
                break
    return best, sweep, settled


_STATE = ("U", "d", "V", "omega_u", "omega_v", "H_u", "H_v")


def _times(U: FloatArray, S: FloatArray) -> FloatArray:
    """``U @ S`` with one product a fold."""
    folds, groups, r, p = U.shape
    found: FloatArray = (U.reshape(folds, groups * r, p) @ S).reshape(folds, groups, r, -1)
    return found


def _hold(thin: FloatArray, H: FloatArray, prox: float, largest: FloatArray) -> FloatArray:
    """Proximal weights ``(F, G, 1, 1)``: larger where the relaxed block is nearly of lower rank."""
    scale = np.trace(H, axis1=-2, axis2=-1)[..., None, None]
    found: FloatArray = np.where(thin[..., None, None] < _THIN, np.maximum(2.0 * largest, scale), prox * largest)
    return found
