"""Many responses of the same rows: reduced-rank regression, and what a fitted source study can lend it."""

from kinfolk.transfer.estimator import ReducedRankRegressor
from kinfolk.transfer.spectral_transfer import SpectralTransferRegressor

__all__ = ["ReducedRankRegressor", "SpectralTransferRegressor"]
