"""Logistic tasks of rank 3 in 40 features, 1.5 log-odds a direction: AUC and log-loss on new rows of the tasks.

Beside the method: logistic regression of each task by scikit-learn, its C chosen on the test rows (the best of a grid
for all tasks together, in its favour), the same on the true representation, and the true log-odds.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
import warnings

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from kinfolk import SharedRepresentationClassifier
from kinfolk.datasets import make_shared_classification

DESIGNS = ((100, 40), (100, 80), (300, 40))
GRID = (0.003, 0.01, 0.03, 0.1, 0.3)


def task_auc(y, odds, task):
    """Mean over tasks of the AUC on the task's own rows."""
    return np.mean([roc_auc_score(y[task == t], odds[task == t]) for t in np.unique(task)])


def alone(X, y, task, X_new, task_new, C):
    """Log-odds on new rows from one logistic regression a task."""
    odds = np.zeros(len(X_new))
    for t in np.unique(task):
        rows, new = task == t, task_new == t
        model = LogisticRegression(C=C, max_iter=200).fit(X[rows], y[rows])
        odds[new] = model.decision_function(X_new[new])
    return odds


def measure(n_tasks, n_samples, seed, rank):
    """Log-odds on new rows of each method, with the seconds of ours."""
    data = make_shared_classification(n_tasks, n_samples, random_state=seed)
    new, y_new = data.sample(200, random_state=1000 + seed)
    task, task_new = data.X["task"].to_numpy(), new["task"].to_numpy()
    X, X_new = data.X.drop(columns="task").to_numpy(), new.drop(columns="task").to_numpy()
    tries = [alone(X, data.y, task, X_new, task_new, C) for C in GRID]
    ridge = max(tries, key=lambda odds: task_auc(y_new, odds, task_new))
    oracle = alone(X @ data.representation, data.y, task, X_new @ data.representation, task_new, 1.5**2)
    start = time.process_time()
    model = SharedRepresentationClassifier(rank, task="task").fit(data.X, data.y)
    seconds = time.process_time() - start
    scaled = new.drop(columns="task").to_numpy()
    plain = model.intercept_[task_new] + np.einsum("nd,nd->n", scaled, model.coef_[task_new])
    odds = {
        "ridge alone": ridge,
        "shared, mode": plain,
        "shared": model.decision_function(new),
        "true representation": oracle,
        "truth": data.log_odds(new),
    }
    scores = {
        name: (task_auc(y_new, each, task_new), roc_auc_score(y_new, each), log_loss(y_new, expit(each)))
        for name, each in odds.items()
    }
    return scores, (seconds, model.n_iter_, model.rank_)


def main(n_seeds=4):
    """Print the mean over seeds: AUC within tasks, AUC over all rows, log-loss."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for n_tasks, n_samples in DESIGNS:
        for rank in (3, "auto"):
            found = [measure(n_tasks, n_samples, seed, rank) for seed in range(n_seeds)]
            seconds, steps, ranks = zip(*(cost for _, cost in found), strict=True)
            print(
                f"T = {n_tasks}, {n_samples} rows a task, rank {rank}: {np.mean(seconds):.2f} CPU s, "
                f"{np.mean(steps):.0f} steps, ranks {ranks}"
            )
            for name in found[0][0]:
                auc, pooled, loss = np.mean([scores[name] for scores, _ in found], axis=0)
                print(f"  {name:22}{auc:7.3f}{pooled:7.3f}{loss:7.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
