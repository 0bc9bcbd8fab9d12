"""The task graph methods from rows to a result."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.coupled import Coupling, solve
from kinfolk.graph.em import GraphFit, Study, first_weights, learn, learn_twice
from kinfolk.graph.features import choose_form, feature_root, in_units
from kinfolk.graph.mean_regularised import mean_regularised
from kinfolk.graph.posterior import joint_posterior
from kinfolk.graph.relationship import relate
from kinfolk.graph.shrinkage import choose, choose_shrinkage
from kinfolk.result import FitResult, Status
from kinfolk.tasks import TaskData


def by_graph(
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
    """Graph and coefficients by EM (`kinfolk.graph.em`).

    Parameters
    ----------
    data : TaskData
    graph : (T, T) array or None
        Weights of a given graph: only its strength is learned.
    covariance : {"auto", "scalar", "diagonal", "full"}
        Of coefficients about their mean; "auto": chosen by held-out rows (`kinfolk.graph.features`).
    n_neighbors : int
    shrinkage : float or None
        None: chosen by held-out rows.
    n_probes, max_iter, tol, seed
        See `TaskGraphRegressor`.

    Returns
    -------
    FitResult
        With details ``edges, edge_weights, pull, coupling_strength, shrinkage, shrinkage_scores``, and ``feature_root``
        where coefficients do not vary alike.
    """
    original = moments = data.moments()
    T = moments.n_tasks
    form, alpha = covariance, 1.0 if shrinkage is None else shrinkage
    scores: FloatArray = np.zeros((0, 2))
    if graph is not None:
        alpha, form = 0.0, "scalar" if form == "auto" else form
    elif shrinkage is not None:
        form = choose_form(data, seed=seed)[0] if form == "auto" else form
    elif T > 2:
        again = {"seed": seed, "n_probes": n_probes, "max_iter": max_iter, "tol": tol}
        found = (
            choose(data, n_neighbors, **again) if form == "auto" else choose_shrinkage(data, form, n_neighbors, **again)
        )
        form, alpha, scores = found.form, found.alpha, found.table
    root = None
    if form in ("diagonal", "full") and T > 1:
        base, joint, _ = mean_regularised(moments)
        root = feature_root(joint, base, form)
        moments = in_units(moments, root)
    study = Study.of(moments, n_neighbors, n_probes=n_probes)
    if graph is not None:
        study = study.on(graph)
    if alpha < 1.0 and len(study.first):
        if graph is None:
            study, fit = learn_twice(study, alpha, n_neighbors, max_iter=max_iter, tol=tol)
        else:
            fit = learn(study, first_weights(study, alpha), alpha, max_iter=max_iter, tol=tol)
    else:
        alone = study.alone()
        fit = GraphFit(alone, study.expect(alone), 0, (), True)
    weights, noise = fit.weights, study.base.noise
    coupling = study.coupling(weights)
    used = np.flatnonzero(weights.edges > 0.0)
    joined = bool(len(used)) and T > 1
    # about the mean of all tasks; without a graph the likelihood's own variance
    variance = noise * (fit.expectation.total() / (T - 1) if joined else study.base.own)
    slopes = fit.expectation.slopes if joined else study.base.slopes  # the same, by a better-conditioned way
    if joined and fit.expectation.drawn is not None:
        slopes = solve(study.blocks, coupling, study.blocks.b[:, :, None], start=slopes[:, :, None], tol=1e-10)[0][
            :, :, 0
        ]
    return FitResult(
        joint_posterior(slopes, study.blocks, coupling, study.base, variance, original, root),
        Status.CONVERGED if fit.settled else Status.MAX_ITER,
        fit.n_iter,
        study.base.value,
        fit.moves,
        {
            "edges": np.stack((study.first[used], study.second[used])),
            "edge_weights": weights.edges[used] / noise,
            "pull": np.array([weights.population / noise]),
            "coupling_strength": np.array([coupling_strength(study.blocks, coupling)]),
            "shrinkage": np.array([alpha]),
            "shrinkage_scores": scores,
        }
        | ({} if root is None else {"feature_root": root}),
    )


def by_relationship(data: TaskData, *, max_iter: int, tol: float, seed: Any) -> FitResult:
    """Coefficients by multi-task relationship learning (`kinfolk.graph.relationship`).

    Returns
    -------
    FitResult
        With details ``relationship, coupling_strength, strength_scores``.
    """
    moments = data.moments()
    study = Study.of(moments, 1)
    found = relate(data, study.blocks, study.base, max_iter=max_iter, tol=tol, seed=seed)
    T, noise = moments.n_tasks, study.base.noise
    centred = found.slopes - found.slopes.mean(axis=0)
    variance = float((centred**2).sum()) / max(T - 1, 1) / moments.n_features
    return FitResult(
        joint_posterior(
            found.slopes, study.blocks, found.coupling, study.base, max(variance, noise * study.base.own), moments
        ),
        Status.CONVERGED if found.settled else Status.MAX_ITER,
        found.n_iter,
        study.base.value,
        (),
        {
            "relationship": found.omega,
            "coupling_strength": np.array([coupling_strength(study.blocks, found.coupling)]),
            "strength_scores": found.table,
        },
    )


def coupling_strength(blocks: Blocks, coupling: Coupling) -> float:
    r"""Prior precision over the information of the rows, :math:`\kappa = \rho / (1 - \rho)`.

    :math:`\rho` is the share of a coefficient's precision that comes from the other tasks, on average over tasks and
    directions; for tasks with the same information 1/s in every direction :math:`\kappa = s \operatorname{tr}(Q) / T`.
    """
    v = blocks.factor.values
    prior = np.maximum(coupling.diagonal - coupling.level / blocks.n_tasks, 0.0)[:, None]
    told = float((v / np.maximum(v + prior, 1e-300)).sum()) / (blocks.n_tasks * blocks.d)
    return (1.0 - told) / told if told > 0.0 else np.inf
