"""Each finding fires just beyond its threshold and is silent within; nothing depends on units or the order of tasks."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from kinfolk.datasets import load_ames
from kinfolk.diagnostics import examine
from kinfolk.diagnostics.apart import ENOUGH_ROWS, ENOUGH_TASKS, OUTLYING
from kinfolk.diagnostics.cells import MOSTLY_MISSING
from kinfolk.diagnostics.collinear import INFLATION, copies
from kinfolk.diagnostics.feature_findings import BETWEEN, HEAVY
from kinfolk.diagnostics.findings import RARE
from kinfolk.diagnostics.leaks import ENOUGH, LEAK
from kinfolk.diagnostics.variance import variance
from kinfolk.exceptions import InputError
from kinfolk.theory.doubts import CONDITION

T, N = 20, 25
CODES = np.repeat(np.arange(T), N)


def clean(seed=0):
    """Nothing to find: Gaussian rows of tasks that differ a little."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(T * N, 4)) + 0.5 * generator.normal(size=(T, 4))[CODES]
    y = X @ generator.normal(size=4) + generator.normal(size=T)[CODES] + generator.normal(size=T * N)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(ward=[f"w{t:02d}" for t in CODES])
    return frame, pd.Series(y, name="stay")


def inner(values):
    """Less the means of tasks."""
    return values - np.array([values[t == CODES].mean(axis=0) for t in range(T)])[CODES]


def orthonormal(k, *more):
    """Columns without task means, orthonormal to each other and to those given, first; spread 1."""
    columns = np.column_stack((*more, np.random.default_rng(5).normal(size=(T * N, k))))
    return np.linalg.qr(inner(columns))[0][:, len(more) :] * np.sqrt(T * N)


def about(found, kind):
    return [name for finding in found.findings if finding.about == kind for name in finding.names]


def kinds(found):
    return {finding.about for finding in found.findings}


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_nothing_is(seed):
    frame, y = clean(seed)
    assert examine(frame, y, task="ward").findings == ()


@pytest.mark.parametrize("factor", [0.999, 1.001])
def test_a_leak_is_a_correlation_within_tasks_beyond_the_threshold(factor):
    frame, y = clean()
    own = inner(y.to_numpy())
    own = own / own.std()
    r = factor * LEAK
    frame["e"] = r * own + np.sqrt(1.0 - r**2) * orthonormal(1, own)[:, 0] + 3.0 * frame["a"].mean()
    found = examine(frame, y, task="ward")
    assert found.leaks.correlation[4] == pytest.approx(r)
    assert about(found, "leak") == (["e"] if factor > 1.0 else [])


def test_the_target_in_other_units_is_a_leak_also_where_tasks_have_one_row():
    frame, y = clean()
    frame["dollars"] = 3.0 - 0.01 * y
    assert about(examine(frame, y, task="ward"), "leak") == ["dollars"]
    single = frame.assign(ward=[f"r{i}" for i in range(len(frame))])
    found = examine(single, y, task="ward")
    assert about(found, "leak") == ["dollars"]
    assert "one row each" in kinds(found)
    few = examine(frame[: ENOUGH - 1], y[: ENOUGH - 1], task="ward")  # chance would do it, too
    assert "leak" not in kinds(few)


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_variance_inflation(factor):
    frame, y = clean()
    z = orthonormal(4)
    inflation = factor * INFLATION
    share = 1.0 - 1.0 / inflation
    frame[["a", "b", "c"]] = z[:, :3]
    frame["d"] = np.sqrt(share / 3.0) * z[:, :3].sum(axis=1) + np.sqrt(1.0 - share) * z[:, 3]
    found = examine(frame, y, task="ward")
    assert found.spectrum.inflation[3] == pytest.approx(inflation)
    assert about(found, "inflated") == (["d"] if factor > 1.0 else [])


def test_inflation_is_that_of_regressions_on_the_other_features():
    frame, y = clean()
    frame["d"] = frame["a"] + frame["b"] + 0.5 * frame["d"]
    found, X = examine(frame, y, task="ward"), inner(frame[list("abcd")].to_numpy())
    for j in range(4):
        others = np.delete(X, j, axis=1)
        rest = X[:, j] - others @ np.linalg.lstsq(others, X[:, j], rcond=None)[0]
        assert found.spectrum.inflation[j] == pytest.approx((X[:, j] ** 2).sum() / (rest**2).sum())


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_dependent_features_are_named_together_beyond_the_condition_number(factor):
    frame, y = clean()
    z = orthonormal(4)
    r = (factor * CONDITION - 1.0) / (factor * CONDITION + 1.0)  # eigenvalues 1 + r, 1, 1, 1 - r
    frame[["a", "b", "c"]] = z[:, :3]
    frame["d"] = r * z[:, 0] + np.sqrt(1.0 - r**2) * z[:, 3]
    found = examine(frame, y, task="ward")
    assert found.spectrum.condition == pytest.approx(factor * CONDITION, rel=1e-6)
    assert about(found, "collinear") == (["a", "d"] if factor > 1.0 else [])


def test_two_equations_make_two_groups():
    frame, y = clean()
    wide = frame.assign(ab=frame["a"] - 2.0 * frame["b"], cd=frame["c"] + frame["d"])
    found = examine(wide, y, task="ward")
    groups = [set(finding.names) for finding in found.findings if finding.about == "collinear"]
    assert sorted(map(sorted, groups)) == [["a", "ab", "b"], ["c", "cd", "d"]]
    assert found.spectrum.condition == np.inf


def test_indicators_of_categories_make_one_group_with_the_rare_ones():
    frame, y = clean()
    which = np.searchsorted(np.cumsum([0.5, 0.3, 0.19]), np.random.default_rng(4).random(len(y)))
    found = examine(frame.join(pd.DataFrame(np.eye(4)[which]).add_prefix("is")), y, task="ward")
    assert about(found, "collinear") == ["is0", "is1", "is2", "is3"]


def test_the_effective_dimension_counts_equal_directions():
    frame, y = clean()
    frame[list("abcd")] = orthonormal(4)
    assert examine(frame, y, task="ward").spectrum.dimension == pytest.approx(4.0)


@pytest.mark.parametrize("off", [-0.005, 0.005])
def test_features_that_tell_tasks_apart(off):
    frame, y = clean()
    z, offsets = orthonormal(1)[:, 0], np.random.default_rng(1).normal(size=T)
    offsets -= offsets.mean()
    wanted = BETWEEN + off
    mean_within = (z**2).sum() / (T * N - T)
    mean_between = N * (offsets**2).sum() / (T - 1)
    ratio = (1.0 + (N - 1.0) * wanted) / (1.0 - wanted)
    frame["d"] = z + np.sqrt(ratio * mean_within / mean_between) * offsets[CODES]
    found = examine(frame, y, task="ward")
    assert found.features.intraclass[3] == pytest.approx(wanted)
    assert about(found, "between") == (["d"] if off > 0.0 else [])


def test_variance_is_that_of_loops_over_tasks():
    generator = np.random.default_rng(2)
    codes = np.repeat(np.arange(6), [1, 2, 5, 9, 3, 4])
    x = generator.normal(size=len(codes)) + generator.normal(size=6)[codes] + 1e3
    counts = np.bincount(codes)
    found = variance(x[:, None], codes, counts)
    inside = sum(((x[codes == t] - x[codes == t].mean()) ** 2).sum() for t in range(6))
    total = ((x - x.mean()) ** 2).sum()
    assert found.between[0] == pytest.approx(1.0 - inside / total)
    typical = (len(x) - (counts**2).sum() / len(x)) / 5
    between, within = (total - inside) / 5, inside / (len(x) - 6)
    assert found.intraclass[0] == pytest.approx((between - within) / (between + (typical - 1.0) * within))


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_an_outlying_mean(factor):
    frame, y = clean()
    far = y + 50.0 * (CODES == 3)
    z = examine(frame, far, task="ward").apart.mean[3]
    rest = examine(frame, y + 60.0 * (CODES == 3), task="ward").apart.mean[3]
    step = (rest - z) / 10.0  # median and widths are those of the other tasks
    shifted = y + (50.0 + (factor * OUTLYING - z) / step) * (CODES == 3)
    found = examine(frame, shifted, task="ward")
    assert found.apart.mean[3] == pytest.approx(factor * OUTLYING)
    assert about(found, "outlying mean") == (["w03"] if factor > 1.0 else [])


def test_outlying_spreads_and_features_are_named():
    frame, y = clean()
    wild = y.mean() + np.where(CODES == 4, 12.0, 1.0) * (y - y.mean())
    assert "w04" in about(examine(frame, wild, task="ward"), "outlying spread")
    frame.loc[CODES == 6, ["b", "c"]] *= 100.0
    frame.loc[CODES == 6, "b"] += 900.0
    found = examine(frame, y, task="ward")
    assert about(found, "outlying features") == ["w06"]
    assert any("'b'" in finding.remedy for finding in found.findings if finding.about == "outlying features")


def test_tasks_are_compared_only_where_they_have_enough_rows():
    frame, y = clean()
    far = y + 500.0 * (CODES == 3)
    few = (CODES != 3) | (np.arange(len(y)) % N < ENOUGH_ROWS - 1)
    found = examine(frame[few], far[few], task="ward")
    assert np.isnan(found.apart.mean[3])
    assert about(found, "outlying mean") == []
    tasks = CODES < ENOUGH_TASKS - 1
    assert np.isnan(examine(frame[tasks], far[tasks], task="ward").apart.mean).all()


def test_lone_rows_are_no_outliers_only_because_they_are_few():
    false = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        codes = np.repeat(np.arange(60), generator.integers(1, 40, size=60))
        frame = pd.DataFrame(generator.normal(size=(len(codes), 3)), columns=list("abc")).assign(ward=codes)
        found = examine(frame, generator.normal(size=len(codes)), task="ward")
        false += [kind for kind in kinds(found) if kind.startswith("outlying")]
    assert len(false) <= 3


def test_constant_copied_and_fixed_columns():
    frame, y = clean()
    found = examine(
        frame.assign(one=1e6 + 0.1, again=frame["a"], celsius=(frame["b"] - 32.0) / 1.8, beds=CODES * 7.7),
        y,
        task="ward",
    )
    assert about(found, "constant") == ["one"]
    assert about(found, "copies") == ["again", "celsius"]
    assert about(found, "fixed") == ["beds"]
    assert "collinear" not in kinds(found)


def test_features_that_tell_only_tasks_apart_are_a_problem():
    frame, y = clean()
    found = examine(frame[["ward"]].assign(beds=CODES * 7.7, one=1.0), y, task="ward")
    assert [finding.about for finding in found.findings if finding.severity == "problem"] == ["features"]


def test_copies_of_copies_name_the_first():
    x = np.random.default_rng(0).normal(size=(30, 2))
    wide = np.column_stack((x, -x[:, 0], 2.0 * x[:, 1] + 1.0, 5.0 * x[:, 0]))
    assert copies(wide, np.ones(5, dtype=bool)) == [(2, 0), (3, 1), (4, 0)]


@pytest.mark.parametrize("share", [MOSTLY_MISSING - 0.01, MOSTLY_MISSING + 0.01])
def test_missing_cells_are_counted_and_what_dropping_leaves(share):
    frame, y = clean()
    frame.loc[np.arange(len(y)) % 100 < 100.0 * share, "d"] = np.nan
    frame.loc[7, "a"] = np.inf
    frame.loc[8, "ward"] = None
    found = examine(frame, y, task="ward")
    missing = round(share * len(y))
    assert found.cells.missing == {"ward": 1, "a": 1, "d": missing}
    assert found.cells.kept_by_drop == len(y) - missing
    assert ("mostly missing" in kinds(found)) == (share > MOSTLY_MISSING)
    assert len(found.codes) == (len(y) - 2 if share > MOSTLY_MISSING else len(y) - missing)


def test_text_and_lost_tasks_are_named():
    frame, y = clean()
    frame["lab"] = frame["a"].round(2).astype(object) * 2
    frame.loc[[3, 40], "lab"] = ["<5", "?"]
    frame.loc[CODES == 9, "b"] = np.nan
    found = examine(frame.assign(city="x", day=pd.Timestamp("2020-01-01")), y, task="ward")
    assert about(found, "text") == ["lab"]
    assert "row 3 ('<5')" in found.findings[0].text  # a question mark is a missing cell
    assert about(found, "lost tasks") == ["w09"]
    assert about(found, "left out") == ["city", "day"]
    assert found.cells.missing["lab"] == 2


def test_where_nothing_is_left_it_says_so():
    frame, y = clean()
    with pytest.raises(InputError, match="No feature column is left"):
        examine(frame[["ward"]].assign(city="x"), y, task="ward")
    frame.loc[::2, "a"] = np.nan
    frame.loc[1::2, "b"] = np.nan
    with pytest.raises(InputError, match="Every row has a missing cell"):
        examine(frame, y, task="ward")
    with pytest.raises(InputError, match="one target"):
        examine(frame, y[:5], task="ward")


def test_identifiers_counters_and_orders():
    frame, y = clean()
    generator = np.random.default_rng(3)
    found = examine(
        frame.assign(
            patient=generator.permutation(len(y)) + 10**6,
            visit=np.arange(len(y)) % N,
            day=np.sort(generator.normal(size=len(y))),
            age=generator.integers(20, 80, size=len(y)),
        ),
        y,
        task="ward",
    )
    assert about(found, "identifier") == ["patient", "visit"]
    assert about(found, "ordered") == ["day"]


@pytest.mark.parametrize("off", [-1, 1])
def test_rare_classes_and_tasks_with_one_class(off):
    frame, _ = clean()
    rare = round(RARE * len(frame)) + off
    labels = np.full(len(frame), "home", dtype=object)
    labels[:rare] = "died"
    found = examine(frame, labels, task="ward")
    assert about(found, "rare classes") == (["died"] if off < 0 else [])
    mixed = "w00" if rare < N else "w01"
    assert set(about(found, "one class")) == {f"w{t:02d}" for t in range(T)} - {mixed}
    assert found.class_counts.sum(axis=1).tolist() == [N] * T


def test_three_classes_and_one():
    frame, _ = clean()
    three = np.array(["a", "b", "c"])[np.random.default_rng(0).integers(3, size=len(frame))]
    assert examine(frame, three, task="ward").findings == ()
    assert kinds(examine(frame, ["a"] * len(frame), task="ward")) == {"target"}


def crossing(measure, wanted, low, high):
    return brentq(lambda size: measure(size) - wanted, low, high, xtol=1e-6)


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_heavy_tails(factor):
    frame, y = clean()
    spike = (np.arange(len(y)) == 137) * y.std()
    size = crossing(lambda s: examine(frame, y + s * spike, task="ward").target_kurtosis, factor * HEAVY, 2.0, 30.0)
    assert about(examine(frame, y + size * spike, task="ward"), "heavy target") == (["stay"] if factor > 1.0 else [])
    turned = frame.assign(c=y + size * spike)
    assert about(examine(turned, frame["c"], task="ward"), "heavy features") == (["c"] if factor > 1.0 else [])


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_an_outlying_spread(factor):
    frame, y = clean()
    own = pd.Series(np.where(CODES == 4, inner(y.to_numpy()), 0.0), name="stay")
    z = crossing(lambda s: examine(frame, y + s * own, task="ward").apart.spread[4], factor * OUTLYING, 0.0, 10.0)
    found = examine(frame, y + z * own, task="ward")
    assert about(found, "outlying spread") == (["w04"] if factor > 1.0 else [])


def test_heavy_tails_name_the_row():
    frame, y = clean()
    wild = y.copy()
    wild[137] += 40.0 * y.std()
    frame.loc[211, "c"] = -1e3
    found = examine(frame, wild, task="ward")
    assert found.target_kurtosis > HEAVY
    (target,) = (finding for finding in found.findings if finding.about == "heavy target")
    assert "row 137 (task 'w05')" in target.text
    (feature,) = (finding for finding in found.findings if finding.about == "heavy features")
    assert "'c' (row 211)" in feature.text


def test_sizes_and_labels():
    frame, y = clean()
    frame.loc[0, "ward"], frame.loc[CODES == 5, "ward"] = "lone", "W04 "
    found = examine(frame, y, task="ward")
    assert about(found, "one row") == ["lone"]
    assert about(found, "few rows") == ["lone"]
    assert set(about(found, "labels")) == {"w04", "W04 "}
    assert "one task" in kinds(examine(frame.assign(ward="x"), y, task="ward"))
    assert "target" in kinds(examine(*clean()[:1], CODES * 1.0, task="ward"))
    still = y.where(CODES != 2, 0.1)
    assert about(examine(clean()[0], still, task="ward"), "constant target") == ["w02"]
    twice = pd.concat((clean()[0], clean()[0][:3]))
    assert "repeated rows" in kinds(examine(twice, pd.concat((y, y[:3])), task="ward"))


def test_more_features_than_rows():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(30, 80))).add_prefix("x").assign(ward=np.arange(30) // 3)
    found = examine(frame, generator.normal(size=30), task="ward")
    assert "wide" in kinds(found)
    assert np.isnan(found.spectrum.condition)
    assert len(found.spectrum.values) == 20
    assert 1.0 < found.spectrum.dimension < 20.0


def messy():
    frame, y = clean()
    frame = frame.assign(again=2.0 * frame["a"], beds=CODES * 7.7, one=3.0, sum=frame["a"] + frame["c"], leak=2.0 * y)
    frame.loc[CODES == 6, "b"] += 900.0
    frame.loc[5, "d"] = np.nan
    y = y + 80.0 * (CODES == 3)
    return frame, y


def said(found):
    return {(finding.about, frozenset(finding.names)) for finding in found.findings}


def test_units_do_not_matter():
    frame, y = messy()
    plain = examine(frame, y, task="ward")
    assert len(plain.findings) >= 7
    scaled = frame.copy()
    scaled[list("abcd")] *= [1e-3, 1e4, 10.0, 1e-6]
    for units in (examine(frame, 10.0 * y, task="ward"), examine(scaled, 1e-5 * y, task="ward")):
        assert said(units) == said(plain)
        assert units.apart.mean == pytest.approx(plain.apart.mean, nan_ok=True)
        assert units.target.intraclass == pytest.approx(plain.target.intraclass)
        assert units.spectrum.values == pytest.approx(plain.spectrum.values)


def test_the_order_of_tasks_and_rows_does_not_matter():
    frame, y = messy()
    plain = examine(frame, y, task="ward")
    order = np.random.default_rng(0).permutation(len(y))
    mixed = examine(frame.iloc[order], y.iloc[order], task="ward")
    assert said(mixed) == said(plain)
    turned = {f"w{t:02d}": f"w{T - 1 - t:02d}" for t in range(T)}
    found = examine(frame.assign(ward=frame["ward"].map(turned)), y, task="ward")
    assert {(kind, frozenset(turned.get(n, n) for n in names)) for kind, names in said(found)} == said(plain)


def test_arrays_and_thousands_of_tasks():
    generator = np.random.default_rng(0)
    codes = np.repeat(np.arange(2000), generator.integers(1, 30, size=2000))
    X = np.column_stack((generator.normal(size=(len(codes), 30)), codes))
    start = time.perf_counter()
    found = examine(X, generator.normal(size=len(codes)), task=-1)
    assert time.perf_counter() - start < 10.0
    assert len(found.tasks) == 2000
    assert {"one row", "few rows"} <= kinds(found)
    assert sum(kind.startswith("outlying") for kind in kinds(found)) == 0


def test_ames():
    ames = load_ames()
    found = examine(ames.X, ames.y, task=ames.task)
    assert about(found, "one row") == ["Landmark"]
    assert set(about(found, "between")) == {"Longitude", "Latitude"}
    assert "Misc_Val" in about(found, "heavy features")
    assert not any(finding.severity == "problem" for finding in found.findings)
    assert found.target.intraclass[0] == pytest.approx(0.595, abs=0.001)
