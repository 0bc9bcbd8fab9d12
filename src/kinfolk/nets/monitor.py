"""How far each feature has been learned, for tasks whose features are known."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kinfolk.nets.shared_features import SharedFeatureTasks


def feature_learning(
    tasks: SharedFeatureTasks, test: SharedFeatureTasks | None = None
) -> Callable[[Any], dict[str, float]]:
    r"""Monitor of a theory network: what its filters have learned of simulated tasks.

    Parameters
    ----------
    tasks : SharedFeatureTasks
        The rows that are fitted (unshuffled patches).
    test : SharedFeatureTasks, optional
        Other rows of the same tasks.

    Returns
    -------
    callable
        For the parameter ``monitor`` of `SharedFeatureClassifier`; of the estimator it makes

        - ``shared``: :math:`\max_r s_r \langle w_r, v \rangle \mu_v`, with :math:`s_r` the sign of the filter's head;
        - ``specific``, ``specific_mean``: the same with :math:`u_k \mu_u`, largest and mean over tasks;
        - ``noise``, ``noise_mean``: :math:`\max_{r: s_r = y_i} \langle w_r, \xi_i \rangle`, largest and mean over the
          patches of noise; ``noise_shared_rows`` the mean over rows with the shared feature;
        - ``test_accuracy``, and over rows with either feature ``test_accuracy_shared`` and ``test_accuracy_specific``.
    """
    noise = np.ascontiguousarray(tasks.patches[:, 1:])
    n, n_noise, d = noise.shape
    settings = tasks.settings

    def monitor(net: Any) -> dict[str, float]:
        sign = np.sign(net.heads_[0, 0, :-1])
        filters = net.filters_.astype(np.float64)
        memory = (noise.reshape(-1, d) @ net.filters_.T).reshape(n, n_noise, -1).max(axis=1, initial=-np.inf)
        own = np.where(sign[None] == tasks.y[:, None], memory, -np.inf).max(axis=1) if n_noise else np.zeros(n)
        specific = (sign[:, None] * (filters @ tasks.specific.T)).max(axis=0) * settings["specific_strength"]
        found = {
            "shared": float((sign * (filters @ tasks.shared)).max() * settings["shared_strength"]),
            "specific": float(specific.max()),
            "specific_mean": float(specific.mean()),
            "noise": float(own.max()),
            "noise_mean": float(own.mean()),
            "noise_shared_rows": float(own[tasks.is_shared].mean()) if tasks.is_shared.any() else 0.0,
        }
        if test is not None:
            right = net.predict(test.X) == test.y
            found["test_accuracy"] = float(right.mean())
            for name, rows in (("shared", test.is_shared), ("specific", ~test.is_shared)):
                found[f"test_accuracy_{name}"] = float(right[rows].mean()) if rows.any() else float("nan")
        return found

    return monitor
