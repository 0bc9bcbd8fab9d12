"""Fit the shared representation by evidence at one rank, and go from one rank to the next."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.representation.evidence import SharedModel, State, best_ridge, extend, spectral_directions, tiny
from kinfolk.representation.own import WORTH, best_own, coefficients, leverage, own_profile, worth_looking
from kinfolk.representation.spectrum import Spectrum
from kinfolk.tasks import Factor, Moments

_PROFILE_TURNS = 10  # of the fixed point; it settles in fewer where the profile matters


@dataclass(frozen=True)
class Study:
    """What a fit is made from.

    Attributes
    ----------
    moments : Moments
    weights : (T,) array or None
        How much each task counts in what all tasks share (None: 1).
    profile : (d,) array or None
        Variance of what tasks have of their own, coefficient by coefficient, relative to rho (None: 1).
    known : Factor or None
        Spectral square root of the moments, where it has been made already.
    """

    moments: Moments
    weights: FloatArray | None = None
    profile: FloatArray | None = None
    known: Factor | None = None

    @cached_property
    def factor(self) -> Factor:
        """Spectral square root of the moments; only made where tasks have something of their own."""
        return self.moments.factor() if self.known is None else self.known

    @cached_property
    def spectrum(self) -> Spectrum:
        """The rows in the frame in which rho only rescales them."""
        return Spectrum.of(self.factor, self.profile)

    def model(self, own: float) -> SharedModel:
        """The data with rho integrated out."""
        return SharedModel(self.moments, own, self.spectrum if own > 0.0 else None, self.weights)


@dataclass(frozen=True)
class Fit:
    """A state at which both the loadings and the variances have settled (or not, see ``settled``).

    Attributes
    ----------
    study : Study
    model : SharedModel
    state : State
    n_steps : int
        Steps of the climbs.
    settled : bool
    history : tuple of float
        Log marginal likelihood after each step.
    moves : tuple of float
        Sine of the largest angle by which each step turned the span of the loadings.
    """

    study: Study
    model: SharedModel
    state: State
    n_steps: int = 0
    settled: bool = True
    history: tuple[float, ...] = ()
    moves: tuple[float, ...] = ()

    @property
    def noise(self) -> float:
        """Variance of the observations."""
        return self.state.noise

    @property
    def slopes(self) -> FloatArray:
        """Posterior mean slopes ``(T, d)``."""
        return coefficients(self.state, self.study.spectrum if self.state.own > 0.0 else None)

    @property
    def leverage(self) -> FloatArray:
        """Degrees of freedom ``(T,)`` that each task's coefficients use, the trace of its hat matrix."""
        return leverage(self.model, self.state, self.study.spectrum if self.state.own > 0.0 else None)


def fit_rank(study: Study, loadings: FloatArray, own: float, ridge: float, *, rounds: int, tol: float) -> Fit:
    """Climb in the loadings and re-estimate the variances in turn.

    It ends when other variances would raise the log likelihood by less than ``tol (k + 1) (d + T)``.
    """
    enough = tol * (loadings.shape[1] + 1) * (len(loadings) + study.moments.n_tasks)
    model, looked = study.model(own), study.moments.n_tasks == 1  # a single task is its own population
    n_steps = 0
    history: tuple[float, ...] = ()
    moves: tuple[float, ...] = ()
    for _ in range(rounds):
        if own != model.own:
            model = study.model(own)
        climb = model.climb(loadings, ridge, steps=50, tol=enough)
        state = climb.state
        n_steps, history, moves = n_steps + climb.n_steps, history + climb.history, moves + climb.moves
        loadings, gain = state.loadings, 0.0
        if own > 0.0 or (not looked and worth_looking(model, state)):
            own, gain = best_own(model, study.spectrum, state)
        looked = True
        ridge, more = best_ridge(state)
        settled = gain + more < enough
        if settled:
            break
    return Fit(study, model, state, n_steps, settled, history, moves)


def first_fit(study: Study, *, tol: float) -> Fit:
    """Rank 0: a population and what each task has of its own."""
    typical = _typical(study)
    nothing = np.zeros((study.moments.n_features, 0))
    own = typical if study.moments.n_tasks > 1 else 0.0
    return fit_rank(study, nothing, own, typical, rounds=20, tol=tol)


def next_fit(fit: Fit, *, rounds: int, tol: float) -> Fit:
    """One rank more, from where the last one ended."""
    return fit_rank(fit.study, extend(fit.model, fit.state), fit.state.own, fit.state.ridge, rounds=rounds, tol=tol)


def ranks(study: Study, *, rounds: int, tol: float) -> Iterator[Fit]:
    """Fits of rank 0, 1, 2, ..., each from where the last one ended."""
    fit = first_fit(study, tol=tol)
    while True:
        yield fit
        fit = next_fit(fit, rounds=rounds, tol=tol)


def refine(fit: Fit, *, rounds: int, tol: float) -> Fit:
    """Give what tasks have of their own a variance for each coefficient, where the evidence is for it.

    That is where the log likelihood rises by more than ``(d - 1) / 2 log T`` (the information criterion); a profile
    that the fit has already is only estimated again.
    """
    if own_gain(fit) <= WORTH:
        return fit
    price = 0.0 if fit.study.profile is not None else profile_price(fit.study)
    study, model, state = fit.study, fit.model, fit.state
    for _ in range(_PROFILE_TURNS):
        turned = own_profile(model, state, study.spectrum.profile)
        own = float(turned.mean())
        study = replace(study, profile=turned / own, known=study.factor)
        model = study.model(own)
        state = model.weigh(state.loadings, state.ridge)
    refined = fit_rank(study, state.loadings, own, state.ridge, rounds=rounds, tol=tol)
    return refined if refined.state.value > fit.state.value + price else fit


def own_gain(fit: Fit) -> float:
    """Log likelihood that what tasks have of their own brings at this fit."""
    if fit.state.own == 0.0:
        return 0.0
    without = fit.study.model(0.0).weigh(fit.state.loadings, fit.state.ridge)
    return fit.state.value - without.value


def profile_price(study: Study) -> float:
    """Log likelihood that a variance for each coefficient has to bring, ``(d - 1) / 2 log T``."""
    return 0.5 * (study.moments.n_features - 1) * float(np.log(study.moments.n_tasks))


def start_of_rank(study: Study, rank: int, *, robust: bool = False) -> tuple[FloatArray, float, float]:
    """Loadings, rho and g from which a given rank is climbed: spectral directions in units of the heads' spread.

    The directions are the leading left singular vectors of ``P [b_t / sqrt(n_t)]_t`` with P the inverse pooled
    covariance; ``robust=True`` gives every task's column the same length (spatial signs), so that none dominates.
    """
    model, ridge = study.model(0.0), _typical(study)
    pulls = model.b
    if robust:
        size = np.linalg.norm(pulls @ model.preconditioner, axis=1) / np.sqrt(np.maximum(model.strength, 1e-300))
        pulls = pulls / np.maximum(size, 1e-300)[:, None]
    directions = spectral_directions(model, pulls, rank)
    # along these directions the heads are first fitted with hardly any prior
    state = model.weigh(directions * np.sqrt(1e3 * ridge), ridge)
    spread = state.heads.T @ state.heads / (len(state.heads) * state.noise)
    return state.loadings @ np.linalg.cholesky(spread + tiny(spread)), 0.0, best_ridge(state)[0]


def _typical(study: Study) -> float:
    """Inverse of a task's typical information about one coefficient."""
    moments = study.moments
    if moments.rows is not None:
        size, information = moments.rows[:, :, 0].size, float((moments.rows**2).sum())
    else:
        assert moments.gram is not None
        size, information = moments.b.size, float(np.trace(moments.gram, axis1=1, axis2=2).sum())
    return size / max(information, 1e-300)
