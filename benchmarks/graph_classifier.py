"""TaskGraphClassifier on the landmine fields, whose two terrains it is not told, and on tasks made for the purpose.

Landmine: five stratified folds inside the fields, the same for all methods; of each training part all rows, or so
many of each field. AUC as the mean over fields and pooled, log-loss, and of the graph the share of weight that joins
fields of one terrain (1 to 15 are foliated, 16 to 29 bare earth; were all pairs joined alike, it would be 0.48). The C
of scikit-learn is chosen by log-loss in three folds of the training rows; a field of one class has the share of all.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
import warnings

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from kinfolk import SharedRepresentationClassifier, TaskGraphClassifier
from kinfolk.datasets import data_directory, make_clustered_tasks, make_unrelated_tasks
from landmine import read, task_auc

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
METHODS = {
    "SharedRepresentationClassifier, rank 0": lambda: SharedRepresentationClassifier(0, task=-1),
    "SharedRepresentationClassifier": lambda: SharedRepresentationClassifier(task=-1),
    "TaskGraphClassifier, no graph": lambda: TaskGraphClassifier(shrinkage=1.0, covariance="scalar", task=-1),
    "TaskGraphClassifier, scalar": lambda: TaskGraphClassifier(covariance="scalar", task=-1),
    "TaskGraphClassifier": lambda: TaskGraphClassifier(task=-1),
}


def independent(X, y, new, C):
    """Log-odds of one scikit-learn model a task (the last column)."""
    odds = np.full(len(new), logit(np.clip(y.mean(), 1e-3, 1 - 1e-3)))
    for t in np.unique(X[:, -1]):
        rows, others = X[:, -1] == t, new[:, -1] == t
        if others.any() and 0 < y[rows].mean() < 1:
            model = LogisticRegression(C=C, max_iter=500).fit(X[rows, :-1], y[rows])
            odds[others] = model.decision_function(new[others, :-1])
    return odds


def pooled(X, y, new, C):
    """Log-odds of one model for all tasks."""
    return LogisticRegression(C=C, max_iter=500).fit(X[:, :-1], y).decision_function(new[:, :-1])


def chosen(method, X, y, new):
    """Log-odds with the C of least log-loss in three folds."""
    center, spread = X[:, :-1].mean(axis=0), X[:, :-1].std(axis=0)
    X, new = (np.column_stack(((each[:, :-1] - center) / spread, each[:, -1])) for each in (X, new))
    losses = []
    for C in STRENGTHS:
        odds = np.zeros(len(y))
        for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(X, 2 * X[:, -1] + y):
            odds[test] = method(X[train], y[train], X[test], C)
        losses.append(log_loss(y, expit(odds)))
    return method(X, y, new, STRENGTHS[int(np.argmin(losses))])


def within_terrain(graph):
    """Share of the weight that joins fields of one terrain; nan without edges."""
    edges = graph.tocoo()
    same = (edges.coords[0] < 15) == (edges.coords[1] < 15)
    return edges.data[same].sum() / edges.data.sum() if len(edges.data) else np.nan


def fields():
    """The landmine fields."""
    folder = data_directory()
    if folder is None or not (folder / "landmine.parquet").is_file():
        sys.exit("The landmine data is absent: name its folder in KINFOLK_DATA. Nothing was measured.")
    features, y, task = read()
    X = np.column_stack((features, task))
    for n in (40, 80, 160, None):
        found = {}
        for fold, (train, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=0).split(X, 2 * task + y)):
            if n is not None:
                generator = np.random.default_rng(fold)
                train = np.concatenate([generator.permutation(train[task[train] == t])[:n] for t in range(29)])
            odds = {}
            for name, method in (("scikit-learn, a model a field", independent), ("scikit-learn, pooled", pooled)):
                start = time.process_time()
                odds[name] = (chosen(method, X[train], y[train], X[test]), time.process_time() - start, None)
            for name, make in METHODS.items():
                start = time.process_time()
                model = make().fit(X[train], y[train])
                odds[name] = (model.decision_function(X[test]), time.process_time() - start, model)
            for name, (each, seconds, model) in odds.items():
                graph = within_terrain(model.graph_) if isinstance(model, TaskGraphClassifier) else np.nan
                auc = task_auc(y[test], each, task[test]), roc_auc_score(y[test], each)
                found.setdefault(name, []).append((*auc, log_loss(y[test], expit(each)), graph, seconds))
        print(f"{'all' if n is None else n} rows a field: AUC (mean, pooled), log-loss, weight within a terrain, CPU s")
        ours = np.array(found["TaskGraphClassifier"])
        for name, rows in found.items():
            each = np.array(rows)
            less = ours[:, 2] - each[:, 2]
            joined = each[:, 3][~np.isnan(each[:, 3])]
            share = f"{joined.mean():.3f} in {len(joined)}" if len(joined) else ""
            mean = each.mean(axis=0)
            print(
                f"  {name:40}{mean[0]:7.3f}{mean[1]:7.3f}{mean[2]:8.4f}  ours less this {less.mean():+.4f} ± "
                f"{less.std(ddof=1) / np.sqrt(5):.4f}  {share:12}{mean[4]:7.2f}",
                flush=True,
            )


def made():
    """Clustered and unrelated tasks: log-loss on new rows."""
    workloads = {
        "40 in 4 clusters, 8 features, 40 rows": (make_clustered_tasks(4, 40, 1, 8, random_state=0).coef, 40),
        "48 in 4 clusters, 12 features, 100 rows": (make_clustered_tasks(4, 48, 1, 12, random_state=0).coef, 100),
        "200 in 8 clusters, 10 features, 30 rows": (make_clustered_tasks(8, 200, 1, 10, random_state=0).coef, 30),
        "40 unrelated, 15 features, 30 rows": (make_unrelated_tasks(40, 1, 15, random_state=0).coef, 30),
        "40 unrelated, 5 features, 100 rows": (make_unrelated_tasks(40, 1, 5, random_state=0).coef, 100),
    }
    for name, (coef, n) in workloads.items():
        coef = 2.0 * coef / np.sqrt((coef**2).sum(axis=1).mean())
        generator = np.random.default_rng(0)
        sets = []
        for size in (n, 200):
            codes = np.repeat(np.arange(len(coef)), size)
            X = generator.normal(size=(len(codes), coef.shape[1]))
            chance = expit(0.3 + (X * coef[codes]).sum(axis=1))
            sets.append((np.column_stack((X, codes)), (generator.random(len(codes)) < chance).astype(int)))
        (X, y), (new, truth) = sets
        print(name)
        print(f"  {'scikit-learn, a model a task':40}{log_loss(truth, expit(chosen(independent, X, y, new))):8.4f}")
        for method, make in METHODS.items():
            start = time.process_time()
            model = make().fit(X, y)
            seconds = time.process_time() - start
            print(
                f"  {method:40}{log_loss(truth, model.predict_proba(new)[:, 1]):8.4f}{seconds:7.2f} CPU s", flush=True
            )


PARTS = {"landmine": fields, "made": made}


def main():
    """Print the parts that were asked for."""
    warnings.filterwarnings("ignore", message="The least populated class")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    for part in parser.parse_args().parts:
        PARTS[part]()


if __name__ == "__main__":
    main()
