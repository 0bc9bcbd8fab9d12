"""What `kinfolk plan` predicts of real tables, beside what a cross-validation measures.

Predicted: error of each task alone, pooled and coupled, intercepts known, for the four fifths of rows that a fold of
the cross-validation fits. Measured, five folds inside the tasks: IndependentRidge, PooledRidge,
PartialPoolingRegressor("scalar"), the method of that model; of classes (rates of errors) IndependentLogistic,
PooledLogistic, MeanRegularizedClassifier. Then the error that `estimate_problem` measures by leaving rows out.

Classes: landmine fields with as many rows without as with a mine, drawn; houses above the median price of their
neighbourhood; bikes rented more than in the median hour of the task.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import kinfolk
from kinfolk import PartialPoolingRegressor
from kinfolk.theory import estimate_problem, outlook

MEASURED = ("school_ilea", "ames_housing", "exam65", "computer_survey", "bike_hourly")
CLASSES = ("landmine", "ames_housing", "bike_hourly")
FITTED = 0.8


def read(name, classes):
    """Features with the task, and target."""
    table = pd.read_parquet(Path(os.environ.get("KINFOLK_DATA", "../shared/data")) / f"{name}.parquet")
    if classes and name == "landmine":
        order = np.random.default_rng(0).permutation(len(table))
        table = table.iloc[order]
        few = table.groupby("task")["y"].transform("sum").to_numpy()
        place = table.groupby(["task", "y"]).cumcount().to_numpy()
        table = table[(table["y"] == 1) | (place < few)]
    elif classes:
        above = table["y"] > table.groupby("task")["y"].transform("median")
        table = table.assign(y=above.astype(int))
    X = table[["task", *(column for column in table if column.startswith("x__"))]].reset_index(drop=True)
    return X, table["y"].to_numpy(int if classes else float)


def measured(X, y, classes):
    """Errors alone, pooled and coupled, with the gain of the last, its standard error and the best gain of all."""
    if classes:
        methods = [kinfolk.IndependentLogistic(), kinfolk.PooledLogistic(), kinfolk.MeanRegularizedClassifier()]
        found = kinfolk.compare(X, y, task="task", methods=methods).methods.set_index("method")
        errors = [1.0 - found.loc[type(method).__name__, "accuracy"] for method in methods]
        return errors, f"{1 - errors[2] / errors[0]:.1%}"
    methods = {"scalar": PartialPoolingRegressor("scalar")} | {
        method.__name__: method() for method in kinfolk.all_estimators()
    }
    found = kinfolk.compare(X, y, task="task", methods=methods).methods.set_index("method")
    errors = [found.loc[name, "loss"] for name in ("IndependentRidge", "PooledRidge", "scalar")]
    gain = f"{found.loc['scalar', 'gain']:.1%} ± {found.loc['scalar', 'gain_se']:.1%}"
    return errors, f"{gain} (best {found['gain'].max():.1%})"


def line(name, classes):
    """Print what is predicted and measured of a table."""
    X, y = read(name, classes)
    estimate = estimate_problem(X.drop(columns="task").to_numpy(float), y, X["task"].to_numpy())
    rows = FITTED * np.asarray(estimate.problem.n_samples)
    told = outlook(replace(estimate, problem=replace(estimate.problem, n_samples=rows)))
    errors, gain = measured(X, y, classes)
    cells = [f"{a:.4g} | {b:.4g}" for a, b in zip((told.alone, told.pooled, told.coupled), errors, strict=True)]
    low, high = told.intervals[:, 3]
    print(
        f"{name + (' (classes)' if classes else ''):24}{cells[0]:>18}{cells[1]:>18}{cells[2]:>18}"
        f"{f'{told.gain:.1%} ({low:.1%} to {high:.1%})':>24}  {gain:26}{estimate.loo:9.4g} ± {estimate.loo_se:.2g}",
        flush=True,
    )
    print(f"    units: {estimate.units}, structure: {estimate.structure}, {estimate.problem.T} tasks")
    for text in estimate.warnings:
        print(f"    {text}")


def main():
    """Print a row a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["measured", "classes"], help="default: both")
    print(f"{'':24}{'alone':>18}{'pooled':>18}{'coupled':>18}{'gain predicted':>24}  {'measured':26}{'left out':>9}")
    for what in parser.parse_args().what:
        for name in CLASSES if what == "classes" else MEASURED:
            line(name, what == "classes")


if __name__ == "__main__":
    main()
