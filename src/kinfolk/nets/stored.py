"""What model files and pickles hold of a net: arrays, never a module."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from kinfolk.nets.encoders import in_torch
from kinfolk.scaling import Scaling


class StoredNet:
    """Fitted attributes out and in, for `kinfolk.save_model` and `kinfolk.load_model`.

    Class attributes
    ----------------
    _fitted : tuple of str
        What `fit` learns beside the units, the encoder and the names of all columns.
    _not_kept : tuple of str
        Parameters that are None in the file.
    """

    _not_kept: ClassVar[tuple[str, ...]] = ("monitor",)
    _fitted: ClassVar[tuple[str, ...]] = (
        "tasks_",
        "feature_names_",
        "n_features_in_",
        "heads_",
        "population_head_",
        "head_kind_",
        "feature_scale_",
        "learning_rate_",
        "n_iter_",
        "history_",
        "_task_position",
        "_n_patches",
    )

    encoder_: dict[str, Any]
    heads_: Any
    tasks_: Any
    feature_names_: list[str]
    feature_names_in_: Any
    _scaling: Scaling
    _module: Any
    _n_features_out: int

    def __getstate__(self) -> dict[str, Any]:
        """Leave the module out, which may be on another device: it is made again of its arrays."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]  # scikit-learn gives a dict
        return state | ({"_module": None} if "_module" in state else {})

    def _state(self) -> dict[str, Any]:
        check_is_fitted(self)
        state = {name.strip("_"): getattr(self, name) for name in self._fitted}
        state |= {f"scaling.{name}": value for name, value in vars(self._scaling).items()}
        state |= {f"encoder.{name}": value for name, value in self.encoder_.items()}
        return state | {"feature_names_in": list(getattr(self, "feature_names_in_", []))}

    def _restore(self, state: dict[str, Any]) -> None:
        for name in self._fitted:
            setattr(self, name, state[name.strip("_")])
        self._scaling = Scaling(**_part(state, "scaling."))
        self.encoder_, self._module = _part(state, "encoder."), None
        if state["feature_names_in"]:
            self.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        n_tasks, _, columns = self.heads_.shape
        self._n_features_out = columns - 1
        if n_tasks != len(self.tasks_) or self._scaling.x_scale.shape != (len(self.feature_names_),):
            raise ValueError(f"heads of {n_tasks} of {len(self.tasks_)} tasks, or units of other features")
        if not in_torch(self) and len(self.encoder_["filters"]) != self._n_features_out:
            raise ValueError(
                f"heads of {self._n_features_out} filters, of which there are {len(self.encoder_['filters'])}"
            )


def _part(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
