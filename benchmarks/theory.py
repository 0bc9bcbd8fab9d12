"""Predictions without data: milliseconds each, and whether every problem of a large grid is solved.

``python benchmarks/theory.py`` prints both; ``grid`` or ``speed`` one of them.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
import time

import numpy as np

from kinfolk.theory import Problem, optimal_coupling, predict_risk

CONTAMINATED = [(0.9, 0.05), (0.1, 4.0)]
PAIRS = {
    ("squared", "linear"): {"noise": 0.25},
    ("squared", "sign"): {"noise": 0.1},
    ("lad", "linear"): {"noise": CONTAMINATED},
    ("huber", "linear"): {"noise": CONTAMINATED},
    ("hinge", "sign"): {"noise": 0.1},
    ("hinge", "logistic"): {"signal": 4.0},
    ("logistic", "sign"): {"noise": 0.1},
    ("logistic", "logistic"): {"signal": 4.0},
}


def settings():
    """(T, similarity, c): one task alone, or several at three similarities, half coupled or pooled."""
    return [(1, 0.0, 0.0), *itertools.product((2, 5, 10), (0.1, 0.5, 0.9), (0.5, 1.0))]


def grid():
    """All problems: how many are not solved, the largest residual, milliseconds by loss and label."""
    total, unsolved = 0.0, 0
    print(f"{'loss':10}{'link':10}{'problems':>9}{'unsolved':>9}{'residual':>10}{'ms median':>10}{'ms worst':>10}")
    for (loss, link), given in PAIRS.items():
        times, residuals, failed = [], [], 0
        for alpha, lam, (T, rho, c) in itertools.product(
            (0.2, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0), (1e-4, 0.1, 1.0), settings()
        ):
            problem = Problem(1, alpha, n_tasks=T, similarity=rho, link=link, **given)
            start = time.perf_counter()
            risk = predict_risk(problem, loss, lam=lam, c=c)
            times.append(1e3 * (time.perf_counter() - start))
            failed += not risk.converged
            residuals.append(risk.residual)
        print(
            f"{loss:10}{link:10}{len(times):9d}{failed:9d}{max(residuals):10.1e}{np.median(times):10.2f}{max(times):10.1f}"
        )
        total, unsolved = total + sum(times) / 1e3, unsolved + failed
    print(f"all: {unsolved} unsolved in {total:.1f} s")


def speed(repeats=20):
    """The best of `repeats`, in milliseconds."""
    generator = np.random.default_rng(0)
    rows = generator.uniform(0.3, 3.0, 10)
    alike = {"n_tasks": 10, "similarity": 0.5}
    jobs = {
        "squared, 10 tasks alike": (Problem(1, 1, noise=0.25, **alike), "squared"),
        "squared, 10 unequal tasks": (Problem(1, rows, similarity=0.5, noise=0.25), "squared"),
        "squared, 50 unequal tasks": (Problem(1, np.tile(rows, 5), similarity=0.5, noise=0.25), "squared"),
        "LAD, 10 tasks alike": (Problem(1, 1, noise=CONTAMINATED, **alike), "lad"),
        "Huber, 10 tasks alike": (Problem(1, 1, noise=CONTAMINATED, **alike), "huber"),
        "hinge, 10 tasks alike": (Problem(1, 1, noise=0.1, link="sign", **alike), "hinge"),
        "logistic, 10 tasks alike": (Problem(1, 1, signal=4.0, link="logistic", **alike), "logistic"),
        "logistic, 10 unequal tasks": (Problem(1, rows, similarity=0.5, signal=4.0, link="logistic"), "logistic"),
    }
    for name, (problem, loss) in jobs.items():
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            predict_risk(problem, loss, lam=0.1, c=0.5)
            times.append(1e3 * (time.perf_counter() - start))
        print(f"{name:32}{min(times):9.3f} ms")
    start = time.perf_counter()
    optimal_coupling(jobs["logistic, 10 tasks alike"][0], "logistic")
    print(f"{'best coupling, logistic':32}{1e3 * (time.perf_counter() - start):9.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["speed", "grid"])
    part = parser.parse_args().part
    if part != "grid":
        speed()
    if part != "speed":
        grid()
