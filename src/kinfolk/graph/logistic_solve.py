"""The task graph of logistic tasks from rows to a result."""

from dataclasses import replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.candidates import Points, nearest_pairs
from kinfolk.graph.em import level
from kinfolk.graph.logistic import Working
from kinfolk.graph.logistic_choice import Choice, choose_logistic
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
    n_neighbors : int
    shrinkage : float or None
        None: chosen by held-out rows.
    n_probes, max_iter, tol, seed
        See `TaskGraphClassifier`.

    Returns
    -------
    FitResult
        With details ``edges, edge_weights, pull, coupling_strength, shrinkage, shrinkage_scores, averaging,
        inflation``.
    """
    choice = Choice(1.0 if shrinkage is None else shrinkage, np.zeros((0, 2)))
    if graph is not None:
        choice = replace(choice, alpha=0.0)
    if shrinkage is None and data.n_tasks > 2:
        choice = choose_logistic(data, n_neighbors, given=graph, seed=seed, n_probes=n_probes)
    alpha = choice.alpha
    study, mode = first_study(data, n_neighbors, n_probes=n_probes)
    if graph is not None:
        study = study.on(graph)
    if alpha < 1.0 and len(study.first):
        fit = learn_logistic(data, study, mode, alpha, max_iter=max_iter, tol=tol, finish=graph is not None)
        if graph is None:  # candidates anew: those of the first fit were blurred by noise
            first, second = nearest_pairs(Points(fit.mode.slopes), n_neighbors)
            study = replace(study, first=first, second=second)
            fit = learn_logistic(data, study, fit.mode, alpha, max_iter=max_iter, tol=tol)
    else:
        fit = alone(data, study, mode)
    fit = fit.inflated(data, choice.inflation)
    used = np.flatnonzero(fit.weights.edges > 0.0)
    return FitResult(
        _posterior(data, fit, joined=bool(len(used))),
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
        },
    )


def _posterior(data: TaskData, fit: LogisticFit, *, joined: bool) -> Posterior:
    """Laplace's posterior of every task, and as its prior that of a task never seen."""
    base, mode = fit.study.base, fit.mode
    T, d = mode.slopes.shape
    variance = fit.expectation.total() / (T - 1) if joined else base.own
    working = Working.at(data, mode.eta, base)
    # the population's mean given the mean of its tasks, which has the prior N(0, q I)
    center = mode.slopes.mean(axis=0) * (1.0 - base.own * level(base, T))
    values, vectors = np.linalg.eigh(base.mean_covariance)
    mean_factor = np.zeros((d + 1, d + 1))
    mean_factor[0, 0] = np.sqrt((base.spread + float(np.mean(1.0 / np.maximum(working.moments.n, 1.0)))) / T)
    mean_factor[1:, 1:] = vectors * np.sqrt(np.maximum(values, 0.0))
    scale = np.sqrt(np.concatenate(([base.spread], np.full(d, variance))))
    prior = GaussianPrior(np.concatenate(([base.center], center)), np.zeros((d + 1, 0)), scale, mean_factor)
    mean = np.concatenate((mode.intercept[:, None], mode.slopes), axis=1)
    return Posterior(mean, np.ones(T), prior, given_covariance=joint_covariances(data, fit))
