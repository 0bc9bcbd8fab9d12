"""Excess error on synthetic tasks with known truth, and CPU seconds, beside scikit-learn's RidgeCV for each task.

Excess error: mean over tasks of E_x (f_hat(x) - f(x))^2, without noise. All methods see the same seeds.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np
from sklearn.linear_model import RidgeCV

import kinfolk
from kinfolk.datasets import make_clustered_tasks, make_shared_representation, make_unrelated_tasks


def ridge_cv_per_task(data):
    """scikit-learn's RidgeCV on each task, as a user would loop it."""
    X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
    fits = [RidgeCV(np.logspace(-3, 4, 30)).fit(X[codes == t], data.y[codes == t]) for t in range(len(data.coef))]
    return np.array([fit.coef_ for fit in fits]), np.array([fit.intercept_ for fit in fits])


def kinfolk_method(method):
    """One of kinfolk's methods with its defaults."""

    def fit(data):
        model = method(task="task").fit(data.X, data.y)
        return model.coef_, model.intercept_

    return fit


WORKLOADS = {
    "W1: 100 tasks x 50 rows, d = 100, rank 5": lambda seed: make_shared_representation(random_state=seed),
    "unrelated: 100 tasks x 50 rows, d = 100": lambda seed: make_unrelated_tasks(100, 50, 100, random_state=seed),
    "unrelated: 60 tasks x 40 rows, d = 50": lambda seed: make_unrelated_tasks(60, 40, 50, random_state=seed),
    "clustered: 60 tasks x 20 rows, d = 20": lambda seed: make_clustered_tasks(
        n_tasks=60, n_samples=20, n_features=20, random_state=seed
    ),
}


def main():
    """Print one table a workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    seeds = parser.parse_args().seeds
    methods = {"scikit-learn RidgeCV per task": ridge_cv_per_task}
    methods |= {method.__name__: kinfolk_method(method) for method in kinfolk.all_estimators()}
    for name, make in WORKLOADS.items():
        found = {method: ([], []) for method in methods}
        for seed in range(seeds):
            data = make(seed)
            for method, fit in methods.items():
                start = time.process_time()
                coef, intercept = fit(data)
                found[method][1].append(time.process_time() - start)
                found[method][0].append(float(data.excess_error(coef, intercept)))
        alone = np.array(found["IndependentRidge"][0])
        seconds = np.median(found["scikit-learn RidgeCV per task"][1])
        print(f"\n{name} ({seeds} seeds)")
        print(f"{'method':32}{'excess':>9}{'x alone':>9}{'CPU s':>8}{'x RidgeCV':>11}")
        for method, (errors, times) in found.items():
            ratio = np.mean(np.array(errors) / alone)
            used = np.median(times)
            print(f"{method:32}{np.mean(errors):9.4f}{ratio:9.3f}{used:8.2f}{used / seconds:11.1f}")


if __name__ == "__main__":
    main()
