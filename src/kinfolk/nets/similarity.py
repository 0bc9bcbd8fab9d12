"""How alike two sets of features of the same rows are, whatever their rotation and scale."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.validation import check_table


def linear_cka(features: Any, other: Any, *, debiased: bool = False) -> float:
    r"""Linear centred kernel alignment (CKA) of the features that two nets make of the same rows.

    .. math:: \mathrm{CKA}(X, Y) = \frac{\|Y^\top X\|_F^2}{\|X^\top X\|_F \, \|Y^\top Y\|_F}

    for features with columns of mean zero. It is 1 where Y is a rotation of X times a number, 0 where no column of one
    correlates with any of the other, and the squared correlation where both have one column.

    Parameters
    ----------
    features : (n, R) array or DataFrame
        X; of a net, ``net.transform(rows)``. Take rows that neither net was fitted to. They are centred here.
    other : (n, R') array or DataFrame
        Y, features of the same rows in the same order; their number may differ.
    debiased : bool, default=False
        The ratio above, from 0 to 1, is too high where there are few rows: independent normal features have about
        R / (n + R). True takes unbiased estimates of its three terms, and at least 4 rows: the ratio is then from -1 to
        1, and about zero for independent features.

    Returns
    -------
    float
        Without unit.

    Raises
    ------
    InputError
        Rows differ in number or are too few, a value is missing, or no column varies.

    Notes
    -----
    Kornblith, Norouzi, Lee and Hinton (2019), *Similarity of Neural Network Representations Revisited*, ICML: CKA with
    a linear kernel. Unbiased terms are those of Song, Smola, Gretton, Bedo and Borgwardt (2012), *Feature Selection via
    Dependence Maximization*, JMLR 13: with the squared lengths p and q of the centred rows,

    .. math:: \|Y^\top X\|_F^2 - \frac{n}{n - 2} \, p^\top q + \frac{1^\top p \; 1^\top q}{(n - 1) (n - 2)} .

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.nets import linear_cka
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(2, 100, 20))
    >>> turned = 3 * X @ np.linalg.qr(rng.normal(size=(20, 20)))[0]
    >>> round(linear_cka(X, turned), 6), round(linear_cka(X, Y), 1), abs(linear_cka(X, Y, debiased=True)) < 0.1
    (1.0, 0.2, True)
    """
    X = check_table(features, task=None, name="features").features
    Y = check_table(other, task=None, name="other").features
    least = 4 if debiased else 2
    if len(X) != len(Y) or len(X) < least:
        raise InputError(f"linear_cka compares features of the same rows, at least {least}; got {len(X)} and {len(Y)}.")
    X, Y = _centred(X, "features"), _centred(Y, "other")
    between, first, second = (_alignment(*pair, debiased) for pair in ((X, Y), (X, X), (Y, Y)))
    return float(np.clip(between / np.sqrt(first * second), -1.0, 1.0))


def _centred(features: FloatArray, name: str) -> FloatArray:
    """Columns of mean zero whose squares add up to one."""
    if not np.ptp(features, axis=0).any():
        raise InputError(f"{name} are the same in all rows, so that nothing is like them.")
    centred = features / np.abs(features).max()
    centred = centred - centred.mean(axis=0)
    scaled: FloatArray = centred / np.linalg.norm(centred)
    return scaled


def _alignment(X: FloatArray, Y: FloatArray, debiased: bool) -> float:
    """``|Y' X|^2``, by way of the smaller of Gram matrices and products of columns."""
    n = len(X)
    few = X.shape[1] * Y.shape[1] <= n * n
    found = float(np.sum((Y.T @ X) ** 2) if few else np.vdot(X @ X.T, Y @ Y.T))
    if debiased:
        p, q = np.sum(X**2, axis=1), np.sum(Y**2, axis=1)
        found += 1.0 / ((n - 1) * (n - 2)) - float(p @ q) * n / (n - 2)
    return found
