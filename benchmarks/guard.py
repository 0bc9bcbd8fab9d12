"""The guard against negative transfer: mean loss beside the best single candidate, and how many tasks are made worse.

Two figures for every candidate and for the guard, on rows that nobody was fitted to: the mean loss over that of the
best single candidate of the same data set, and the share of tasks that are worse than their independent fit by more
than two of their own paired standard errors (2.5% where there is no difference). ``mixtures`` draws tasks of which half
are unrelated, that lie in clusters, with one family of outliers, all unrelated, all alike; ``real`` trains on a part of
every task of real tables; ``cost`` compares a fit with the candidates' own cross-validation.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_predict

from kinfolk import GuardedClassifier, GuardedRegressor, TaskKFold
from kinfolk.metrics import pointwise_loss, transfer_gain
from kinfolk.validation import holds_classes

MIXTURES = ("half", "clustered", "outliers", "unrelated", "alike")
SETS = (
    "school_ilea",
    "computer_survey",
    "ames_housing",
    "exam65",
    "radon",
    "bike_hourly",
    "landmine",
    "watch_exercise",
)
TESTED = 30  # rows of a task in the mixtures
MOST = 15000  # rows of a real table


def mixture(kind, seed, n_tasks=40, p=10):
    """Training and test rows of tasks with 8 to 59 rows, coefficients of length 1.5, noise of variance one."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(8, 60, size=n_tasks)
    draw = lambda *shape: 1.5 * generator.normal(size=(*shape, p)) / np.sqrt(p)  # noqa: E731
    mean, own = draw(), draw(n_tasks)
    W = mean + 0.15 * own
    if kind == "half":
        W[::2] = own[::2]
    elif kind == "clustered":
        W = draw(4)[np.arange(n_tasks) % 4] + 0.15 * own
    elif kind == "outliers":
        W[:4] = -mean + 0.3 * own[:4]
    elif kind == "unrelated":
        W = own
    level = generator.normal(size=n_tasks)

    def rows(counts):
        codes = np.repeat(np.arange(n_tasks), counts)
        X = generator.normal(size=(len(codes), p))
        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(p)]).assign(task=codes)
        return frame, level[codes] + (X * W[codes]).sum(axis=1) + generator.normal(size=len(codes))

    return rows(sizes), rows(np.full(n_tasks, TESTED))


def part(name, share, seed):
    """A part of the rows of every task to train on, and the others."""
    table = pd.read_parquet(Path(os.environ.get("KINFOLK_DATA", "../shared/data")) / f"{name}.parquet")
    generator = np.random.default_rng(seed)
    if len(table) > MOST:
        table = table.iloc[np.sort(generator.permutation(len(table))[:MOST])]
    X = table[["task", *(column for column in table if column.startswith("x__"))]].reset_index(drop=True)
    y, order = table["y"].to_numpy(), generator.random(len(table))
    rank = pd.Series(order).groupby(X["task"]).rank().to_numpy() - 1.0
    size = X.groupby("task")["task"].transform("size").to_numpy()
    train = rank < np.maximum(np.round(share * size), 1.0)
    return (X[train], y[train]), (X[~train], y[~train])


def judged(training, testing):
    """Mean loss and share of harmed tasks of every candidate and of the guard."""
    (X, y), (new, truth) = training, testing
    classes = np.unique(y)
    told_apart = holds_classes(y)
    guarded = GuardedClassifier if told_apart else GuardedRegressor
    model = guarded(task="task").fit(X, y)
    codes = pd.Categorical(new["task"], categories=model.tasks_).codes.astype(np.int64)
    losses = {}
    for name, one in {**model.estimators_, "guard": model}.items():
        if told_apart:
            told = np.searchsorted(classes, truth)
            losses[name] = pointwise_loss(told, one.predict_proba(new), "log_loss")
        else:
            losses[name] = pointwise_loss(truth, one.predict(new))
    alone = losses[next(name for name in losses if name.startswith("Independent"))]
    found = {}
    for name, loss in losses.items():
        gain = transfer_gain(loss, alone, codes, len(model.tasks_))
        tested = np.isfinite(gain.standard_error)
        worse = (gain.gain < -2.0 * gain.standard_error)[tested]
        found[name] = float(loss.mean()), float(worse.mean())
    return found


def line(name, results):
    """Means over data sets: loss over the best single candidate's, share of harmed tasks."""
    best = [min(loss for method, (loss, _) in found.items() if method != "guard") for found in results]
    cells = []
    for method in results[0]:
        ratio = np.mean([found[method][0] / least for found, least in zip(results, best, strict=True)])
        cells.append(f"{ratio:.3f} {np.mean([found[method][1] for found in results]):6.1%}")
    print(f"{name:22}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def heading(names):
    """Names of the columns."""
    short = [name.removesuffix("Regressor").removesuffix("Classifier")[:15] for name in names]
    print(f"{'':22}" + "".join(f"{name:>16}" for name in short))


def cost():
    """Seconds of a fit over those of the candidates' own cross-validation."""
    (X, y), _ = mixture("half", 0)
    start = time.process_time()
    model = GuardedRegressor(task="task").fit(X, y)
    guarded, start = time.process_time() - start, time.process_time()
    for one in model.estimators_.values():
        cross_val_predict(one, X, y, cv=TaskKFold(5, task="task", random_state=0))
    alone = time.process_time() - start
    print(f"a guarded fit {guarded:.1f} CPU s, the candidates' own cross-validation {alone:.1f}: {guarded / alone:.2f}")


def main():
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["mixtures", "real", "cost"])
    parser.add_argument("--seeds", type=int, default=20, help="of the mixtures")
    parser.add_argument("--splits", type=int, default=10, help="of the real tables")
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if "mixtures" in args.parts:
        for place, kind in enumerate(MIXTURES):
            results = [judged(*mixture(kind, seed)) for seed in range(args.seeds)]
            if place == 0:
                heading(results[0])
            line(kind, results)
    for name in args.sets if "real" in args.parts else ():
        for share in (0.15, 0.6):
            results = [judged(*part(name, share, seed)) for seed in range(args.splits)]
            if share == 0.15:
                heading(results[0])
            line(f"{name} {share:.0%}", results)
    if "cost" in args.parts:
        cost()


if __name__ == "__main__":
    main()
