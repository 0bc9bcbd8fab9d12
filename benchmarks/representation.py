"""The shared representation beside its peers on W1, and what its solve costs in units of the moments.

W1 is 100 tasks of 50 rows, 100 features, coefficients in 5 dimensions, noise 1. Excess error: mean over tasks of
E_x (f_hat(x) - f(x))^2, without noise. All methods see the same seeds; peers marked `k known` are told the rank.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV

from kinfolk import SharedRepresentationRegressor
from kinfolk.datasets import make_shared_representation
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.solve import by_evidence
from kinfolk.tasks import TaskData

RANK = 5
PARTS = ("moments", "least squares", "solve", "fit")


def arrays(data):
    return data.X.drop(columns="task").to_numpy(), data.y, data.X["task"].to_numpy()


def centred(data):
    """Rows of each task, features and target around the task's means, and these means."""
    X, y, codes = arrays(data)
    tasks = [(X[codes == t], y[codes == t]) for t in range(len(data.coef))]
    means = [(A.mean(axis=0), b.mean()) for A, b in tasks]
    return [(A - m, b - c) for (A, b), (m, c) in zip(tasks, means, strict=True)], means


def with_intercepts(coef, means):
    return coef, np.array([c - m @ w for w, (m, c) in zip(coef, means, strict=True)])


def ridge_cv_per_task(data):
    """scikit-learn's RidgeCV on each task, as a user would loop it."""
    X, y, codes = arrays(data)
    fits = [RidgeCV(np.logspace(-3, 4, 30)).fit(X[codes == t], y[codes == t]) for t in range(len(data.coef))]
    return np.array([fit.coef_ for fit in fits]), np.array([fit.intercept_ for fit in fits])


def shared_representation(data):
    """The library with its defaults: the rank is not known."""
    model = SharedRepresentationRegressor(task="task").fit(data.X, data.y)
    return model.coef_, model.intercept_


def shared_representation_given_rank(data):
    """The library, told the rank."""
    model = SharedRepresentationRegressor(rank=RANK, task="task").fit(data.X, data.y)
    return model.coef_, model.intercept_


def alternating_minimisation(data, most=50):
    """Least squares for the heads, then for the basis (d k equations), in turn, as one would write it down."""
    tasks, means = centred(data)
    d = tasks[0][0].shape[1]
    moment = np.array([A.T @ b / len(b) for A, b in tasks])
    basis = np.linalg.svd(moment.T, full_matrices=False)[0][:, :RANK]
    for _ in range(most):
        heads = [np.linalg.lstsq(A @ basis, b)[0] for A, b in tasks]
        normal, pull = np.zeros((d * RANK, d * RANK)), np.zeros(d * RANK)
        for (A, b), w in zip(tasks, heads, strict=True):
            normal += np.kron(A.T @ A, np.outer(w, w))
            pull += np.kron(A.T @ b, w)
        new = np.linalg.qr(np.linalg.solve(normal, pull).reshape(d, RANK))[0]
        move = np.linalg.norm(new - basis @ (basis.T @ new))
        basis = new
        if move < 1e-3:
            break
    heads = np.array([np.linalg.lstsq(A @ basis, b)[0] for A, b in tasks])
    return with_intercepts(heads @ basis.T, means)


def trace_norm(data, n_lambdas=10, share=0.8):
    """1/2 sum of squares + lambda ||W||_* by FISTA; lambda by the last fifth of each task's rows, then all rows."""
    tasks, means = centred(data)
    cut = int(share * len(tasks[0][1]))
    train = [(A[:cut], b[:cut]) for A, b in tasks]
    pull = np.array([A.T @ b for A, b in train])
    lambdas = np.linalg.norm(pull, 2) * np.geomspace(0.7, 0.02, n_lambdas)
    W, errors = np.zeros_like(pull), []
    for strength in lambdas:
        W = _fista(train, W, strength)
        errors.append(sum(float(((b[cut:] - A[cut:] @ w) ** 2).sum()) for (A, b), w in zip(tasks, W, strict=True)))
        if len(errors) > 2 and errors[-1] > errors[-2] > errors[-3]:
            break
    # a sum over more rows needs a larger strength: noise in the pull grows like the root of the rows
    best = lambdas[int(np.argmin(errors))] / np.sqrt(share)
    return with_intercepts(_fista(tasks, W, best), means)


def _fista(tasks, W, strength, most=300, tol=1e-4):
    grams = np.array([A.T @ A for A, _ in tasks])
    pulls = np.array([A.T @ b for A, b in tasks])
    step = 1.0 / max(np.linalg.eigvalsh(grams)[:, -1])
    point, momentum = W, 1.0
    for _ in range(most):
        gradient = (grams @ point[:, :, None])[:, :, 0] - pulls
        left, values, right = np.linalg.svd(point - step * gradient, full_matrices=False)
        new = (left * np.maximum(values - step * strength, 0.0)) @ right
        next_momentum = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        point = new + (momentum - 1.0) / next_momentum * (new - W)
        move = np.linalg.norm(new - W) / max(np.linalg.norm(new), 1e-12)
        W, momentum = new, next_momentum
        if move < tol:
            break
    return W


def merf_all_slopes(data):
    """Mixed effects with every slope random (full covariance), MERF's EM with a linear model for the fixed part."""
    try:
        from merf.merf import MERF
    except ImportError:
        raise SystemExit(
            "merf is not installed: pip install it into a separate environment and put a folder that holds only its "
            "package on PYTHONPATH, or pass --without-merf."
        ) from None
    import logging

    import pandas as pd

    logging.disable(logging.WARNING)
    X, y, codes = arrays(data)
    model = MERF(fixed_effects_model=Ridge(), max_iterations=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.column_stack((np.ones(len(X)), X)), pd.Series(codes), y)
    logging.disable(logging.NOTSET)
    own = model.trained_b.loc[range(len(data.coef))].to_numpy(dtype=float)
    return model.trained_fe_model.coef_ + own[:, 1:], model.trained_fe_model.intercept_ + own[:, 0]


def oracle_subspace(data):
    """Least squares of every task in the true subspace."""
    tasks, means = centred(data)
    basis = data.representation
    return with_intercepts(np.array([basis @ np.linalg.lstsq(A @ basis, b)[0] for A, b in tasks]), means)


PEERS = {
    "scikit-learn RidgeCV per task": ridge_cv_per_task,
    "SharedRepresentationRegressor": shared_representation,
    "  the same, k known": shared_representation_given_rank,
    "alternating minimisation, k known": alternating_minimisation,
    "trace norm, FISTA, validation split": trace_norm,
    "MERF, all slopes random": merf_all_slopes,
    "oracle subspace": oracle_subspace,
}


def peers(seeds, without_merf):
    """Print errors and times on W1."""
    found = {name: ([], []) for name in PEERS if not (without_merf and name.startswith("MERF"))}
    for seed in range(seeds):
        data = make_shared_representation(random_state=seed)
        for name, (errors, times) in found.items():
            start = time.process_time()
            coef, intercept = PEERS[name](data)
            times.append(time.process_time() - start)
            errors.append(float(data.excess_error(coef, intercept)))
    base_errors, base_times = found["scikit-learn RidgeCV per task"]
    print(f"\nW1: 100 tasks x 50 rows, d = 100, rank 5 ({seeds} seeds)")
    print(f"{'method':38}{'excess':>9}{'sd':>8}{'x RidgeCV':>11}{'CPU s':>9}{'x RidgeCV':>11}")
    for name, (errors, times) in found.items():
        ratio, used = np.mean(np.array(errors) / base_errors), np.median(times)
        print(
            f"{name:38}{np.mean(errors):9.4f}{np.std(errors):8.4f}{ratio:11.3f}{used:9.3f}"
            f"{used / np.median(base_times):11.1f}"
        )


def timed(make, repeats=3):
    """Smallest CPU time of some runs, and what the last one made."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        made = make()
        seconds.append(time.process_time() - start)
    return min(seconds), made


def cost(n_tasks, n_samples, n_features, repeats=3):
    """CPU seconds of the moments, of least squares and the solve from them, and of a whole fit; the rank is given."""
    tasks = make_shared_representation(n_tasks, n_samples, n_features, RANK, random_state=0)
    X, y, codes = arrays(tasks)
    data = TaskData.build(X, y, codes, n_tasks)
    model = SharedRepresentationRegressor(rank=RANK, task="task")
    made, moments = timed(data.moments, repeats)
    projected, _ = timed(lambda: variable_projection(moments, RANK), repeats)
    solved, _ = timed(lambda: by_evidence(moments, RANK, max_rank=RANK), repeats)
    whole, _ = timed(lambda: model.fit(tasks.X, tasks.y), repeats)
    return made, projected, solved, whole


def scaling(repeats, small, plot):
    """Print the cost in units of the moments, and how it grows."""
    n_tasks, n_samples, d = (500, 50, 50) if small else (2000, 100, 100)
    row = cost(n_tasks, n_samples, d, repeats)
    print(f"\nRank given: d = {d}, T = {n_tasks}, N = {n_samples}, k = {RANK}; CPU s, best of {repeats}")
    print(" " * 16 + "".join(f"{part:>16}" for part in PARTS))
    print(f"{'CPU s':16}" + "".join(f"{seconds:16.3f}" for seconds in row))
    print(f"{'x moments':16}" + "".join(f"{seconds / row[0]:16.2f}" for seconds in row))
    factor = 0.5 if small else 1.0
    base = {"T": int(400 * factor), "N": int(100 * factor), "d": int(80 * factor)}
    grids = {"T": (200, 400, 800, 1600), "N": (100, 200, 400, 800), "d": (25, 50, 100)}
    curves = {}
    print(f"\nGrowth around T = {base['T']}, N = {base['N']}, d = {base['d']}; CPU s and slope in log-log")
    print(" " * 16 + "".join(f"{part:>16}" for part in PARTS))
    for name, grid in grids.items():
        values = [int(value * factor) for value in grid]
        found = [cost(*(base | {name: value}).values(), repeats) for value in values]
        for value, row in zip(values, found, strict=True):
            print(f"{name + ' = ' + str(value):16}" + "".join(f"{cell:16.3f}" for cell in row))
        logs = np.log(np.maximum(np.array(found), 1e-6))
        slopes = np.polyfit(np.log(values), logs, 1)[0]
        print(f"{'slope in ' + name:16}" + "".join(f"{slope:16.2f}" for slope in slopes))
        curves[name] = values, np.array(found), slopes
    if plot:
        _draw(curves, plot)
        print(f"\n{plot}")


def _draw(curves, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(11, 3.6), layout="constrained", sharey=True)
    for axis, (name, (values, found, slopes)) in zip(axes, curves.items(), strict=True):
        for what, times, slope in zip(PARTS, found.T, slopes, strict=True):
            axis.loglog(values, times, marker="o", label=f"{what}: slope {slope:.2f}")
        axis.set_xlabel(name)
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("CPU seconds")
    figure.suptitle(f"Cost with the rank given (k = {RANK})", fontsize=10)
    figure.savefig(path)


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["peers", "scaling", "all"], default="all")
    parser.add_argument("--seeds", type=int, default=4, help="paired seeds on W1 (default 4)")
    parser.add_argument("--without-merf", action="store_true", help="leave MERF out")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each timing, the best counts (default 3)")
    parser.add_argument("--small", action="store_true", help="half of the sizes, to try the script")
    parser.add_argument("--plot", metavar="FILE", help="draw the growth (png, svg or pdf)")
    args = parser.parse_args()
    if args.what != "scaling":
        peers(args.seeds, args.without_merf)
    if args.what != "peers":
        scaling(args.repeats, args.small, args.plot)


if __name__ == "__main__":
    main()
