"""10,000 tasks of 20 to 80 rows, d = 50, one BLAS thread, all in one run.

The unit is the work that cannot be avoided: rows to moments (sorted, standardised, centred Gram matrices), and one
batched numpy.linalg.solve. Fits are whole calls of ``fit``, with validation.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV

from kinfolk import IndependentRidge
from kinfolk.tasks import TaskData


def cpu(job, repeat):
    """Best CPU seconds of a few runs."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def main():
    """Print CPU seconds and ratios to the unit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    d, counts = 50, rng.integers(20, 81, size=args.tasks)
    codes = np.repeat(np.arange(args.tasks), counts)
    X = rng.normal(size=(len(codes), d))
    coef = 0.3 * rng.normal(size=(args.tasks, d))
    y = (X * coef[codes]).sum(axis=1) + rng.normal(size=len(codes))
    table = np.column_stack((X, codes))
    ends = np.concatenate(([0], np.cumsum(counts)))
    slices = [slice(ends[t], ends[t + 1]) for t in range(args.tasks)]
    alphas = np.logspace(-3, 4, 10)

    def unit():
        moments = TaskData.build(X, y, codes, args.tasks).moments()
        np.linalg.solve(moments.gram + np.eye(d), moments.b[:, :, None])

    jobs = {
        "unit: moments + one batched solve": (unit, args.repeat),
        "IndependentRidge(alpha=11.0).fit": (lambda: IndependentRidge(11.0, task=-1).fit(table, y), args.repeat),
        "IndependentRidge().fit (evidence)": (lambda: IndependentRidge(task=-1).fit(table, y), args.repeat),
        "loop of scikit-learn Ridge": (lambda: [Ridge(11.0).fit(X[rows], y[rows]) for rows in slices], 1),
        "loop of scikit-learn RidgeCV": (lambda: [RidgeCV(alphas).fit(X[rows], y[rows]) for rows in slices], 1),
    }
    print(f"{args.tasks:,} tasks, {len(codes):,} rows, d = {d}, one BLAS thread")
    base = None
    for name, (job, repeat) in jobs.items():
        seconds = cpu(job, repeat)
        base = seconds if base is None else base
        print(f"{name:36}{seconds:9.2f} CPU s{seconds / base:8.2f} units{1e6 * seconds / args.tasks:10.0f} us a task")


if __name__ == "__main__":
    main()
