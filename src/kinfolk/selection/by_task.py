"""Which tasks win by sharing and which are better alone, in one sentence with their names."""

from kinfolk.selection.comparison import Comparison
from kinfolk.selection.recommendation import ALONE

_NAMED = 8  # tasks in the sentence


def by_task(comparison: Comparison) -> str:
    """Say for how many tasks the recommended method wins, which are better alone, and what the guard does.

    A method wins for a task, and a task is better alone, by more than one of the task's own paired standard errors (the
    verdicts of ``comparison.tasks``). Where the baseline is recommended the sentence is about the best other method.

    Examples
    --------
    >>> from kinfolk import compare
    >>> from kinfolk.datasets import make_shared_representation
    >>> made = make_shared_representation(n_tasks=12, n_samples=8, n_features=3, rank=2, random_state=0)
    >>> print(by_task(compare(made.X, made.y, task="task", methods=["PooledRidge"])))
    GuardedRegressor wins for 3 of 12 tested tasks and leaves 9 unharmed; none is better alone. The guard leaves 9 tasks
    to their own fit: 0, 1, 3, 4, 5, 6, 7, 8 and 1 more.
    """
    method, baseline = beside_baseline(comparison), comparison.baseline
    if method == baseline:
        return f"Nothing was compared with {comparison.alone}."
    tasks = comparison.tasks[comparison.tasks["method"] == method]
    helped, unharmed = (int((tasks["verdict"] == verdict).sum()) for verdict in ("helped", "unharmed"))
    hurt = tasks[tasks["verdict"] == "hurt"].sort_values("gain", kind="stable")
    worst = [f"{task} ({_lost(gain)})" for task, gain in zip(hurt["task"], hurt["gain"], strict=True)]
    are = "none is" if not worst else "1 is" if len(worst) == 1 else f"{len(worst):,} are"
    return (
        f"{method}{', the best other method,' if comparison.recommended == baseline else ''} wins for {helped:,} of "
        f"{helped + unharmed + len(worst):,} tested tasks and leaves {unharmed:,} unharmed; {are} better "
        f"{'alone' if baseline in ALONE else f'with {baseline}'}{_listed(worst)}.{_guarded(comparison)}"
    )


def beside_baseline(comparison: Comparison) -> str:
    """The method whose tasks are shown beside the baseline: the recommended one, or the best other one."""
    if comparison.recommended != comparison.baseline:
        return comparison.recommended
    others = [str(name) for name in comparison.methods["method"] if name != comparison.baseline]
    return others[0] if others else comparison.baseline


def _lost(gain: float) -> str:
    """What sharing costs a task, with its leading digit."""
    if gain < -1e6:
        return "alone it has next to no error"
    if gain < -1.0:
        return f"{1.0 - gain:.2g} times the error"
    return f"{gain:+.0%}" if gain < -0.01 else f"{100.0 * gain:+.1g}%"


def _guarded(comparison: Comparison) -> str:
    """What the guard does, as it would be fitted on all rows."""
    if comparison.guard_weights is None:
        return ""
    weights = comparison.guard_weights.set_index("task")
    own = weights.index[weights[comparison.baseline] == 1.0]
    leads = weights.idxmax(axis=1).value_counts()
    first, count = str(leads.index[0]), int(leads.iloc[0])
    most = f", and leans most on {first} ({count:,} of {len(weights):,})" if first != comparison.baseline else ""
    kept = f"{len(own):,} tasks to their" if len(own) > 1 else f"{'1' if len(own) else 'no'} task to its"
    return f" The guard leaves {kept} own fit{_listed(list(map(str, own)))}{most}."


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f": {', '.join(names[:_NAMED])}{more}" if names else ""
