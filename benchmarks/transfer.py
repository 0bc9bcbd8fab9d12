"""Spectral transfer: a whole selection in CPU seconds, and the solver beside the published alternating method.

Problems are the paper's Models I to III at their smallest size. The ten penalties are those that the authors' search
tries, with 10 free directions and rank 5; both methods see the same Gram matrices. The whole selection is the default
`SpectralTransferRegressor`: cross-validation over the target alone, offsets, the graded ridge and spectral transfer.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from kinfolk.reproduce.spectral_transfer import speed

CELLS = [("I", 200), ("I", 400), ("II", 300), ("III", 500)]


def main():
    """Print the table."""
    print("CPU seconds: a whole selection; ten penalties by the path, by ADMM, and by ADMM of tight tolerance")
    heading = ("problem", "selection", "error x100", "path", "ADMM", "ratio", "tight", "ratio", "F less F of tight")
    print("{:10}{:>10}{:>12}{:>8}{:>8}{:>7}{:>8}{:>7}{:>22}".format(*heading))
    for model, n in CELLS:
        cell = {"model": model, "n": n, "source_noise": 0.01, "design": "paper"}
        found = speed(cell, np.random.default_rng(0))
        path, reference, tight = (found[f"{name}_seconds"] for name in ("path", "reference", "tight"))
        difference = np.array(found["path"]) - np.array(found["tight"])
        print(
            f"{model + ' ' + str(n):10}{found['fit_seconds']:10.2f}{100 * found['fit'][0]:12.3f}"
            f"{path:8.3f}{reference:8.2f}{reference / path:7.0f}{tight:8.2f}{tight / path:7.0f}"
            f"{difference.min():12.4f} to {difference.max():.4f}"
        )


if __name__ == "__main__":
    main()
