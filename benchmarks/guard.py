"""The guard against negative transfer: mean loss beside the best single candidate, and how many tasks are made worse.

Two figures for every candidate and for the guard, on rows that nobody was fitted to: the mean loss over that of the
best single candidate of the same data set, and the share of tasks that are worse than their independent fit by more
than two of their own paired standard errors (2.5% where there is no difference). ``mixtures`` draws tasks of which half
are unrelated, that lie in clusters, with one family of outliers, all unrelated, all alike; ``real`` trains on a part of
every task of real tables; ``cost`` compares a fit with the candidates' own cross-validation. ``--results`` keeps what
was measured, so that an interrupted run goes on; ``--write`` puts the tables into a page, between its markers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import re
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_predict

from kinfolk import GuardedClassifier, GuardedRegressor, TaskKFold, tasks
from kinfolk.io.atomic import atomic_write
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
SHARES = (0.15, 0.6)


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


def measured(jobs, results, path):
    """Figures of every job, by its key: those of ``results``, and the missing ones, kept in a file as they come."""
    for key, job in jobs.items():
        if key not in results:
            results[key] = judged(*job())
            print(f"{key}: guard {results[key]['guard'][0]:.4g}", flush=True)
            if path:
                with atomic_write(path) as stream:
                    stream.write(json.dumps(results).encode())
    return {key: results[key] for key in jobs}


def plain(method):
    """The words of a class name; what stands between the two ends is mean-regularised for classes."""
    stem = re.sub("(Ridge|Logistic|Regressor|Classifier)$", "", method).replace("MeanRegularized", "PartialPooling")
    return re.sub("(?<!^)(?=[A-Z])", " ", stem).lower()


def table(found, rows, first):
    """Markdown: means over data sets of the loss over the best single candidate's, and of the share of harmed tasks."""
    lines = []
    for row in rows:
        sets = [figures for key, figures in found.items() if key.startswith(f"{row} ")]
        best = [min(loss for method, (loss, _) in one.items() if method != "guard") for one in sets]
        ratio = {m: np.mean([one[m][0] / least for one, least in zip(sets, best, strict=True)]) for m in sets[0]}
        harmed = {m: np.mean([one[m][1] for one in sets]) for m in sets[0]}
        names = [plain(method) for method in sets[0]]
        if not lines:
            order = names
            lines = [f"| {first} | {' | '.join(order)} |", "|---" * (1 + len(order)) + "|"]
        cells = {name: f"{ratio[m]:.3f}, {harmed[m]:.1%}" for name, m in zip(names, sets[0], strict=True)}
        lines.append(f"| {row} | {' | '.join(cells.get(name, '') for name in order)} |")
    return "\n".join(lines)


def show(part, text, page):
    """Print a table, and put it between the markers of a page."""
    print(text)
    if page:
        start, end = f"<!-- guard.py {part} -->", f"<!-- end of {part} -->"
        before, after = (old := page.read_text()).split(start)[0], old.split(end)[1]
        with atomic_write(page) as stream:
            stream.write(f"{before}{start}\n{text}\n{end}{after}".encode())


def cost(turns=5):
    """CPU seconds of a fit over those of the candidates' own cross-validation, by turns; the medians.

    And the share of a fit that goes into sums over rows, which is all that moments by subtraction could save.
    """
    (X, y), _ = mixture("half", 0)
    model = GuardedRegressor(task="task").fit(X, y)  # what is imported once is not counted
    seconds, sums, moments = [], [], tasks._moments

    def timed(data):
        start = time.process_time()
        found = moments(data)
        sums[-1] += time.process_time() - start
        return found

    for _ in range(turns):
        sums.append(0.0)
        tasks._moments = timed
        start = time.process_time()
        GuardedRegressor(task="task").fit(X, y)
        middle = time.process_time()
        tasks._moments = moments
        for one in model.estimators_.values():
            cross_val_predict(one, X, y, cv=TaskKFold(5, task="task", random_state=0))
        seconds.append((middle - start, time.process_time() - middle))
    guarded, alone = np.median(seconds, axis=0)
    ratio = np.median([a / b for a, b in seconds])
    print(f"a guarded fit {guarded:.1f} CPU s, the candidates' own cross-validation {alone:.1f}: {ratio:.2f}")
    print(f"of it sums over rows: {np.median([s / a for s, (a, _) in zip(sums, seconds, strict=True)]):.1%}")


def main():
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["mixtures", "real", "cost"])
    parser.add_argument("--seeds", type=int, default=20, help="of the mixtures")
    parser.add_argument("--first", type=int, default=200, help="first seed (others chose the gate)")
    parser.add_argument("--splits", type=int, default=10, help="of the real tables")
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--results", type=Path, help="a JSON file that keeps what was measured")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    results = json.loads(args.results.read_text()) if args.results and args.results.exists() else {}
    if "mixtures" in args.parts:
        seeds = range(args.first, args.first + args.seeds)
        jobs = {f"{kind} {seed}": partial(mixture, kind, seed) for seed in seeds for kind in MIXTURES}
        show("mixtures", table(measured(jobs, results, args.results), MIXTURES, "tasks"), args.write)
    if "real" in args.parts:
        cases = [(name, share) for name in args.sets for share in SHARES]
        jobs = {f"{n} {s:.0%} {k}": partial(part, n, s, k) for k in range(args.splits) for n, s in cases}
        rows = [f"{name} {share:.0%}" for name, share in cases]
        show("real", table(measured(jobs, results, args.results), rows, "table, share of rows"), args.write)
    if "cost" in args.parts:
        cost()


if __name__ == "__main__":
    main()
