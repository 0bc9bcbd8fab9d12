"""Landmine detection (29 fields, 9 features): mean over fields of the AUC on held-out rows, at 15% and 60% training.

Splits are stratified inside the fields. Beside ours, in the same run, scikit-learn's logistic regression in three
forms, whose strengths are chosen by three-fold cross-validation for the measure reported here, the mean AUC within
fields: independent (one C for all fields), pooled, and mean-regularised (features common to all fields and features of
each field's own, Evgeniou and Pontil 2004; C and the share of the own ones).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from kinfolk import SharedRepresentationClassifier
from kinfolk.datasets import data_directory, load_real

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
OWN = (0.1, 0.3, 1.0, 3.0)  # scale of a field's own features beside the common ones


def task_auc(y, odds, task):
    """Mean over tasks of the AUC on the task's own rows; tasks whose rows are of one class are left out."""
    per_task = [(y[task == t], odds[task == t]) for t in np.unique(task)]
    return np.mean([roc_auc_score(truth, found) for truth, found in per_task if 0 < truth.mean() < 1])


def independent(X, y, task, X_new, task_new, C):
    """One model a task; the share of positives where there is one class."""
    odds = np.zeros(len(X_new))
    for t in np.unique(task):
        rows, new = task == t, task_new == t
        if 0 < y[rows].mean() < 1:
            odds[new] = LogisticRegression(C=C, max_iter=300).fit(X[rows], y[rows]).decision_function(X_new[new])
    return odds


def pooled(X, y, task, X_new, task_new, C):
    """One model for all tasks."""
    return LogisticRegression(C=C, max_iter=300).fit(X, y).decision_function(X_new)


def mean_regularised(X, y, task, X_new, task_new, C, own):
    """Common features, and each task's own features and constant."""

    def augmented(X, task):
        own_rows = own * np.column_stack((np.ones(len(X)), X))
        width = own_rows.shape[1]
        columns = (task[:, None] * width + np.arange(width)).ravel()
        place = (np.repeat(np.arange(len(X)), width), columns)
        block = sparse.csr_matrix((own_rows.ravel(), place), shape=(len(X), width * (task_new.max() + 1)))
        return sparse.hstack((sparse.csr_matrix(X), block)).tocsr()

    model = LogisticRegression(C=C, max_iter=300).fit(augmented(X, task), y)
    return model.decision_function(augmented(X_new, task_new))


def chosen(method, grid, X, y, task):
    """The point of the grid with the best mean AUC within tasks in three-fold cross-validation."""
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, 2 * task + y))
    scores = []
    for point in grid:
        odds = np.zeros(len(y))
        for train, test in folds:
            odds[test] = method(X[train], y[train], task[train], X[test], task[test], *point)
        scores.append(np.mean([task_auc(y[test], odds[test], task[test]) for _, test in folds]))
    return grid[int(np.argmax(scores))]


def measure(X, y, task, share, seed, rivals=True):
    """Mean AUC within tasks of every method on one split, and the seconds of ours."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="The least populated class")
    split = StratifiedShuffleSplit(1, train_size=share, random_state=seed)
    train, test = next(split.split(X, 2 * task + y))
    center, spread = X[train].mean(axis=0), X[train].std(axis=0)
    Z = (X - center) / spread
    scores, seconds = {}, {}
    singles, pairs = [(C,) for C in STRENGTHS], [(C, own) for C in STRENGTHS[2:] for own in OWN]
    for method, grid in ((independent, singles), (pooled, singles), (mean_regularised, pairs)) if rivals else ():
        start = time.process_time()
        point = chosen(method, grid, Z[train], y[train], task[train])
        odds = method(Z[train], y[train], task[train], Z[test], task[test], *point)
        seconds[method.__name__] = time.process_time() - start
        scores[method.__name__] = task_auc(y[test], odds, task[test])
    table = np.column_stack((X, task))
    for name, rank in (("ours, rank 0", 0), ("ours", "auto")):
        start = time.process_time()
        model = SharedRepresentationClassifier(rank, task=-1).fit(table[train], y[train])
        seconds[name] = time.process_time() - start
        scores[name] = task_auc(y[test], model.decision_function(table[test]), task[test])
    return scores, seconds, model.rank_


def read():
    """Features, classes and fields (0 to 28) of the real table."""
    data = load_real("landmine")
    task = np.unique(data.X[data.task].to_numpy(), return_inverse=True)[1]
    return data.X.drop(columns=data.task).to_numpy(dtype=float), data.y.to_numpy(dtype=int), task


def main(n_splits=10):
    """Print mean AUC, and ours less each rival with its paired standard error over splits."""
    folder = data_directory()
    if folder is None or not (folder / "landmine.parquet").is_file():
        sys.exit("The landmine data is absent: name its folder in KINFOLK_DATA. Nothing was measured.")
    X, y, task = read()
    for share in (0.15, 0.6):
        found = [measure(X, y, task, share, seed) for seed in range(n_splits)]
        ranks = [rank for *_, rank in found]
        print(f"{share:.0%} of the rows in training, {n_splits} splits; ranks {ranks}")
        ours = np.array([scores["ours"] for scores, *_ in found])
        for name in found[0][0]:
            auc = np.array([scores[name] for scores, *_ in found])
            less, seconds = ours - auc, np.mean([each[name] for _, each, _ in found])
            error = less.std(ddof=1) / np.sqrt(n_splits)
            print(f"  {name:18}{auc.mean():7.4f}   ours less this {less.mean():+.4f} ± {error:.4f}{seconds:8.2f} CPU s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
