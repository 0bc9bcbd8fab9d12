"""What a method returns: one frozen record with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from kinfolk._typing import FloatArray
from kinfolk.posterior import Posterior


class Status(Enum):
    """How a method ended; the value is the message."""

    CONVERGED = "converged"
    CLOSED_FORM = "solved in closed form"
    MAX_ITER = "stopped at max_iter before the objective settled"

    @property
    def ok(self) -> bool:
        """Whether the result is a solution."""
        return self is not Status.MAX_ITER


@dataclass(frozen=True)
class FitResult:
    """Outcome of one fit, in the standardised units that the numerics saw.

    Attributes
    ----------
    posterior : Posterior
        Posterior of every task's intercept and coefficients; its mean is the estimate.
    status : Status
        Why the method stopped.
    n_iter : int
        Iterations (or evaluations of the evidence) used.
    objective : float
        Log marginal likelihood at the end, up to a constant that does not depend on the model's parameters.
    history : tuple of float
        The objective along the way.
    details : mapping of str to array
        What else the method learned (for instance ``loadings`` or ``rank_scores``).
    """

    posterior: Posterior
    status: Status
    n_iter: int
    objective: float
    history: tuple[float, ...] = ()
    details: Mapping[str, FloatArray] = field(default_factory=dict)
