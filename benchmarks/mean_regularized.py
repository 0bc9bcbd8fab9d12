"""Strengths of MeanRegularizedRegressor without cross-validation, beside a grid search; and real tables.

``made``: exchangeable tasks (T = 5, noise variance 0.25) for rows a feature in {0.4, 1, 2.5} and similarity in
{0, .3, .6, .9}: excess of the test error over that of the optimal coupling, for ``coupling="auto"`` and for 5-fold
cross-validation on a 7 x 5 grid of (lam, c) in the same run, with the fits that each used.
``real``: five folds of real tables, beside PartialPoolingRegressor.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np

import kinfolk
from kinfolk.datasets import load_ames, load_real
from kinfolk.linear.minimum import quadratic
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import AnyCoupling, CommonMean
from kinfolk.tasks import TaskData

NOISE, N_TASKS = 0.25, 5
GRID = [(lam, c) for lam in np.logspace(-2, 1, 7) for c in (0.0, 0.25, 0.5, 0.75, 0.95)]


def draw(p, alpha, rho, seed):
    """Tasks whose coefficients have correlation rho; features are white."""
    rng = np.random.default_rng(seed)
    K = (1.0 - rho) * np.eye(N_TASKS) + rho
    W = np.linalg.cholesky(K) @ rng.normal(size=(N_TASKS, p)) / np.sqrt(p)
    codes = np.repeat(np.arange(N_TASKS), int(alpha * p))
    X = rng.normal(size=(len(codes), p))
    y = (X * W[codes]).sum(axis=1) + np.sqrt(NOISE) * rng.normal(size=len(codes))
    return X, y, codes, W, K


def risk(W, slopes, scale):
    return NOISE + float(((scale * slopes - W) ** 2).sum(axis=1).mean())


def grid_search(data, folds=5):
    """(lam, c) with the smallest error in 5 folds within tasks, and the number of fits."""
    fold = data.deal(folds, np.random.default_rng(0))
    errors = np.zeros(len(GRID))
    for k in range(folds):
        train, test = data.take(np.flatnonzero(fold != k)), data.take(np.flatnonzero(fold == k))
        rows = Rows.of(train, joint=False)
        for i, (lam, c) in enumerate(GRID):
            found = quadratic(rows, train.y, CommonMean.of(lam, c, data.n_features))
            codes = test.codes
            predicted = found.intercept[codes] + (test.X * found.slopes[codes]).sum(axis=1)
            errors[i] += float(((test.y - predicted) ** 2).sum())
    return GRID[int(np.argmin(errors))], folds * len(GRID) + 1


def made(p, seeds):
    """Print one row a configuration."""
    print(f"p = {p}, {seeds} seeds: excess error over the optimal coupling (%), fits, CPU s, expected / true error")
    table = []
    for alpha in (0.4, 1.0, 2.5):
        for rho in (0.0, 0.3, 0.6, 0.9):
            found = []
            for seed in range(seeds):
                X, y, codes, W, K = draw(p, alpha, rho, seed)
                data = TaskData.build(X, y, codes, N_TASKS, standardize=False)
                rows, scale = Rows.of(data, joint=False), data.scaling.y_scale
                best = risk(W, quadratic(rows, data.y, AnyCoupling(K / NOISE / p)).slopes, scale)
                start = time.process_time()
                model = kinfolk.MeanRegularizedRegressor(task=-1, standardize=False)
                model.fit(np.column_stack((X, codes)), y)
                auto_s = time.process_time() - start
                auto = risk(W, model.coef_, 1.0)
                start = time.process_time()
                (lam, c), fits = grid_search(data)
                searched = risk(W, quadratic(rows, data.y, CommonMean.of(lam, c, p)).slopes, scale)
                searched_s = time.process_time() - start
                expected = model.expected_error_.mean() / (auto + float((model.intercept_**2).mean()))
                found.append([auto / best, searched / best, model.n_iter_, fits, auto_s, searched_s, expected])
            table.append(np.mean(found, axis=0))
            auto, searched, used, fits, auto_s, searched_s, expected = table[-1]
            print(
                f"| {alpha} | {rho} | {100 * (auto - 1):.1f} | {100 * (searched - 1):.1f} | {used:.0f} | {fits:.0f} "
                f"| {auto_s:.2f} | {searched_s:.2f} | {expected:.2f} |",
                flush=True,
            )
    auto, searched, used, fits, auto_s, searched_s, _ = np.array(table).T
    print(f"mean regret {100 * (auto.mean() - 1):.2f}% (grid {100 * (searched.mean() - 1):.2f}%)")
    print(f"worst, auto / grid: {(auto / searched).max():.4f}; fits at most {used.max():.0f}")
    print(f"grid / auto, fits: {fits.mean() / used.mean():.1f}; seconds: {searched_s.sum() / auto_s.sum():.1f}")


def real():
    """Print one row a table."""
    names = ["IndependentRidge", "PooledRidge", "PartialPoolingRegressor", "MeanRegularizedRegressor"]
    for name in ("ames", "school_ilea", "exam65", "computer_survey"):
        data = load_ames() if name == "ames" else load_real(name)
        found = kinfolk.compare(data.X, data.y, task=data.task, methods=names).methods.set_index("method")
        shown = " | ".join(f"{found.loc[method, 'gain']:.3f}" for method in names[1:])
        seconds = " | ".join(f"{found.loc[method, 'fit_seconds']:.2f}" for method in names[2:])
        print(f"| {name} | {shown} | {seconds} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["made", "real"])
    parser.add_argument("--features", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.part == "made":
        made(arguments.features, arguments.seeds)
    else:
        real()
