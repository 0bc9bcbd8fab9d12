"""Whether simulated means are what was predicted, by their own standard errors: what judges share.

A cell is a group of rows of the same sizes, one a data set. Nothing is allowed beside chance: a family of cells agrees
with its predictions when the smallest of their p-values is not below 1% of a family's (Bonferroni), and as many are
above .05 as 99% of binomial draws have.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import binom, norm, t, ttest_1samp

from kinfolk.reproduce.claims import Claim, at_least, at_most
from kinfolk.reproduce.plan import Row, mean

FAMILY = 0.01
LEAST = 1e-4  # p-value of a claim about a single cell: a hundred of them fail by chance once in a hundred runs


def p_value(cell: list[Row], found: str = "found", predicted: str = "predicted") -> float:
    """Two-sided, of the mean difference of the two (paired)."""
    off = [row[found] - row[predicted] for row in cell]
    return float(ttest_1samp(off, 0.0).pvalue) if np.std(off) > 0 else float(np.allclose(off, 0.0))


def z_score(cell: list[Row], found: str = "found", predicted: str = "predicted") -> float:
    """The mean difference of the two over its standard error, as a normal score of its t law."""
    off = np.array([row[found] - row[predicted] for row in cell])
    error = float(off.std(ddof=1)) / np.sqrt(len(off))
    if error == 0.0:
        return 0.0 if np.allclose(off, 0.0) else float(np.sign(off.mean())) * np.inf
    score = float(off.mean()) / error
    return float(np.sign(score) * norm.isf(max(t.sf(abs(score), len(off) - 1), 1e-300)))


def deviation(cell: list[Row], predicted: str = "predicted") -> float:
    """Relative deviation of the mean found from the mean predicted."""
    return mean(cell, "found") / mean(cell, predicted) - 1.0


def together(scores: Sequence[float]) -> float:
    """One normal score for those of several independent cells (Stouffer)."""
    return float(np.sum(np.clip(scores, -30.0, 30.0)) / np.sqrt(len(scores)))


def agree(title: str, cells: list[list[Row]], predicted: str = "predicted") -> Iterator[Claim]:
    """The cells are as predicted, all of them."""
    p_values = np.array([p_value(cell, predicted=predicted) for cell in cells])
    n = len(cells)
    yield at_least(f"{title}: smallest p-value of {n}", float(p_values.min()), FAMILY / n)
    if n >= 10:
        least = float(binom.ppf(FAMILY, n, 0.95)) / n
        yield at_least(f"{title}: share of {n} cells with p > .05", float((p_values > 0.05).mean()), least)


def agrees(title: str, cell: list[Row], found: str = "found", predicted: str = "predicted") -> Claim:
    """One cell is as predicted."""
    return at_least(f"{title}: p-value", p_value(cell, found, predicted), LEAST)


def exceeds(title: str, scores: Sequence[float]) -> Claim:
    """What is above, by these normal scores, is above by more than chance (one-sided, 1%)."""
    return at_least(f"{title}: z", together(scores), float(norm.isf(FAMILY)))


def not_above(title: str, scores: Sequence[float]) -> Claim:
    """None of these normal scores is above what chance gives the largest of them (1%)."""
    bound = float(norm.isf(FAMILY / max(len(scores), 1)))
    return at_most(f"{title}: largest z", float(max(scores)), bound)
