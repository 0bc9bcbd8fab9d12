"""Source directions in the target's units, completed to bases of everything that the target's rows can tell."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray

_TIE = 1e-8  # relative gap below which singular values of the source count as equal


@dataclass(frozen=True)
class Coordinates:
    """Orthonormal bases of features and responses, source directions first.

    Attributes
    ----------
    U : (p, k) array
        The source's directions among features, strongest first; then the principal directions of the target's features
        outside of them (of non-zero variance).
    V : (q, l) array
        The same for responses.
    known_u, known_v : int
        How many of them are the source's.
    coef : (k, l) array or None
        The source's coefficients; None when only directions are known.
    """

    U: FloatArray
    V: FloatArray
    known_u: int
    known_v: int
    coef: FloatArray | None


def coordinates(
    left: FloatArray, right: FloatArray, coef: FloatArray | None, Z: FloatArray, Y: FloatArray
) -> Coordinates:
    """Complete a source's directions.

    The l1 norm depends on the basis and not only on its span, so the basis must not be left to chance: what the source
    does not determine are the principal directions of the target's centred rows outside the source's span,
    largest variance first (see `complete`). No label enters the choice among features; among responses it is their
    own covariance.

    Parameters
    ----------
    left, right : (p, k_u) and (q, k_v) arrays
        Orthonormal, strongest first, as `directions` gives them.
    coef : (p, q) array or None
    Z, Y : (n, p) and (n, q) arrays
        The target's rows, in standardised units.
    """
    U, V = complete(left, Z), complete(right, Y)
    return Coordinates(U, V, left.shape[1], right.shape[1], None if coef is None else U.T @ coef @ V)


def directions(coef: FloatArray, Z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Singular vectors and values of a source's coefficients ``(p, q)``, strongest first.

    Where singular values are equal the pairs are determined only up to a common rotation; it is chosen so that the
    target's features are uncorrelated along the left vectors, largest variance first.
    """
    U, sizes, Vt = np.linalg.svd(coef, full_matrices=False)
    rank = int(np.count_nonzero(sizes > 1e-10 * sizes[0]))
    U, sizes, V = U[:, :rank], sizes[:rank], Vt[:rank].T
    edges = np.flatnonzero(np.diff(sizes) < -_TIE * sizes[0]) + 1
    for group in np.split(np.arange(rank), edges):
        if len(group) > 1:
            scores = Z @ U[:, group]
            scores = scores - scores.mean(axis=0)
            turn = np.linalg.eigh(scores.T @ scores)[1][:, ::-1]
            U[:, group], V[:, group] = U[:, group] @ turn, V[:, group] @ turn
    return U, sizes, V


def stacked(
    sources: list[tuple[FloatArray, FloatArray, FloatArray]],
) -> tuple[FloatArray, FloatArray]:
    """Directions of several sources together: singular vectors of their directions side by side.

    Each source counts in proportion to its singular values over the largest of them.
    """
    lefts = [U * (sizes / sizes[0]) for U, sizes, _ in sources]
    rights = [V * (sizes / sizes[0]) for _, sizes, V in sources]
    return _span(np.concatenate(lefts, axis=1)), _span(np.concatenate(rights, axis=1))


def complete(directions: FloatArray, rows: FloatArray) -> FloatArray:
    """Orthonormal directions, followed by the principal directions of the centred rows outside their span.

    Directions without variance are left out: no row tells anything of them. The largest entry of each added one is
    positive.
    """
    centred = rows - rows.mean(axis=0)
    scale = float(np.linalg.norm(centred))
    outside = centred - (centred @ directions) @ directions.T
    _, sizes, vectors = np.linalg.svd(outside, full_matrices=False)
    room = rows.shape[1] - directions.shape[1]
    added = vectors[: np.count_nonzero(sizes[:room] > 1e-10 * max(scale, 1e-300))].T
    added = added - directions @ (directions.T @ added)
    signs = np.sign(np.take_along_axis(added, np.abs(added).argmax(axis=0)[None], axis=0))
    return np.concatenate((directions, added * np.where(signs == 0.0, 1.0, signs)), axis=1)


def _span(columns: FloatArray) -> FloatArray:
    U, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    kept: FloatArray = U[:, sizes > 1e-10 * sizes[0]]
    return kept
