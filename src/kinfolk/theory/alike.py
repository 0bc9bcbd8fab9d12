r"""Whether tasks are equally alike, or a Gram matrix has to be estimated.

At the exchangeable fit the debiased coefficients of tasks have inner products that are unbiased for G
(`kinfolk.theory.gram`). How much these differ from their means, in units of their variances,

.. math:: Q = \sum_{s < t} \frac{(N_{st} - \bar N)^2}{\operatorname{var} N_{st}}, \qquad
          \operatorname{var} N_{st} = \frac{(G_{ss} + \nu_s)(G_{tt} + \nu_t) + G_{st}^2}p ,

for pairs, and so for levels, is compared with what equally alike tasks give: :math:`p` draws of
:math:`N(0, G + \operatorname{diag} \nu)`, a hundred times. One fit; nothing is left out and no matrix is estimated.
"""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.theory.gram import Exchangeable, Sums, exchangeable_start
from kinfolk.theory.whitening import Rows

_DRAWS = 100
_SEED = 0  # the same table has the same answer


def inequality(rows: Rows, start: Exchangeable | None = None) -> float:
    """By how many standard deviations pairs or levels differ more than those of equally alike tasks do.

    Parameters
    ----------
    rows : Rows
        Whitened. Tasks of one or two rows are not looked at; of fewer than three others nothing is said (NaN).
    start : (noise, signal, similarity), optional
        Estimates from these rows, if they are known.
    """
    tasks = Sums(rows)
    if int((tasks.m > 1.0).sum()) < 3:
        return float("nan")
    gram, noise = exchangeable_start(rows, start)
    _, rest, factor = tasks.unknown(gram, noise)
    W = tasks.fit(gram, noise)
    debiased, nu = tasks.debiased(W, tasks.residuals(W), factor)
    seen = tasks.m > 1.0
    found = _spread((debiased @ debiased.T)[np.ix_(seen, seen)], nu[seen], tasks.p)
    expected = ((noise + rest) / tasks.alpha)[seen]
    root = np.linalg.cholesky(gram[np.ix_(seen, seen)] + np.diag(expected)) / np.sqrt(tasks.p)
    generator = np.random.default_rng(_SEED)
    null = []
    for _ in range(_DRAWS):
        drawn = root @ generator.normal(size=(int(seen.sum()), tasks.p))
        null.append(_spread(drawn @ drawn.T, expected * generator.chisquare(tasks.m[seen]) / tasks.m[seen], tasks.p))
    return float(((found - np.mean(null, axis=0)) / np.std(null, axis=0)).max())


def _spread(products: FloatArray, nu: FloatArray, p: int) -> FloatArray:
    """Q of levels and of pairs."""
    gram = products - np.diag(nu)
    levels = np.diag(gram)
    level = max(float(np.average(levels, weights=1.0 / nu)), 1e-6 * float(np.abs(gram).max()))
    pairs = np.triu_indices(len(gram), 1)
    whole = level + nu
    weights = 1.0 / np.outer(whole, whole)[pairs]
    beside = float(np.clip(np.average(gram[pairs], weights=weights), -level, level))
    return np.array(
        [
            _dispersion(levels, 2.0 * whole**2 / p),
            _dispersion(gram[pairs], (np.outer(whole, whole)[pairs] + beside**2) / p),
        ]
    )


def _dispersion(values: FloatArray, variances: FloatArray) -> float:
    mean = np.average(values, weights=1.0 / variances)
    return float(((values - mean) ** 2 / variances).sum())
