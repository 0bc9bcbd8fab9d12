"""The task graph of logistic tasks from rows to a result."""

from dataclasses import replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.candidates import Points, nearest_pairs
from kinfolk.graph.em import level
from kinfolk.graph.logistic import mean_regularised_logistic, working_moments
from kinfolk.graph.logistic_choice import Choice, choose_logistic, units
from kinfolk.graph.logistic_em import (
    LogisticFit,
    alone,
    first_study,
    joint_covariances,
    learn_logistic,
)
from kinfolk.graph.solve import coupling_strength
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult, Status
from kinfolk.tasks import TaskData


def by_logistic_graph(
    data: TaskData,
    *,
    graph: FloatArray | None,
    covariance: str,
    n_neighbors: int,
    shrinkage: float | None,
    n_probes: int,
    max_iter: int,
    tol: float,
    seed: Any,
) -> FitResult:
    """Graph and coefficients of logistic tasks (targets 0 and 1) by EM (`kinfolk.graph.logistic_em`).

    Parameters
    ----------
    data : TaskData
    graph : (T, T) array or None
        Weights of a given graph: only its strength is learned.
    covariance : {"auto", "scalar", "diagonal", "full"}
        Of coefficients about their mean; "auto": chosen by held-out rows, "scalar" with a given graph.
    n_neighbors : int
    shrinkage : float or None
        None: chosen by held-out rows.
    n_probes, max_iter, tol, seed
        See `TaskGraphClassifier`.

    Returns
    -------
    FitResult
        With details ``edges, edge_weights, pull, coupling_strength, shrinkage, shrinkage_scores, averaging,
        inflation``, and ``feature_root`` where coefficients do not vary alike.
    """
    form = "scalar" if covariance == "auto" and (graph is not None or data.n_tasks < 3) else covariance
    choice = Choice(form, 1.0 if shrinkage is None else shrinkage, np.zeros((0, 2)))
    if graph is not None:
        choice = replace(choice, alpha=0.0)
    if data.n_tasks > 2 and (shrinkage is None or form == "auto"):
        choice = choose_logistic(data, form, shrinkage, n_neighbors, given=graph, seed=seed, n_probes=n_probes)
    alpha, start, root = choice.alpha, mean_regularised_logistic(data), None
    if choice.form != "scalar" and data.n_tasks > 1:
        root = units(data, start, choice.form)
        data = replace(data, X=data.X @ root)
        start = mean_regularised_logistic(data)
    study, mode = first_study(data, start, n_neighbors, n_probes=n_probes), start[1]
    if graph is not None:
        study = study.on(graph)
    if alpha < 1.0 and len(study.first):
        fit = learn_logistic(data, study, mode, alpha, max_iter=max_iter, tol=tol, finish=graph is not None)
        if graph is None:  # candidates anew: those of the first fit were blurred by noise
            first, second = nearest_pairs(Points(fit.mode.slopes), n_neighbors)
            study = replace(study, first=first, second=second)
            fit = learn_logistic(data, study, fit.mode, alpha, max_iter=max_iter, tol=tol, last=fit.expectation)
    else:
        fit = alone(data, study, mode)
    fit = fit.inflated(data, choice.inflation)
    used = np.flatnonzero(fit.weights.edges > 0.0)
    return FitResult(
        _posterior(data, fit, root, joined=bool(len(used))),
        Status.CONVERGED if fit.settled else Status.MAX_ITER,
        fit.n_iter,
        study.base.value,
        fit.moves,
        {
            "edges": np.stack((study.first[used], study.second[used])),
            "edge_weights": fit.weights.edges[used],
            "pull": np.array([fit.weights.population]),
            "coupling_strength": np.array([coupling_strength(fit.study.blocks, fit.coupling)]),
            "shrinkage": np.array([alpha]),
            "shrinkage_scores": choice.table,
            "averaging": np.array([float(choice.averaging)]),
            "inflation": np.array([choice.inflation]),
            "information": fit.study.blocks.factor.values,
        }
        | ({} if root is None else {"feature_root": root}),
    )


def _posterior(data: TaskData, fit: LogisticFit, root: FloatArray | None, *, joined: bool) -> Posterior:
    """Laplace's posterior of every task, and as its prior that of a task never seen; ``root`` leads to the features."""
    base, mode = fit.study.base, fit.mode
    T, d = mode.slopes.shape
    variance = fit.study.expect(fit.weights, fit.expectation).total() / (T - 1) if joined else base.own
    back = np.eye(d + 1)
    if root is not None:
        back[1:, 1:] = root
    # the population's mean given the mean of its tasks, which has the prior N(0, q I)
    center = mode.slopes.mean(axis=0) * (1.0 - base.own * level(base, T))
    heard = working_moments(data, mode.eta).n
    values, vectors = np.linalg.eigh(base.mean_covariance)
    mean_factor = np.zeros((d + 1, d + 1))
    mean_factor[0, 0] = np.sqrt((base.spread + float(np.mean(1.0 / np.maximum(heard, 1.0)))) / T)
    mean_factor[1:, 1:] = vectors * np.sqrt(np.maximum(values, 0.0))
    scale, loadings = np.zeros(d + 1), np.zeros((d + 1, 0 if root is None else d))
    scale[0] = np.sqrt(base.spread)
    if root is None:
        scale[1:] = np.sqrt(variance)
    else:
        loadings[1:] = np.sqrt(variance) * root
    prior = GaussianPrior(back @ np.append(base.center, center), loadings, scale, back @ mean_factor)
    mean = np.concatenate((mode.intercept[:, None], mode.slopes), axis=1) @ back.T
    return Posterior(mean, np.ones(T), prior, given_covariance=back @ joint_covariances(data, fit) @ back.T)
