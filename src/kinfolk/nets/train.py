"""Gradient descent on the sum of the tasks' mean losses, with a guard against divergence and an end before overfitting.

Summed over tasks, each learns as fast as it would alone, so that curves of one task and of many can be compared.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.nets.steps import OPTIMIZERS
from kinfolk.nets.weighting import Rule, matched

_EXPLODED = 10.0  # times the loss at the start
_MOST_HALVINGS = 5

Row = dict[str, float]


@dataclass(frozen=True)
class Schedule:
    """How to descend.

    Attributes
    ----------
    optimizer : {"gd", "adam"}
    rate : float
    decay : float
        Decoupled weight decay of the encoder: every step takes off ``rate * decay`` of it.
    max_iter : int
    batch_size : int or None
        Rows of a step; None: all.
    tol : float
        Descent ends when the mean loss of the tasks is below it.
    log_every : int
    patience : int
        Held-out rows end the descent after so many looks without a better loss.
    """

    optimizer: str
    rate: float
    decay: float
    max_iter: int
    batch_size: int | None
    tol: float
    log_every: int
    patience: int


@dataclass(frozen=True)
class Descended:
    """The end of a descent.

    Attributes
    ----------
    theta : array or tensor
    history : list of dict
        ``iteration, loss, learning_rate`` and what was observed, every ``log_every`` iterations and at the end.
    n_iter : int
    halvings : int
        How often the learning rate was halved.
    diverged : bool
        Whether even the last halving did not help; ``theta`` is then the best that was seen before.
    """

    theta: Any
    history: list[Row]
    n_iter: int
    halvings: int
    diverged: bool


def descend(
    network: Any,
    theta: Any,
    schedule: Schedule,
    *,
    rule: Rule | None = None,
    generator: np.random.Generator | None = None,
    held_out: Any = None,
    observe: Callable[[Any], Row] = lambda theta: {},
) -> Descended:
    """Minimise the sum of the tasks' mean losses.

    Parameters
    ----------
    network : PatchNetwork or TorchNetwork
    theta : flat array or tensor
        Parameters at the start; not changed.
    schedule : Schedule
    rule : callable, optional
        Makes one direction of the losses and gradients of all tasks (`kinfolk.nets.weighting`); None: their sum.
    generator : Generator
        Deals the rows over batches.
    held_out : network, optional
        The same network over rows that end the descent; the best parameters on them are returned.
    observe : callable
        What else to note of the parameters.

    Raises
    ------
    InputError
        The loss is not finite at the start.
    """
    step, rate = OPTIMIZERS[schedule.optimizer](), schedule.rate
    best: tuple[float, Any] = (np.inf, theta)
    saved: tuple[float, Any, Any] = (np.inf, theta, copy.deepcopy(step))
    history: list[Row] = []
    limit, halvings, stale, iteration = np.inf, 0, 0, 0
    n_tested = 0 if held_out is None else len(np.unique(held_out.codes))
    batches = _batches(len(network.y), schedule.batch_size, generator)

    def note(losses: FloatArray) -> float:
        row = {"iteration": float(iteration), "loss": float(losses.mean()), "learning_rate": rate}
        if held_out is not None:
            row["held_out_loss"] = float(held_out.losses(theta).sum()) / n_tested
        history.append(row | observe(theta))
        return row.get("held_out_loss", row["loss"])

    while iteration < schedule.max_iter:
        rows = next(batches)
        part = network if rows is None else network.select(rows, len(network.y) / len(rows))
        losses, direction = _direction(part, theta, step, rule)
        total = float(losses.sum())
        if iteration == 0:
            if not np.isfinite(total):
                raise InputError(
                    "The loss is not finite at the start: values of X are too large for this start. Keep "
                    "standardize=True, take a smaller init_scale or dtype='float64'."
                )
            limit = _EXPLODED * max(total, float(network.n_tasks))
        if not total <= limit:  # not a number, too
            if halvings == _MOST_HALVINGS:
                return Descended(saved[1], history, iteration, halvings, True)
            halvings, rate = halvings + 1, 0.5 * rate
            theta, step = saved[1], copy.deepcopy(saved[2])
            iteration += 1
            continue
        if iteration % schedule.log_every == 0:
            found = note(losses if rows is None else network.losses(theta))
            if total <= saved[0] or rows is not None:
                saved = (total, theta, copy.deepcopy(step))
            if held_out is not None:
                stale = 0 if found < best[0] else stale + 1
                best = (found, theta) if found < best[0] else best
                if stale >= schedule.patience:
                    break
        if rows is None and total < schedule.tol * network.n_tasks:
            break
        if schedule.decay:
            theta = network.decayed(theta, 1.0 - rate * schedule.decay)
        theta = theta - rate * direction
        iteration += 1
    losses = network.losses(theta)
    if not float(losses.sum()) <= limit:
        theta = saved[1]
        losses = network.losses(theta)
    if history[-1]["iteration"] < iteration and (found := note(losses)) < best[0]:
        best = (found, theta)
    return Descended(theta if held_out is None else best[1], history, iteration, halvings, False)


def _direction(network: Any, theta: Any, step: Any, rule: Rule | None) -> tuple[FloatArray, Any]:
    """Losses of the tasks, and what to take off the parameters, times the rate."""
    if rule is None:
        losses, gradient = network.gradient(theta)
        return losses, step(gradient)
    losses, jacobian, own = network.jacobian(theta)
    direction, equal = rule(losses, jacobian), jacobian.sum(axis=0)
    if getattr(rule, "is_optimizer", False):
        plain = step(network.joined(equal, own))
        shared, own = plain[: network.n_shared], plain[network.n_shared :]
        return losses, network.joined(matched(direction, shared), own)
    return losses, step(network.joined(matched(direction, equal), own))


def _batches(n: int, size: int | None, generator: np.random.Generator | None) -> Any:
    """Rows of one step after another, each row once before any comes again."""
    while True:
        if size is None or size >= n:
            yield None
            continue
        assert generator is not None
        order = generator.permutation(n)
        for start in range(0, n - size + 1, size):
            yield np.sort(order[start : start + size])
