"""The regressor of tasks that share the features of a small net."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray
from kinfolk.base.scores import r2_of
from kinfolk.nets.estimator import SharedFeatureNet
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData
from kinfolk.validation import check_target


class SharedFeatureRegressor(RegressorMixin, SharedFeatureNet):  # type: ignore[misc]  # scikit-learn is untyped
    r"""Numbers of tasks that share the features of a two-layer net over patches, learned by gradient descent.

    .. math:: \phi_r(x) = \sum_h \max(\langle w_r, x_h \rangle + b_r, 0)^q, \qquad
              \min_{w, b, A} \sum_k \frac{1}{2 n_k} \sum_{i \in k} (A_k [\phi(x_i), 1] - y_i)^2

    in units in which y has variance one. All tasks share the filters; their heads :math:`A_k` start alike.

    Parameters
    ----------
    encoder, n_patches, image_shape, patch_size, stride, n_filters, fit_intercept, activation_power, head, train_head,
    weighting, optimizer, learning_rate, weight_decay, batch_size, max_iter, init_scale, tol, early_stopping,
    validation_fraction, n_iter_no_change, log_every, monitor, standardize, device, dtype, random_state, warm_start
        See `SharedFeatureClassifier`; ``head="auto"`` is ``"shared+specific"``.
    task, unseen
        See `TaskRegressor`. With ``task=None`` each column of a 2-D ``y`` is a task (wide data; NaN marks a missing
        response).

    Attributes
    ----------
    tasks_, encoder_, filters_, module_, heads_, population_head_, head_kind_, feature_scale_, learning_rate_, n_iter_,
    feature_names_
        See `SharedFeatureClassifier`; heads are in units of y's standard deviation.
    history_ : DataFrame
        ``iteration, loss, learning_rate, r2``, ``held_out_loss`` and what ``monitor`` says.

    Notes
    -----
    The squared-loss twin of `SharedFeatureClassifier`; it is kinfolk's, not the paper's.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk import SharedFeatureRegressor, patches_to_frame
    >>> rng = np.random.default_rng(0)
    >>> X = patches_to_frame(rng.normal(size=(300, 1, 4)), np.arange(300) % 6)
    >>> y = np.abs(X["x0"]) * (1 + X["task"] / 6)
    >>> model = SharedFeatureRegressor(task="task").fit(X, y)
    >>> model.transform(X).shape, model.score(X, y) > 0.9
    ((300, 32), True)
    """

    _fitted = (*SharedFeatureNet._fitted, "_wide")

    _wide: bool

    def predict(self, X: Any) -> FloatArray:
        """Predict each row with the head of its task.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n,) array, or (n, T) for wide data

        Raises
        ------
        UnseenTaskError
            A row belongs to a task that is not in ``tasks_``, and ``unseen="raise"``.
        """
        check_is_fitted(self)
        if self._wide:
            heads = self.heads_[:, 0]
            outputs: FloatArray = self._features(self._read(X)) @ heads[:, :-1].T + heads[:, -1]
        else:
            outputs = self._outputs(X)[:, 0]
        predicted: FloatArray = self._scaling.y_center + self._scaling.y_scale * outputs.astype(np.float64)
        return predicted

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2 over all rows (wide data: mean over responses, missing ones left out).

        Parameters
        ----------
        X, y, sample_weight : as in fit
        """
        return r2_of(y, self.predict(X), sample_weight, wide=self._wide)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that ``y`` may be 2-D."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.task is None
        return tags

    def _target(self, y: Any, n_rows: int, weights: FloatArray | None) -> FloatArray:
        wide = self.task is None
        target = check_target(y, n_rows=n_rows, allow_2d=wide, allow_missing=wide)
        self._wide = target.ndim == 2
        return target

    def _new_target(self, y: Any, n_rows: int) -> FloatArray:
        return check_target(y, n_rows=n_rows, allow_2d=False, allow_missing=False)

    def _target_units(self, scaling: Scaling) -> Scaling:
        return scaling if self.standardize else replace(scaling, y_center=0.0, y_scale=1.0)

    def _loss(self) -> tuple[str, int]:
        return "squared", 1

    def _auto_head(self, data: TaskData) -> str:
        return "shared+specific"

    def _quality(self, outputs: FloatArray, y: FloatArray) -> dict[str, float]:
        spread = float(np.sum((y - y.mean()) ** 2))
        return {"r2": 1.0 - float(np.sum((outputs[:, 0] - y) ** 2)) / spread if spread > 0 else 0.0}
