"""Moving a calibration from one near-infrared instrument to another: a source model and a few target samples.

80 samples of corn were measured on three instruments (m5, mp5, mp6) in the same order: 175 bands, four responses
(moisture, oil, protein, starch). In each of 20 splits the samples are dealt into test samples (30%, on the target
instrument), target training samples (15% or 40%, on the target instrument) and all others, which only the source
instrument m5 has measured. No sample is in two parts. The source model is fitted to its own samples; which kind of
model is decided by its own cross-validation. Error is the mean over responses of the mean squared error over the
response's variance, both of the test samples; ± is the standard error over splits, and the difference is paired with
the best of the other methods.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kinfolk
from kinfolk import ReducedRankRegressor
from kinfolk.datasets import data_directory, load_real

ALPHAS = np.logspace(-6, 3, 28)
SOURCE = "m5"


def ridge():
    """Ridge with its own strength for each response."""
    return make_pipeline(StandardScaler(), RidgeCV(ALPHAS, alpha_per_target=True))


def folds():
    return KFold(5, shuffle=True, random_state=0)


def pls():
    return GridSearchCV(PLSRegression(), {"n_components": range(1, 21)}, cv=folds())


def fit_source(X, Y):
    """The kind of model that predicts held-out rows of its own instrument best, fitted to all of them."""
    models = {"RidgeCV": ridge(), "PLS": pls(), "ReducedRank": ReducedRankRegressor()}
    errors = {}
    for name, model in models.items():
        held_out = cross_val_predict(model, X, Y, cv=folds())
        errors[name] = np.mean(((held_out - Y) / Y.std(axis=0)) ** 2)
    best = min(errors, key=errors.__getitem__)
    return best, models[best].fit(X, Y)


def target_reduced_rank(X, Y, source, rows):
    return ReducedRankRegressor().fit(X, Y).predict


def target_ridge(X, Y, source, rows):
    return ridge().fit(X, Y).predict


def target_pls(X, Y, source, rows):
    components = range(1, min(20, len(X) * 4 // 5 - 1) + 1)
    return GridSearchCV(PLSRegression(), {"n_components": components}, cv=folds()).fit(X, Y).predict


def source_as_it_is(X, Y, source, rows):
    return source.predict


def source_with_intercept(X, Y, source, rows):
    shift = (Y - source.predict(X)).mean(axis=0)
    return lambda new: source.predict(new) + shift


def pooled(X, Y, source, rows):
    """One ridge for the rows of both instruments, each about its own means."""
    centres = [(X.mean(axis=0), Y.mean(axis=0)), (rows[0].mean(axis=0), rows[1].mean(axis=0))]
    both_x = np.concatenate((X - centres[0][0], rows[0] - centres[1][0]))
    both_y = np.concatenate((Y - centres[0][1], rows[1] - centres[1][1]))
    model = ridge().fit(both_x, both_y)
    return lambda new: model.predict(new - centres[0][0]) + centres[0][1]


def source_and_offset(X, Y, source, rows):
    """Ridge on what the source model leaves over."""
    model = ridge().fit(X, Y - source.predict(X))
    return lambda new: source.predict(new) + model.predict(new)


def source_and_reduced_rank_offset(X, Y, source, rows):
    model = ReducedRankRegressor().fit(X, Y - source.predict(X))
    return lambda new: source.predict(new) + model.predict(new)


def source_and_shift(X, Y, source, rows):
    """Ridge on the four predictions of the source model: scale, mixture and intercept of them."""
    model = ridge().fit(source.predict(X), Y)
    return lambda new: model.predict(source.predict(new))


def chosen(X, Y, source, rows):
    """The simple methods, one chosen by cross-validation over the target rows."""
    simple = [target_reduced_rank, target_ridge, source_with_intercept, source_and_shift, pooled, source_and_offset]
    errors = np.zeros(len(simple))
    for train, test in folds().split(X):
        for j, method in enumerate(simple):
            left = method(X[train], Y[train], source, rows)(X[test]) - Y[test]
            errors[j] += ((left / Y.std(axis=0)) ** 2).sum()
    return simple[int(errors.argmin())](X, Y, source, rows)


def transfer(X, Y, source, rows):
    return kinfolk.SpectralTransferRegressor(source=source).fit(X, Y).predict


METHODS = {
    "target only, reduced rank": target_reduced_rank,
    "target only, RidgeCV": target_ridge,
    "target only, PLS": target_pls,
    "source as it is": source_as_it_is,
    "source, target intercept": source_with_intercept,
    "source, its predictions refitted": source_and_shift,
    "pooled rows, group means": pooled,
    "source + ridge offset": source_and_offset,
    "source + reduced-rank offset": source_and_reduced_rank_offset,
    "one of these by cross-validation": chosen,
}
if hasattr(kinfolk, "SpectralTransferRegressor"):
    METHODS["SpectralTransferRegressor"] = transfer


def split(seed, n, share):
    """Test, target training and source samples."""
    order = np.random.default_rng(seed).permutation(n)
    n_test, n_train = round(0.3 * n), round(share * n)
    return order[:n_test], order[n_test : n_test + n_train], order[n_test + n_train :]


def measure(data, target, share, seeds):
    """Errors (methods, splits), CPU seconds, and how often each kind of source model was taken."""
    labels = data.X["task"].to_numpy()
    X = {name: data.X[labels == name].drop(columns="task").to_numpy() for name in (SOURCE, target)}
    Y = {name: data.y[labels == name].to_numpy() for name in (SOURCE, target)}
    errors, seconds, kinds = np.zeros((len(METHODS), len(seeds))), np.zeros(len(METHODS)), {}
    for i, seed in enumerate(seeds):
        test, train, own = split(seed, len(X[target]), share)
        rows = X[SOURCE][own], Y[SOURCE][own]
        kind, source = fit_source(*rows)
        kinds[kind] = kinds.get(kind, 0) + 1
        truth = Y[target][test]
        for j, method in enumerate(METHODS.values()):
            start = time.process_time()
            predict = method(X[target][train], Y[target][train], source, rows)
            seconds[j] += time.process_time() - start
            errors[j, i] = np.mean(((predict(X[target][test]) - truth) ** 2).mean(axis=0) / truth.var(axis=0))
    return errors, seconds / len(seeds), kinds


def print_table(errors, seconds):
    """Mean ± standard error, and the paired difference to the best of the others."""

    def spread(values):
        return values.std(ddof=1) / np.sqrt(len(values))

    print(f"{'method':34}{'error':>9}{'± SE':>9}{'median':>9}   {'less the best other':21}{'CPU s':>7}")
    for j, name in enumerate(METHODS):
        others = [k for k in range(len(errors)) if k != j]
        gap = errors[j] - errors[min(others, key=lambda k: errors[k].mean())]
        found = f"{errors[j].mean():9.4f}{spread(errors[j]):9.4f}{np.median(errors[j]):9.4f}"
        print(f"{name:34}{found}   {gap.mean():+8.4f} ± {spread(gap):8.4f}  {seconds[j]:7.3f}")


def main():
    """Print a table for each target instrument and share of target samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=20)
    args = parser.parse_args()
    if data_directory() is None:
        print("The corn set is absent: KINFOLK_DATA names the folder of real sets.")
        return
    data = load_real("corn_nir_3instr")
    for target in ("mp5", "mp6"):
        for share in (0.15, 0.4):
            with warnings.catch_warnings(action="ignore"):
                errors, seconds, kinds = measure(data, target, share, range(args.splits))
            taken = ", ".join(f"{name} {count}" for name, count in sorted(kinds.items()))
            print(f"\n{SOURCE} -> {target}, {round(share * 80)} target samples; source models: {taken}")
            print_table(errors, seconds)


if __name__ == "__main__":
    main()
