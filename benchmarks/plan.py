"""What `kinfolk plan` predicts of real tables, beside what a cross-validation measures.

Predicted: mean squared error of each task alone, pooled and coupled, of tasks that are equally alike, intercepts known.
Measured, five folds inside the tasks: IndependentRidge, PooledRidge, PartialPoolingRegressor("scalar"), the method of
that model, and the best of all.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from pathlib import Path

import pandas as pd

import kinfolk
from kinfolk import PartialPoolingRegressor
from kinfolk.theory import estimate_problem, outlook

SETS = ("school_ilea", "ames_housing", "exam65", "computer_survey", "bike_hourly")


def main():
    """Print a row a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), help="default: all")
    print(f"{'':16}{'alone':>18}{'pooled':>18}{'coupled':>18}{'gain predicted':>24}{'measured':>16}{'best':>8}")
    for name in parser.parse_args().sets:
        table = pd.read_parquet(Path(os.environ.get("KINFOLK_DATA", "../shared/data")) / f"{name}.parquet")
        X = table[["task", *(column for column in table if column.startswith("x__"))]]
        y = table["y"].to_numpy(float)
        estimate = estimate_problem(X.drop(columns="task").to_numpy(float), y, table["task"].to_numpy())
        told = outlook(estimate)
        methods = {"scalar": PartialPoolingRegressor("scalar")} | {
            method.__name__: method() for method in kinfolk.all_estimators()
        }
        found = kinfolk.compare(X, y, task="task", methods=methods).methods.set_index("method")
        low, high = told.intervals[:, 3]
        errors = [
            f"{a:.4g} | {found.loc[m, 'loss']:.4g}"
            for a, m in (
                (told.alone, "IndependentRidge"),
                (told.pooled, "PooledRidge"),
                (told.coupled, "scalar"),
            )
        ]
        gain = f"{told.gain:.1%} ({low:.1%} to {high:.1%})"
        measured = f"{found.loc['scalar', 'gain']:.1%} ± {found.loc['scalar', 'gain_se']:.1%}"
        print(
            f"{name:16}{errors[0]:>18}{errors[1]:>18}{errors[2]:>18}{gain:>24}{measured:>16}"
            f"{found['gain'].max():>8.1%}",
            flush=True,
        )
        for line in estimate.warnings:
            print(f"    {line}")


if __name__ == "__main__":
    main()
