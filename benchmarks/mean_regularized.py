"""Strengths of MeanRegularizedRegressor without cross-validation, beside a grid search; real targets and real tables.

``made``: exchangeable tasks (T = 5, noise variance 0.25) for rows a feature in {0.4, 1, 2.5} and similarity in
{0, .3, .6, .9}: excess of the test error over that of the optimal coupling, for ``coupling="auto"`` and for 5-fold
cross-validation on a 7 x 5 grid of (lam, c) in the same run, with the fits that each used.
``patches``: the centre pixel of 11 x 11 patches (p = 119: the rest but one corner) of scikit-learn's two sample images,
T = 6 (two images, three channels), plain and normalised by their contrast: test error of ``coupling="auto"``, of the
grid, and of the grid with c = 0 and c = 1.
``real``: five folds of real tables, beside PartialPoolingRegressor.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np
from sklearn.datasets import load_sample_images

import kinfolk
from kinfolk.datasets import load_ames, load_real
from kinfolk.linear.minimum import quadratic
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import AnyCoupling, CommonMean
from kinfolk.tasks import TaskData

NOISE, N_TASKS = 0.25, 5
SHARES = (0.0, 0.25, 0.5, 0.75, 0.95)
GRID = [(lam, c) for lam in np.logspace(-2, 1, 7) for c in SHARES]


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


def grid_search(data, folds=5, shares=None):
    """(lam, c) with the smallest error in 5 folds within tasks, and how many fits; or one for each of ``shares``."""
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
    if shares is None:
        return GRID[int(np.argmin(errors))], folds * len(GRID) + 1
    return [min((e, at) for e, at in zip(errors, GRID, strict=True) if at[1] in kept)[1] for kept in shares]


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


def patches(normalised, n, seed):
    """Rows (n a task) and as many as 3,000 test rows; the corner is left out, the centre is the target."""
    rng, found = np.random.default_rng(seed), []
    for image in load_sample_images().images:
        for channel in range(3):
            picture = image[:, :, channel] / 255.0
            size = n + 3000
            rows, columns = (rng.integers(0, length - 11, size) for length in picture.shape)
            cut = np.lib.stride_tricks.sliding_window_view(picture, (11, 11))[rows, columns].reshape(size, 121)
            cut = cut - np.delete(cut, 60, axis=1).mean(axis=1, keepdims=True)
            if normalised:
                cut = cut / (np.delete(cut, 60, axis=1).std(axis=1, keepdims=True) + 0.02)
            found.append(cut)
    return np.stack(found)


def real_targets(seeds):
    """Print one row a sort of patch and size."""
    print("test error / variance of a whitened target: auto, grid, grid c = 0, grid c nearly 1; fits, seconds of both")
    for normalised in (True, False):
        for alpha in (0.3, 0.6, 1.2, 3.0):
            found = []
            for seed in range(seeds):
                n, p = round(alpha * 119), 119
                cut = patches(normalised, n, seed)
                y, X = cut[:, :, 60], np.delete(cut, [0, 60], axis=2)
                flat = X.reshape(-1, p) - X.mean(axis=(0, 1))
                values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
                X = (X - X.mean(axis=(0, 1))) @ (vectors / np.sqrt(np.maximum(values, 1e-4 * values[-1])))
                y = y / y.std()
                codes = np.repeat(np.arange(6), n)
                train_X, train_y = X[:, :n].reshape(-1, p), y[:, :n].ravel()
                start = time.process_time()
                model = kinfolk.MeanRegularizedRegressor(task=-1, standardize=False)
                model.fit(np.column_stack((train_X, codes)), train_y)
                auto_s = time.process_time() - start
                data = TaskData.build(train_X, train_y, codes, 6, standardize=False)
                rows, scale, middle = Rows.of(data, joint=False), data.scaling.y_scale, data.scaling.y_center
                start = time.process_time()
                chosen = grid_search(data, shares=(SHARES, SHARES[:1], SHARES[-1:]))
                searched_s = time.process_time() - start

                def error(coef, intercept, X=X, y=y, n=n):
                    return float(((np.einsum("tip,tp->ti", X, coef) + intercept[:, None] - y)[:, n:] ** 2).mean())

                fits = [quadratic(rows, data.y, CommonMean.of(lam, c, p)) for lam, c in chosen]
                rivals = [error(scale * fit.slopes, scale * fit.intercept + middle) for fit in fits]
                found.append([error(model.coef_, model.intercept_), *rivals, model.n_iter_, auto_s, searched_s])
            shown = np.mean(found, axis=0)
            print(
                f"| {'normalised' if normalised else 'plain'} | {alpha} | "
                + " | ".join(f"{value:.3f}" for value in shown[:4])
                + f" | {100 * (shown[0] / shown[1] - 1):+.1f}% | {shown[4]:.0f} | {shown[5]:.2f} | {shown[6]:.2f} |",
                flush=True,
            )


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
    parser.add_argument("part", choices=["made", "patches", "real"])
    parser.add_argument("--features", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.part == "made":
        made(arguments.features, arguments.seeds)
    elif arguments.part == "patches":
        real_targets(arguments.seeds)
    else:
        real()
