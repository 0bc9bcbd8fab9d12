"""Real tables with their licences, and synthetic tasks with their truth.

``DATASETS`` maps the name of every bundled table to its loader.
"""

from kinfolk.datasets.real import (
    DATASETS,
    Dataset,
    data_directory,
    load_ames,
    load_meats,
    load_real,
    load_watch,
)
from kinfolk.datasets.spectral_transfer import SpectralTransferTasks, make_spectral_transfer
from kinfolk.datasets.synthetic import (
    SyntheticClassification,
    SyntheticTasks,
    make_clustered_tasks,
    make_shared_classification,
    make_shared_representation,
    make_unrelated_tasks,
)

__all__ = [
    "DATASETS",
    "Dataset",
    "SpectralTransferTasks",
    "SyntheticClassification",
    "SyntheticTasks",
    "data_directory",
    "load_ames",
    "load_meats",
    "load_real",
    "load_watch",
    "make_clustered_tasks",
    "make_shared_classification",
    "make_shared_representation",
    "make_spectral_transfer",
    "make_unrelated_tasks",
]
