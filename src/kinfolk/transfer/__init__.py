"""Many responses of the same rows: reduced-rank regression, and what a fitted source study can lend it."""

from kinfolk.transfer.estimator import ReducedRankRegressor

__all__ = ["ReducedRankRegressor"]
