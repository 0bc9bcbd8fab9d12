"""How good estimates of noise, signal and similarity are, and what penalties from them cost.

``regret``: excess test error over the penalty of the truth, K = G / D, of penalties from estimates; p = 200 features,
6 tasks, 8 data sets of each kind. ``rmse``: of the likelihood and of the moments. ``classes``: error rates of the
logistic loss at the penalty from estimates, beside the best, and as predicted; 5 tasks, signal 4.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from time import perf_counter

import numpy as np
from scipy.linalg import solve

from kinfolk.theory import (
    Problem,
    eb_auto,
    em_multitask,
    estimate_moments,
    estimate_problem,
    optimal_coupling,
    outlook,
    predict_risk,
)

P, T, SETS = 200, 6, 8


def truths():
    """Gram matrix and noise of every kind of tasks."""
    noise = np.full(T, 0.25)
    alike = {f"exchangeable {rho}": rho + (1 - rho) * np.eye(T) for rho in (0.5, 0.9)}
    blocks = np.kron(np.eye(2), 0.8 * np.ones((3, 3)) + 0.2 * np.eye(3))
    outlier = np.full((T, T), 0.8)
    outlier[4, :] = outlier[:, 4] = 0.0
    outlier[5, :4] = outlier[:4, 5] = -0.6
    np.fill_diagonal(outlier, 1.0)
    kinds = {name: (gram, noise) for name, gram in alike.items()}
    kinds |= {"independent": (np.eye(T), noise), "two clusters (.8)": (blocks, noise)}
    return kinds | {"outliers (0, -.6)": (outlier, np.array([0.1, 0.25, 0.5, 1.0, 0.25, 0.5]))}


def draw(gram, noise, alpha, generator):
    """Rows, targets, tasks and the truth ``(T, P)``."""
    values, vectors = np.linalg.eigh(gram)
    W = (vectors * np.sqrt(np.maximum(values, 0))) @ np.linalg.qr(generator.normal(size=(P, T)))[0].T
    task = np.repeat(np.arange(T), round(alpha * P))
    X = generator.normal(size=(len(task), P))
    y = (X * W[task]).sum(axis=1) + np.sqrt(noise[task]) * generator.normal(size=len(task))
    return X, y, task, W


def fit(X, y, task, gram, noise):
    """Posterior mean of the prior N(0, gram / P) ``(T, P)``."""
    values, vectors = np.linalg.eigh(gram)
    inverse = (vectors / np.maximum(values, 1e-8)) @ vectors.T
    A, b = np.kron(inverse * P, np.eye(P)), np.zeros(T * P)
    for t in range(T):
        here, rows = slice(t * P, (t + 1) * P), X[task == t]
        A[here, here] += rows.T @ rows / noise[t]
        b[here] = rows.T @ y[task == t] / noise[t]
    return solve(A, b, assume_a="pos").reshape(T, P)


def from_problem(X, y, task, structure):
    found = estimate_problem(X, y, task, structure=structure, n_draws=2)
    return found.problem.inner_products, found.problem.noise_variance


METHODS = {
    "exchangeable": lambda X, y, task: from_problem(X, y, task, "exchangeable"),
    "auto": lambda X, y, task: from_problem(X, y, task, "auto"),
    "eb_auto": lambda X, y, task: (lambda found: (found.gram, found.noise))(eb_auto(X, y, task, whitened=True)),
    "em": lambda X, y, task: (lambda found: (found.gram, found.noise))(em_multitask(X, y, task, whitened=True)),
}


def regret():
    """Print a row a kind."""
    names = ["single, oracle", *METHODS]
    print(f"{'':22}" + "".join(f"{name:>17}" for name in names))
    spent = dict.fromkeys(METHODS, 0.0)
    for kind, (gram, noise) in truths().items():
        cells = {name: [] for name in names}
        for alpha in (0.5, 1.5):
            excess = {name: [] for name in names}
            for seed in range(SETS):
                X, y, task, W = draw(gram, noise, alpha, np.random.default_rng(seed))

                def error(gram, noise, data=(X, y, task), W=W, truth=noise):
                    return float((truth + ((fit(*data, gram, noise) - W) ** 2).sum(axis=1)).mean())

                best = error(gram, noise)
                excess["single, oracle"].append(error(np.diag(np.diag(gram)), noise) / best - 1)
                for name, method in METHODS.items():
                    start = perf_counter()
                    found = method(X, y, task)
                    spent[name] += perf_counter() - start
                    excess[name].append(error(*found) / best - 1)
            for name in names:
                cells[name].append(f"{100 * np.mean(excess[name]):.1f}")
        print(f"{kind:22}" + "".join(f"{' / '.join(cells[name]) + ' %':>17}" for name in names), flush=True)
    print("seconds: " + ", ".join(f"{name} {value / 16 / len(truths()):.2f}" for name, value in spent.items()))


def rmse():
    """Root mean square errors of signal, similarity and noise; 40 data sets, alpha = 1, similarity .5."""
    gram, noise = truths()["exchangeable 0.5"]
    likelihood, moments = [], []
    for seed in range(40):
        X, y, task, _ = draw(gram, noise, 1.0, np.random.default_rng(seed))
        found, simple = (
            estimate_problem(X, y, task, structure="exchangeable", n_draws=2),
            estimate_moments(X, y, task, whitened=True),
        )
        likelihood.append((found.signal - 1, found.similarity - 0.5, found.noise - 0.25))
        moments.append((simple.level - 1, simple.similarity - 0.5, simple.noise.mean() - 0.25))
    for name, errors in (("likelihood", likelihood), ("moments", moments)):
        a, b, c = np.sqrt(np.mean(np.square(errors), axis=0))
        print(f"rmse of {name:12} signal {a:.3f}  similarity {b:.3f}  noise {c:.3f}")


def classes():
    """Print error rates of the truth at the estimated penalty, of the best penalty, and as predicted."""
    for alpha in (1.0, 2.5):
        for rho in (0.0, 0.3, 0.6, 0.9):
            truth = Problem(P, alpha * P, n_tasks=5, similarity=rho, signal=4.0, link="logistic")
            found = []
            for seed in range(SETS):
                generator = np.random.default_rng(seed)
                basis = np.linalg.qr(generator.normal(size=(P, 5)))[0]
                W = 2.0 * np.linalg.cholesky(rho + (1 - rho) * np.eye(5)) @ basis.T
                task = np.repeat(np.arange(5), round(alpha * P))
                X = generator.normal(size=(len(task), P))
                y = generator.random(len(task)) < 1 / (1 + np.exp(-(X * W[task]).sum(axis=1)))
                estimate = estimate_problem(X, y, task, n_draws=2)
                told = outlook(estimate)
                risk = predict_risk(truth, "logistic", lam=told.lam, c=told.c).test[0]
                found.append((risk, told.coupled, estimate.signal, estimate.similarity, estimate.loo))
            best = optimal_coupling(truth, "logistic").risk.test[0]
            (risk, told, signal, similarity, left_out), spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
            print(
                f"alpha {alpha} similarity {rho}: plug-in {risk:.4f} best {best:.4f} predicted {told:.4f} ± "
                f"{spread[1]:.4f} left out {left_out:.4f} signal {signal:.2f} ± {spread[2]:.2f} similarity "
                f"{similarity:.2f} ± {spread[3]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["regret", "rmse", "classes"])
    for what in parser.parse_args().what:
        {"regret": regret, "rmse": rmse, "classes": classes}[what]()
