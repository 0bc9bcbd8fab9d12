"""Streams of real tables, every row predicted before it is learned: the modes of TaskGraphTracker and lone learners.

Rows of all tasks in turns, as many a call as there are tasks. The peer is one ``SGDRegressor`` (``SGDClassifier``) of
scikit-learn a task, with features in units of the first thousand rows; the tracker takes its units from there too.
Errors are over the second half of the rows.
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
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.preprocessing import StandardScaler

from kinfolk import TaskGraphTracker

SETS = {"bike_hourly": "squared", "school_ilea": "squared", "computer_survey": "squared", "landmine": "logistic"}
FIRST = 1000  # rows that units are taken from


def table(name):
    """Features with the task column, and the target; the next row of every task in turns."""
    data = pd.read_parquet(Path(os.environ.get("KINFOLK_DATA", "../shared/data")) / f"{name}.parquet")
    data = data.sample(frac=1.0, random_state=0) if name == "landmine" else data  # stored mines first
    data = data.iloc[data.groupby("task").cumcount().argsort(kind="stable")]
    return data[["task", *(column for column in data if column.startswith("x__"))]], data["y"].to_numpy()


def loss_of(kind, predicted, y):
    """Squared errors, or log-losses of probabilities."""
    if kind == "squared":
        return (predicted - y) ** 2
    p = np.clip(predicted, 1e-6, 1.0 - 1e-6)
    return -np.where(y > 0, np.log(p), np.log1p(-p))


def tracked(kind, X, y, **options):
    """Losses of every row after the first call, and CPU seconds."""
    tracker = TaskGraphTracker(task="task", loss=kind, unseen="population", **options)
    start, losses = time.process_time(), []
    tracker.partial_fit(X[:FIRST], y[:FIRST])
    n_tasks = X["task"].nunique()
    for begin in range(FIRST, len(X), n_tasks):
        part = slice(begin, begin + n_tasks)
        predicted = tracker.predict(X[part]) if kind == "squared" else tracker.predict_proba(X[part])[:, 1]
        losses.append(loss_of(kind, predicted, y[part]))
        tracker.partial_fit(X[part], y[part])
    return np.concatenate(losses), time.process_time() - start, tracker


def peers(kind, X, y):
    """One learner of scikit-learn for each task."""
    features = X.drop(columns="task").to_numpy(float)
    features = StandardScaler().fit(features[:FIRST]).transform(features)
    tasks, losses, start = X["task"].to_numpy(), [], time.process_time()
    center, scale = (y[:FIRST].mean(), y[:FIRST].std()) if kind == "squared" else (0.0, 1.0)
    learners = {}
    for i, task in enumerate(tasks):
        row = features[i : i + 1]
        if i >= FIRST:
            if task not in learners:
                predicted = 0.5 if kind == "logistic" else center
            elif kind == "squared":
                predicted = center + scale * learners[task].predict(row)[0]
            else:
                predicted = learners[task].predict_proba(row)[0, 1]
            losses.append(loss_of(kind, np.array([predicted]), y[i : i + 1]))
        if kind == "squared":
            learners.setdefault(task, SGDRegressor()).partial_fit(row, [(y[i] - center) / scale])
        else:
            learners.setdefault(task, SGDClassifier(loss="log_loss")).partial_fit(row, y[i : i + 1], classes=[0, 1])
    return np.concatenate(losses), time.process_time() - start


def main():
    """Print a table a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), help="default: all")
    parser.add_argument("--step", type=float, default=0.2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.sets:
        kind = SETS[name]
        X, y = table(name)
        print(f"{name}: {len(X):,} rows, {X['task'].nunique()} tasks, {X.shape[1] - 1} features")
        losses, seconds = peers(kind, X, y)
        print(f"  {'scikit-learn, a task each':28}{losses[len(losses) // 2 :].mean():10.4f}  CPU s {seconds:6.1f}")
        for mode in ("independent", "consensus", "diffusion", "track"):
            losses, seconds, tracker = tracked(kind, X, y, mode=mode, step=options.step)
            kappa = f"  coupling {tracker.coupling_strength_:.2g}" if tracker.n_estimates_ else ""
            half = losses[len(losses) // 2 :].mean()
            print(f"  {mode:28}{half:10.4f}  CPU s {seconds:6.1f}{kappa}", flush=True)


if __name__ == "__main__":
    main()
