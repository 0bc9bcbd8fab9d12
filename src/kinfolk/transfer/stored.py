"""What a model file holds of an estimator without tasks."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted


class Stored:
    """Fitted attributes out and in, for `kinfolk.save_model` and `kinfolk.load_model`.

    Class attributes
    ----------------
    _fitted : tuple of str
        What `fit` learns beside the names of the features: arrays, numbers, texts, lists, frames or None.
    _not_kept : tuple of str
        Parameters that hold data or other models; they are None in the file.
    """

    _fitted: ClassVar[tuple[str, ...]] = ()
    _not_kept: ClassVar[tuple[str, ...]] = ()

    coef_: Any
    n_features_in_: int
    feature_names_in_: Any

    def _state(self) -> dict[str, Any]:
        check_is_fitted(self)
        names = list(getattr(self, "feature_names_in_", []))
        own = {name: getattr(self, name) for name in self._fitted}
        return own | {"n_features_in_": self.n_features_in_, "feature_names_in_": names}

    def _restore(self, state: dict[str, Any]) -> None:
        names = state["feature_names_in_"]
        self.n_features_in_ = state["n_features_in_"]
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)
        for name in self._fitted:
            setattr(self, name, state[name])
        columns = np.atleast_2d(self.coef_).shape[1]
        if columns != self.n_features_in_ or len(names) not in (0, columns):
            raise ValueError(f"coefficients of {columns} features, {self.n_features_in_} features, {len(names)} names")
