"""ReducedRankRegressor beside one scikit-learn RidgeCV for all responses and one for each.

W2 is 500 rows, 200 features, 100 responses, coefficients of rank 5, noise and signal of variance 1; excess error is the
noise-free error of a response on new rows. Real sets: held-out error over the responses' variance, ten random halves.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kinfolk import ReducedRankRegressor
from kinfolk.datasets import data_directory, load_real

ALPHAS = np.logspace(-3, 4, 30)


def ridge_shared(X, Y):
    """One strength for all responses; it cannot be fitted where responses are missing."""
    return make_pipeline(StandardScaler(), RidgeCV(ALPHAS)).fit(X, Y).predict


def ridge_each(X, Y):
    """A fit for each response, to the rows that have it."""
    seen = ~np.isnan(Y)
    fits = [
        make_pipeline(StandardScaler(), RidgeCV(ALPHAS)).fit(X[there], y[there])
        for y, there in zip(Y.T, seen.T, strict=True)
    ]
    return lambda new: np.column_stack([fit.predict(new) for fit in fits])


def reduced_rank(X, Y):
    """The library with its defaults."""
    return ReducedRankRegressor().fit(X, Y).predict


METHODS = {"RidgeCV, shared": ridge_shared, "RidgeCV, each response": ridge_each, "ReducedRankRegressor": reduced_rank}


def w2(seed):
    rng = np.random.default_rng(seed)
    coef = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 100))
    coef /= np.sqrt((coef**2).sum(axis=0).mean())
    X = rng.normal(size=(500, 200))
    return X, X @ coef + rng.normal(size=(500, 100)), coef


def main():
    """Print both tables."""
    print(f"W2 (4 seeds)\n{'method':26}{'excess':>9}{'CPU s':>8}")
    for name, fit in METHODS.items():
        errors, seconds = [], []
        for seed in range(4):
            X, Y, coef = w2(seed)
            new = np.random.default_rng(1000 + seed).normal(size=(2000, 200))
            start = time.process_time()
            predict = fit(X, Y)
            seconds.append(time.process_time() - start)
            errors.append(((predict(new) - new @ coef) ** 2).mean())
        print(f"{name:26}{np.mean(errors):9.4f}{np.median(seconds):8.2f}")
    if data_directory() is None:
        print("The real sets are absent: KINFOLK_DATA names their folder.")
        return
    for name in ("yeast_cellcycle", "sarcos_test", "nirsoil"):
        data = load_real(name)
        X, Y = data.X.to_numpy(), data.y.to_numpy()
        spread = np.nanstd(Y, axis=0)
        scores = {method: [] for method in METHODS}
        for seed in range(10):
            train = np.random.default_rng(seed).random(len(X)) < 0.5
            for method, fit in METHODS.items():
                if method == "RidgeCV, shared" and np.isnan(Y).any():
                    continue
                error = (fit(X[train], Y[train])(X[~train]) - Y[~train]) / spread
                scores[method].append(np.nanmean(error**2))
        print(f"\n{name}: {Y.shape[1]} responses, {np.isnan(Y).mean():.0%} missing")
        best = np.array(scores["RidgeCV, each response"])
        for method, found in scores.items():
            if found:
                gain = np.array(found) - best
                error = gain.std(ddof=1) / np.sqrt(len(gain))
                print(f"{method:26}{np.mean(found):9.4f}   less each alone: {gain.mean():+.4f} ± {error:.4f}")


if __name__ == "__main__":
    main()
