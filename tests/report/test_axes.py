"""Public plots: they return axes, draw on those given, and show the numbers of the comparison or the model."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression

import kinfolk
from kinfolk.datasets import make_clustered_tasks, make_shared_classification, make_shared_representation
from kinfolk.diagnostics import singular_values

PLOTS = [
    kinfolk.plot_task_errors,
    kinfolk.plot_transfer_gain,
    kinfolk.plot_shrinkage,
    kinfolk.plot_spectrum,
    kinfolk.plot_task_graph,
    kinfolk.plot_calibration,
    kinfolk.plot_residuals,
    kinfolk.plot_weights,
]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def made():
    tasks = make_clustered_tasks(2, n_tasks=12, n_samples=12, n_features=4, random_state=0)
    labels = np.array([r"$\broken", "_b", "<c>", *(f"shop {t}" for t in range(9))])
    return tasks.X.assign(task=labels[tasks.X["task"]]), tasks.y


@pytest.fixture(scope="module")
def comparison(made):
    graph = kinfolk.TaskGraphRegressor(shrinkage=0.1)  # held-out rows of so few tasks show no graph
    return kinfolk.compare(*made, task="task", methods=["PartialPoolingRegressor", graph])


@pytest.mark.parametrize("plot", PLOTS)
def test_every_plot_returns_axes_that_can_be_drawn(comparison, plot, tmp_path):
    made = plot(comparison)
    assert isinstance(made, Axes)
    made.figure.savefig(tmp_path / "plot.png")
    ax = Figure().add_subplot()
    before = plt.get_fignums()
    assert plot(comparison, ax=ax) is ax
    assert plt.get_fignums() == before
    assert ax.has_data()


@pytest.mark.parametrize("plot", PLOTS)
def test_what_is_no_comparison_is_refused_and_an_unfitted_estimator_is_said_so(plot):
    with pytest.raises(kinfolk.InputError, match=r"takes a .*; got IndependentRidge, which is not fitted\."):
        plot(kinfolk.IndependentRidge())
    with pytest.raises(kinfolk.InputError, match="got int"):
        plot(3)


@pytest.mark.parametrize("plot", PLOTS[:-1])
def test_a_method_that_was_not_compared_is_named(comparison, plot):
    with pytest.raises(kinfolk.InputError, match="no method 'Lasso'; there are "):
        plot(comparison, "Lasso")


def test_errors_are_those_of_the_table_with_every_task_named(comparison):
    ax = kinfolk.plot_task_errors(comparison, "TaskGraphRegressor")
    table = comparison.tasks[comparison.tasks["method"] == "TaskGraphRegressor"].sort_values("gain", kind="stable")
    assert [label.get_text() for label in ax.get_yticklabels()] == list(table["task"])
    np.testing.assert_allclose(ax.lines[0].get_xdata(), np.sqrt(table["baseline_error"]))
    drawn = np.concatenate([line.get_xydata() for line in ax.lines[1:]])
    np.testing.assert_allclose(drawn[drawn[:, 1].argsort(), 0], np.sqrt(table["error"]))
    some = kinfolk.plot_task_errors(comparison, "TaskGraphRegressor", most=4)
    ends = [*table["task"][:2], *table["task"][-2:]]
    assert [label.get_text() for label in some.get_yticklabels()] == ends


def test_gains_are_those_of_the_table(comparison):
    ax = kinfolk.plot_transfer_gain(comparison, "PartialPoolingRegressor")
    table = comparison.tasks[comparison.tasks["method"] == "PartialPoolingRegressor"]
    drawn = np.concatenate([line.get_ydata() for line in ax.lines[:-1]])
    np.testing.assert_allclose(np.sort(drawn), np.sort(np.maximum(table["gain"], -2.0)))


def test_calibration_is_that_of_the_comparison(comparison):
    ax = kinfolk.plot_calibration(comparison, "TaskGraphRegressor")
    table = comparison.calibration[comparison.calibration["method"] == "TaskGraphRegressor"]
    line = next(line for line in ax.lines if line.get_label() == "TaskGraphRegressor")
    np.testing.assert_array_equal(line.get_xydata(), table[["level", "coverage"]])


def test_residuals_times_deviations_are_errors(comparison):
    name = "PartialPoolingRegressor"
    x, z = kinfolk.plot_residuals(comparison, name).lines[0].get_data()
    np.testing.assert_array_equal(x, comparison.predictions[name])
    np.testing.assert_allclose(z * comparison.deviations[name], comparison.truth - comparison.predictions[name])
    normal = kinfolk.plot_residuals(comparison, name, kind="normal")
    np.testing.assert_allclose(normal.lines[1].get_ydata(), np.sort(z))
    with pytest.raises(kinfolk.InputError, match="kind must be 'prediction' or 'normal'; got 'qq'"):
        kinfolk.plot_residuals(comparison, kind="qq")


def test_weights_of_the_guard_are_in_the_cells(comparison):
    ax = kinfolk.plot_weights(comparison)
    frame = comparison.guard_weights.set_index("task")
    rows, columns = ([label.get_text() for label in labels] for labels in (ax.get_yticklabels(), ax.get_xticklabels()))
    assert sorted(rows) == sorted(frame.index)
    for text in ax.texts:
        across, down = text.get_position()
        assert text.get_text() == f"{frame.loc[rows[down], columns[across]]:.0%}"
    assert len(ax.texts) == (frame.to_numpy() >= 0.005).sum()


def test_a_guard_and_a_representation_show_themselves(made):
    guard = kinfolk.GuardedRegressor(["PooledRidge"], task="task", cv=2).fit(*made)
    labels = kinfolk.plot_weights(guard).get_xticklabels()
    assert {label.get_text() for label in labels} == set(guard.candidates_)
    model = kinfolk.SharedRepresentationRegressor(rank=2, task="task").fit(*made)
    ax = kinfolk.plot_weights(model)
    order = np.argsort(-model.heads_[:, 0])
    assert [label.get_text() for label in ax.get_yticklabels()] == [str(task) for task in model.tasks_[order]]
    values = kinfolk.plot_spectrum(model).lines[0].get_ydata()
    np.testing.assert_allclose(values, singular_values(model.result_.posterior.mean[:, 1:]))
    empty = kinfolk.SharedRepresentationRegressor(rank=0, task="task").fit(*made)
    with pytest.raises(kinfolk.InputError, match="rank 0"):
        kinfolk.plot_weights(empty)


def test_more_than_sixty_tasks_are_means_of_groups():
    tasks = make_shared_representation(n_tasks=150, n_samples=6, n_features=3, rank=1, random_state=0)
    model = kinfolk.SharedRepresentationRegressor(rank=1, task="task").fit(tasks.X, tasks.y)
    ax = kinfolk.plot_weights(model)
    assert "mean of about 2 neighbouring tasks of 150" in ax.get_ylabel()
    assert len(ax.get_yticklabels()) == 0


def test_the_edges_of_a_model_are_drawn_and_a_graph_without_edges_is_said_so(made):
    model = kinfolk.TaskGraphRegressor(task="task", shrinkage=0.5).fit(*made)
    ax = kinfolk.plot_task_graph(model)
    assert {text.get_text() for text in ax.texts} == set(model.tasks_)
    assert len(ax.collections[0].get_segments()) <= model.graph_.nnz // 2
    with pytest.raises(kinfolk.InputError, match="no edges"):
        kinfolk.plot_task_graph(kinfolk.TaskGraphRegressor(task="task", shrinkage=1.0).fit(*made))
    with pytest.raises(kinfolk.InputError, match="got IndependentRidge"):
        kinfolk.plot_task_graph(kinfolk.IndependentRidge(task="task").fit(*made))


def test_methods_without_coefficients_or_posterior_are_refused(made):
    X = made[0].assign(task=made[0]["task"].astype("category").cat.codes.astype(int))
    found = kinfolk.compare(X, made[1], task="task", methods={"plain": LinearRegression()})
    for plot in (kinfolk.plot_shrinkage, kinfolk.plot_spectrum):
        with pytest.raises(kinfolk.InputError, match="plain has no coefficients"):
            plot(found, "plain")
    with pytest.raises(kinfolk.InputError, match="plain does not state"):
        kinfolk.plot_calibration(found, "plain")
    with pytest.raises(kinfolk.InputError, match="no task graph"):
        kinfolk.plot_task_graph(found)


def test_classes_have_reliability_and_no_residuals():
    data = make_shared_classification(n_tasks=6, n_samples=40, n_features=3, rank=1, random_state=0)
    found = kinfolk.compare(data.X, data.y, task="task", methods=["PooledLogistic"])
    ax = kinfolk.plot_calibration(found, "PooledLogistic")
    table = found.calibration[found.calibration["method"] == "PooledLogistic"]
    line = next(line for line in ax.lines if line.get_label() == "PooledLogistic")
    np.testing.assert_array_equal(line.get_xydata(), table[["predicted", "observed"]])
    assert "log loss" in kinfolk.plot_task_errors(found).get_xlabel()
    with pytest.raises(kinfolk.InputError, match="is for numbers"):
        kinfolk.plot_residuals(found)


def test_colours_follow_the_style_that_is_set(comparison):
    with plt.style.context("dark_background"):
        ax = kinfolk.plot_transfer_gain(comparison)
    assert ax.lines[-1].get_color() == "#ffffff"
