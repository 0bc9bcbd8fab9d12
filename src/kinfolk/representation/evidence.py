r"""Marginal likelihood of the shared linear representation, and the climb to its maximum.

Coefficients are :math:`w_t \sim N(\mu, \sigma^2 (F F^\top + \rho I))` with loadings F of shape (d, k), so that
:math:`B \Gamma B^\top = \sigma^2 F F^\top` and :math:`\tau^2 = \sigma^2 \rho`; the intercept of each task is free.

What a task has of its own is integrated out first: with :math:`V_\rho = I + \rho X_t X_t^\top`, the rows
:math:`V_\rho^{-1/2} X_t` and targets :math:`V_\rho^{-1/2} y_t` follow the model with :math:`\rho = 0`. In the
frame of `Spectrum` that is an elementwise product, so one eigendecomposition serves every rank and every
:math:`\rho`; with :math:`\rho = 0` none is needed.

The gradient in F is that of the E-step (Fisher's identity), with :math:`C_t` and :math:`h_t` the posterior covariance
(over :math:`\sigma^2`) and mean of the heads and :math:`l_t = X_t^\top (y_t - X_t (\mu + F h_t))`:

.. math:: \partial \log L / \partial F = \sum_t l_t (h_t + v)^\top / \sigma^2 - S_t F C_t ,

:math:`F v` being the part of :math:`\mu` along the loadings. EM for this model is the EBK iteration; here the same
gradient drives L-BFGS, preconditioned by :math:`P \otimes (\sum_t n_t E[h_t h_t^\top])^{-1}`, P the inverse pooled
covariance, which is the inverse Hessian when all tasks have the same covariance.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.representation.spectrum import Spectrum
from kinfolk.tasks import NOISE_FLOOR, Moments

_RIDGE_BOUNDS = (1e-8, 1e4)  # of g
_STRIDE = 3  # steps of L-BFGS between two metrics
_FARTHEST = 1e3  # full steps that a line search may try at once


@dataclass(frozen=True)
class State:
    """The model at given loadings.

    Attributes
    ----------
    loadings : (d, k) array
        F.
    own : float
        rho, variance of what each task has of its own, relative to the noise.
    ridge : float
        g, variance of what the population coefficients have outside the loadings, relative to the noise.
    mean : (d,) array
        Population coefficients.
    noise : float
        Variance of the observations.
    value : float
        Log marginal likelihood up to a constant.
    heads : (T, k) array
        Posterior means along the loadings.
    left : (T, d) array
        What the residuals still pull at, ``l_t``.
    gradient : (d, k) array
        Derivative of the value by F.
    second : (k, k) array
        Sum over tasks of the heads' second moments, each times the trace of the task's information.
    position : (d + k,) array
        v, where ``mean = R v``.
    pulled, precision : (d,) and (d, d) arrays
        What the data say of the mean: ``precision mean = pulled`` without its prior.
    """

    loadings: FloatArray
    own: float
    ridge: float
    mean: FloatArray
    noise: float
    value: float
    heads: FloatArray
    left: FloatArray
    gradient: FloatArray
    second: FloatArray
    position: FloatArray
    pulled: FloatArray
    precision: FloatArray

    @property
    def inner(self) -> FloatArray:
        """Posterior precision of v, ``(d + k, d + k)``, in units of 1 / noise (all eigenvalues are at least 1)."""
        root = _population_root(self.loadings, self.ridge)
        inner: FloatArray = np.eye(root.shape[1]) + root.T @ self.precision @ root
        return inner


@dataclass(frozen=True)
class Climb:
    """Where a climb ended and how it went there.

    Attributes
    ----------
    state : State
    n_steps : int
        Steps taken.
    history : tuple of float
        Log marginal likelihood after each step.
    moves : tuple of float
        Sine of the largest angle between the spans of the loadings before and after each step.
    """

    state: State
    n_steps: int
    history: tuple[float, ...]
    moves: tuple[float, ...]

    def then(self, further: "Climb") -> "Climb":
        """The climb that goes on from where this one ended."""
        return Climb(
            further.state,
            self.n_steps + further.n_steps,
            self.history + further.history,
            self.moves + further.moves,
        )


class SharedModel:
    """The centred data of all tasks with one ``rho`` integrated out.

    Parameters
    ----------
    moments : Moments
    own : float, default=0
        rho; a positive one needs ``spectrum``.
    spectrum : Spectrum, optional
        The rows in the frame in which rho only rescales them.
    weights : (T,) array, optional
        How much each task counts in what all tasks share (default: 1).
    """

    def __init__(
        self, moments: Moments, own: float = 0.0, spectrum: Spectrum | None = None, weights: FloatArray | None = None
    ) -> None:
        self.own, self.moments = own, moments
        self.weights = np.ones(moments.n_tasks) if weights is None else weights
        self.rows: FloatArray | None
        if own > 0.0:
            assert spectrum is not None
            damping = 1.0 / (1.0 + own * spectrum.values)
            self.rows = np.sqrt(damping)[:, :, None] * spectrum.rows
            self.targets = np.sqrt(damping) * spectrum.targets
            self.b = (self.targets[:, None, :] @ self.rows)[:, 0]
            self.yy = spectrum.rest + (self.targets**2).sum(axis=1)
            self.rest = spectrum.rest
            log_volume = -np.log(damping).sum(axis=1)
        else:
            self.b, self.yy, self.rows = moments.b, moments.yy, moments.rows
            log_volume = self.rest = np.zeros(moments.n_tasks)
            if moments.targets is not None:
                self.targets = moments.targets
        self.log_volume = float(self.weights @ log_volume)
        self.freedom = max(float(self.weights @ np.maximum(moments.n - 1.0, 0.0)), 1.0)
        d = moments.n_features
        if self.rows is not None:
            self.strength = np.einsum("trd,trd->t", self.rows, self.rows)
            counted = self.rows if weights is None else np.sqrt(weights)[:, None, None] * self.rows
            flat = counted.reshape(-1, d)
            self.total = flat.T @ flat
        else:
            assert moments.gram is not None
            self.strength = np.trace(moments.gram, axis1=1, axis2=2)
            self.total = np.tensordot(self.weights, moments.gram, axes=1)
        self.pull = self.weights @ self.b
        floor = 1e-3 * max(float(np.trace(self.total)) / d, 1e-300)
        heard = float(self.weights @ self.strength)
        self.preconditioner = np.linalg.inv(self.total + floor * np.eye(d)) * max(heard, 1e-300)

    def apply(self, vector: FloatArray) -> FloatArray:
        """``S_t vector`` of every task, ``(T, d)``, with rho integrated out."""
        if self.rows is None:
            assert self.moments.gram is not None
            summed: FloatArray = (self.moments.gram.reshape(-1, len(vector)) @ vector).reshape(-1, len(vector))
            return summed
        product: FloatArray = ((self.rows @ vector)[:, None, :] @ self.rows)[:, 0]
        return product

    def weigh(self, loadings: FloatArray, ridge: float) -> State:
        """Heads, population, noise, value and gradient at the given loadings."""
        d, k = loadings.shape
        weights = self.weights
        if self.rows is None:
            Z = None
            cross = self.moments.times(loadings)
            gram = loadings.T @ cross
        else:
            Z = self.rows @ loadings
            cross = self.rows.transpose(0, 2, 1) @ Z
            gram = Z.transpose(0, 2, 1) @ Z
        inner = gram + np.eye(k)
        covariance = np.linalg.inv(inner)
        shrunk = (weights[:, None, None] * cross) @ covariance
        pulled = self.pull - np.einsum("tdk,tk->d", shrunk, self.b @ loadings)
        precision = self.total - np.tensordot(shrunk, cross, axes=((0, 2), (0, 2)))
        root = _population_root(loadings, ridge)
        position = np.linalg.solve(np.eye(d + k) + root.T @ precision @ root, root.T @ pulled)
        mean = root @ position
        pulls = self.b - self.apply(mean)
        reach = pulls @ loadings
        heads = (covariance @ reach[:, :, None])[:, :, 0]
        left = pulls - (cross @ heads[:, :, None])[:, :, 0]
        population = float(position @ position)
        if self.rows is None:
            quad = float(weights @ (self.yy - (reach * heads).sum(axis=1)))
            quad += float(mean @ self.total @ mean) - 2.0 * float(mean @ self.pull) + population
        else:  # a sum of products: no cancellation
            residual = self.targets - self.rows @ mean
            fitted = residual if Z is None else residual - (Z @ heads[:, :, None])[:, :, 0]
            quad = float(weights @ (self.rest + (residual * fitted).sum(axis=1))) + population
        noise = max(quad / self.freedom, NOISE_FLOOR)
        log_volume = self.log_volume + float(weights @ np.linalg.slogdet(inner)[1])
        second = heads[:, :, None] * heads[:, None, :] + noise * covariance
        return State(
            loadings=loadings,
            own=self.own,
            ridge=ridge,
            mean=mean,
            noise=noise,
            value=-0.5 * (log_volume + self.freedom * np.log(noise)),
            heads=heads,
            left=left,
            gradient=(weights[:, None] * left).T @ (heads + position[d:]) / noise - shrunk.sum(axis=0),
            second=np.tensordot(weights * self.strength, second, axes=1),
            position=position,
            pulled=pulled,
            precision=precision,
        )

    def climb(self, loadings: FloatArray, ridge: float, *, steps: int, tol: float) -> Climb:
        """L-BFGS in the loadings until a step gains less than ``tol``, its metric made anew every few steps."""
        climb = Climb(self.weigh(loadings, ridge), 0, (), ())
        while loadings.shape[1] and climb.n_steps < steps:
            further = self._climb(climb.state, min(_STRIDE, steps - climb.n_steps), tol)
            climb = climb.then(further)
            if further.n_steps < _STRIDE:
                break
        return climb

    def _climb(self, state: State, steps: int, tol: float) -> Climb:
        r"""Preconditioned L-BFGS from a state.

        Steps are :math:`F = F_0 + L_P Y L_E^{-1} + F_0 A / \sqrt{2 T}` with :math:`\sigma^2 P = L_P L_P^\top` and the
        heads' second moments :math:`L_E L_E^\top`. Y turns the span; A changes the heads' covariance, about which T
        tasks say :math:`2 T` whatever their rows say of the span.
        """
        loadings, (d, k) = state.loadings, state.loadings.shape
        rows = np.linalg.cholesky(self.preconditioner * state.noise)
        columns = np.linalg.inv(np.linalg.cholesky(state.second + tiny(state.second)))
        stretch = loadings / np.sqrt(2.0 * max(float(self.weights.sum()), 1.0))
        best, span = state, np.linalg.qr(loadings)[0]
        history: list[float] = []
        moves: list[float] = []

        def slope(at: State) -> FloatArray:
            return -np.concatenate(((rows.T @ at.gradient @ columns.T).ravel(), (stretch.T @ at.gradient).ravel()))

        # the first step of L-BFGS has length one: in these units that is the full preconditioned step
        unit = max(float(np.linalg.norm(slope(state))), 1e-300)

        def loss(flat: FloatArray) -> tuple[float, FloatArray]:
            nonlocal best
            if float(np.linalg.norm(flat)) > _FARTHEST:  # where the likelihood is unbounded a line search runs away
                return -state.value + self.freedom * float(flat @ flat), 2.0 * self.freedom * flat
            turn, size = unit * flat[: d * k].reshape(d, k), unit * flat[d * k :].reshape(k, k)
            # the first question is where it starts
            found = self.weigh(loadings + rows @ turn @ columns + stretch @ size, state.ridge) if flat.any() else state
            if found.value > best.value:
                best = found
            return -found.value, unit * slope(found)

        def after_step(_: FloatArray) -> None:
            nonlocal span
            here = np.linalg.qr(best.loadings)[0]
            moves.append(float(np.linalg.norm(here - span @ (span.T @ here), 2)))
            history.append(best.value)
            span = here

        ftol = tol / max(abs(state.value), 1.0)
        options = {"maxiter": steps, "maxfun": 2 * steps + 5, "ftol": ftol, "gtol": 1e-10}
        end = minimize(loss, np.zeros(d * k + k * k), jac=True, method="L-BFGS-B", callback=after_step, options=options)
        return Climb(best, int(end.nit), tuple(history), tuple(moves))


def _population_root(loadings: FloatArray, ridge: float) -> FloatArray:
    """``R = [sqrt(g) I, F]``, ``(d, d + k)``: the population coefficients are ``R v`` with v standard normal."""
    root: FloatArray = np.concatenate((np.sqrt(ridge) * np.eye(len(loadings)), loadings), axis=1)
    return root


def best_ridge(state: State) -> tuple[float, float]:
    r"""The g with the largest restricted likelihood, and its gain, loadings and noise held where they are.

    With :math:`\Lambda_g = g I + F F^\top` the prior covariance of the population coefficients, P their precision from
    the data and p what the data pull, over :math:`\sigma^2`: :math:`2 \log L = p^\top (P + \Lambda_g^{-1})^{-1} p /
    \sigma^2 - \log |I + \Lambda_g P|`.
    """
    values, vectors = np.linalg.eigh(state.precision)
    values = np.maximum(values, 0.0)
    loadings, pulled = vectors.T @ state.loadings, vectors.T @ state.pulled

    def loss(log_ridge: float) -> float:
        ridge = float(np.exp(log_ridge))
        damping = 1.0 / (1.0 + ridge * values)
        inner = np.eye(loadings.shape[1]) + (loadings.T * (values * damping)) @ loadings
        pull = loadings.T @ (damping * pulled)
        explained = ridge * float(damping @ pulled**2) + float(pull @ np.linalg.solve(inner, pull))
        volume = float(np.linalg.slogdet(inner)[1]) - float(np.log(damping).sum())
        return volume - explained / state.noise

    low, high = np.log(_RIDGE_BOUNDS)
    near = float(np.clip(np.log(state.ridge), low, high))
    for width in (1.0, 4.0, 40.0):
        left, right = max(near - width, low), min(near + width, high)
        found = float(minimize_scalar(loss, bounds=(left, right), method="bounded", options={"xatol": 1e-3}).x)
        if (left == low or found > left + 0.05) and (right == high or found < right - 0.05):
            break
    return float(np.exp(found)), 0.5 * (loss(near) - loss(found))


def mean_root(state: State) -> FloatArray:
    """``(d, d + k)`` square root of the posterior covariance of the population coefficients, in units of the noise."""
    root: FloatArray = _population_root(state.loadings, state.ridge) @ np.linalg.cholesky(np.linalg.inv(state.inner))
    return root


def tiny(matrix: FloatArray) -> FloatArray:
    """A multiple of the identity that makes a Gram matrix safely positive definite."""
    size: FloatArray = 1e-10 * max(float(np.trace(matrix)), 1e-200) * np.eye(len(matrix))
    return size


def spectral_directions(model: SharedModel, pulls: FloatArray, rank: int) -> FloatArray:
    """Leading left singular vectors ``(d, rank)`` of ``P [pulls_t / sqrt(strength_t)]_t``."""
    scaled = pulls * np.sqrt(model.weights / np.maximum(model.strength, 1e-300))[:, None]
    moved = scaled @ model.preconditioner
    directions: FloatArray = np.linalg.eigh(moved.T @ moved)[1][:, ::-1][:, :rank]
    return directions


def extend(model: SharedModel, state: State) -> FloatArray:
    """Loadings with one direction more: the strongest one in what the tasks' residuals still pull at."""
    direction = spectral_directions(model, state.left, 1)[:, 0]
    information = model.apply(direction) @ direction
    heard = information > 1e-12 * max(float(information.max()), 1e-300)
    heads = (state.left @ direction)[heard] / information[heard]
    each = model.weights[heard] / max(float(model.weights[heard].sum()), 1e-300)
    spread = float(each @ heads**2 - state.noise * (each @ (1.0 / information[heard]))) / state.noise
    size = np.sqrt(max(spread, 0.1 * float(each @ (1.0 / information[heard]))))
    return np.concatenate((state.loadings, size * direction[:, None]), axis=1)
