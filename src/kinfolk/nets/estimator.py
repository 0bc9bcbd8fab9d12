"""What the classifier and the regressor of shared features have in common: fitting, features, heads and new tasks."""

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import FloatArray
from kinfolk.base import TaskReader
from kinfolk.base.estimator import lay_out
from kinfolk.exceptions import InputError
from kinfolk.nets.head_fit import fit_head
from kinfolk.nets.heads import Heads, aligned_start
from kinfolk.nets.parameters import check_parameters, geometry
from kinfolk.nets.patch_network import PatchNetwork, patch_features
from kinfolk.nets.patches import cut
from kinfolk.nets.train import Schedule, descend
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData
from kinfolk.validation import Table, check_table, check_weights

_RATES = {"gd": 0.1, "adam": 0.01}


class SharedFeatureNet(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TaskReader):  # type: ignore[misc]
    """Base of `SharedFeatureClassifier` and `SharedFeatureRegressor`."""

    simplicity = 5
    _not_kept: ClassVar[tuple[str, ...]] = ("monitor",)
    _fitted: ClassVar[tuple[str, ...]] = (
        "tasks_",
        "feature_names_",
        "n_features_in_",
        "filters_",
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

    encoder: Any
    n_patches: int | None
    image_shape: tuple[int, int, int] | None
    patch_size: int | None
    stride: int | None
    n_filters: int
    fit_intercept: bool
    activation_power: float
    head: str
    train_head: bool
    optimizer: str
    learning_rate: str | float
    weight_decay: float
    batch_size: int | None
    max_iter: int
    init_scale: str | float
    tol: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    log_every: int
    monitor: Callable[[Any], dict[str, float]] | None
    standardize: bool
    dtype: str
    random_state: Any

    filters_: FloatArray
    heads_: FloatArray
    population_head_: FloatArray | None
    head_kind_: str
    feature_scale_: float
    learning_rate_: float
    n_iter_: int
    history_: pd.DataFrame

    @abstractmethod
    def _target(self, y: Any, n_rows: int, weights: FloatArray | None) -> FloatArray:
        """Read the target of fit: classes as 0, 1, ... or numbers."""

    @abstractmethod
    def _loss(self) -> tuple[str, int]:
        """Name of the loss, and how many outputs it takes."""

    @abstractmethod
    def _auto_head(self, data: TaskData) -> str:
        """Kind of head where it was not given."""

    @abstractmethod
    def _accuracy(self, outputs: FloatArray, y: FloatArray) -> dict[str, float]:
        """How good outputs are, as a column of the history."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all tasks together.

        Parameters
        ----------
        X : DataFrame (pandas, polars, ...) or array, (n, columns) or with the task column (n, columns + 1)
            With ``task=None`` also an array of patches ``(n, n_patches, patch_dim)``.
        y : (n,)
        sample_weight : (n,) array, optional
            A row of weight 2 counts as two rows; rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When data or parameters cannot be used; the message names column, rows, rule and remedy.
        """
        self._check_parameters()
        check_parameters(self)
        blocks = self.n_patches
        if isinstance(X, np.ndarray) and X.ndim == 3 and blocks is None:
            blocks = X.shape[1]
        X = _side_by_side(X)
        table = check_table(X, task=self.task)
        validate_data(self, X=X, skip_check_array=True)
        weights = check_weights(sample_weight, n_rows=len(table.features))
        target = self._target(y, len(table.features), weights)
        self.tasks_, rows, target, codes = lay_out(table, target, weights)
        weights = None if weights is None else weights[rows]
        self._task_position = table.task_position
        self.feature_names_ = list(table.feature_names)
        self._n_patches = geometry(self, table.features.shape[1], blocks)
        features = table.features[rows]
        self._scaling = self._units(features, target, weights)
        data = TaskData.build(features, target, codes, len(self.tasks_), weights=weights, scaling=self._scaling)
        self._learn(data)
        return self

    def transform(self, X: Any) -> FloatArray:
        """Shared features of each row, whatever its task.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n, n_filters) array
        """
        check_is_fitted(self)
        return self._features(self._read(X).features).astype(np.float64)

    def adapt(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        mode: str = "head",
        C: float = 1.0,
    ) -> Self:
        r"""Learn new tasks from their few rows.

        .. math:: \min_{A}\; C \sum_i w_i\, \ell(A [\phi(x_i) / \rho, 1], y_i) + \tfrac12 \|A - A_0\|_F^2

        for the head of each new task, with one scale :math:`\rho` for all features and :math:`A_0` the head that all
        tasks share (zero where there is none).

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only.
        mode : {"head", "finetune"}, default="head"
            ``"head"``: features stay, and so do all outputs of known tasks, bit for bit. ``"finetune"``: then encoder
            and new heads go on learning from the new rows alone, which changes known tasks, too.
        C : float, default=1.0
            Inverse strength of the penalty.

        Returns
        -------
        estimator
            A copy that also knows the new tasks.

        Raises
        ------
        InputError
            A task is known already, a class is not, or the model has no task column.
        """
        if mode not in ("head", "finetune"):
            raise InputError(f"mode must be 'head' or 'finetune'; got {mode!r}.")
        if not (isinstance(C, int | float) and 0 < C < np.inf):
            raise InputError(f"C must be a number > 0; got {C!r}.")
        labels, data = self._new_tasks(X, sample_weight, lambda n_rows: self._new_target(y, n_rows))
        new, order = self._joined_by(labels)
        weights = np.ones(len(data.y)) if data.weights is None else data.weights
        features = self._encode(data.X)
        center = np.zeros(self.heads_.shape[1:]) if self.population_head_ is None else self.population_head_
        heads = []
        for start, stop in zip(data.offsets[:-1], data.offsets[1:], strict=True):
            at = slice(int(start), int(stop))
            heads.append(
                fit_head(
                    features[at].astype(np.float64),
                    data.y[at],
                    weights[at],
                    center,
                    self.feature_scale_,
                    self._loss()[0],
                    C,
                )
            )
        added = np.stack(heads).astype(self.heads_.dtype)
        if mode == "finetune":
            added = new._finetune(data, added)
        new.heads_ = np.concatenate((self.heads_, added))[order]
        return new

    @abstractmethod
    def _new_target(self, y: Any, n_rows: int) -> FloatArray:
        """Read the target of new tasks."""

    def _learn(self, data: TaskData) -> None:
        """Descend, and publish what was found."""
        generator = np.random.default_rng(self.random_state)
        n_outputs = self._loss()[1]
        self.head_kind_ = self._auto_head(data) if self.head == "auto" else self.head
        if self.unseen == "population" and self.head_kind_ == "per_task":
            raise InputError("Tasks with heads of their own have no population prediction: use unseen='raise'.")
        if not self.train_head and self.n_filters < max(n_outputs, 2):
            raise InputError(f"train_head=False needs at least {max(n_outputs, 2)} filters, one of each class.")
        heads = Heads(self.head_kind_, data.n_tasks, aligned_start(n_outputs, self.n_filters), self.train_head)
        network, held_out = self._split(self._network(data, heads), data, generator)
        scale = (2.0 / network.patches.shape[2]) ** 0.5 if isinstance(self.init_scale, str) else self.init_scale
        theta = network.begin(generator, float(scale))
        self._descend(network, theta, generator, held_out)

    def _descend(self, network: Any, theta: Any, generator: np.random.Generator, held_out: Any = None) -> None:
        def observe(theta: Any) -> dict[str, float]:
            found = self._accuracy(network.outputs(theta), network.y)
            if self.monitor is not None:
                self._publish(network, theta)
                found |= self.monitor(self)
            return found

        ended = descend(network, theta, self._schedule(), generator=generator, held_out=held_out, observe=observe)
        self._publish(network, ended.theta)
        self.n_iter_ = max(1, ended.n_iter)
        self.learning_rate_ = self._rate() / 2**ended.halvings
        self.history_ = pd.DataFrame(ended.history)
        if ended.diverged:
            warnings.warn(
                f"{type(self).__name__} diverged although its learning rate was halved {ended.halvings} times; it is "
                f"what it was before. Take a learning rate below {self.learning_rate_:.2g}.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _finetune(self, data: TaskData, heads: FloatArray) -> FloatArray:
        """Go on from the fitted filters and the new heads; returns the heads of the new tasks."""
        layout = Heads("per_task", data.n_tasks, heads[0], True)
        network = self._network(data, layout)
        theta = np.concatenate((self.filters_.ravel(), heads.ravel())).astype(network.patches.dtype)
        self._descend(network, theta, np.random.default_rng(self.random_state))
        return self.heads_

    def _schedule(self) -> Schedule:
        return Schedule(
            self.optimizer,
            self._rate(),
            self.weight_decay,
            self.max_iter,
            self.batch_size,
            self.tol,
            self.log_every,
            self.n_iter_no_change,
        )

    def _rate(self) -> float:
        return _RATES[self.optimizer] if isinstance(self.learning_rate, str) else float(self.learning_rate)

    def _network(self, data: TaskData, heads: Heads) -> PatchNetwork:
        """The network over all rows, each task's weights adding up to one."""
        weights = np.ones(len(data.y)) if data.weights is None else data.weights
        codes = data.codes
        each = weights / np.bincount(codes, weights, minlength=data.n_tasks)[codes]
        patches = self._cut(data.X)
        return PatchNetwork(
            patches,
            data.y.astype(patches.dtype),
            codes,
            each.astype(patches.dtype),
            heads,
            self._loss()[0],
            self.n_filters,
            self.activation_power,
        )

    def _split(self, network: Any, data: TaskData, generator: np.random.Generator) -> tuple[Any, Any]:
        """Rows to learn from and rows held out of every task with at least two; None where none are."""
        if not self.early_stopping:
            return network, None
        fold = data.deal(max(2, round(1.0 / self.validation_fraction)), generator)
        return network.select(np.flatnonzero(fold != 0)), network.select(np.flatnonzero(fold == 0))

    def _publish(self, network: Any, theta: Any) -> None:
        filters, heads, population = network.parts(theta)
        self.filters_ = filters.copy()
        self.heads_ = np.repeat(heads, network.n_tasks, axis=0) if len(heads) == 1 else heads.copy()
        self.population_head_ = None if population is None else np.array(population, dtype=heads.dtype)
        self._n_features_out = len(filters)
        features = patch_features(network.patches, self.filters_, self.activation_power)
        self.feature_scale_ = float(np.sqrt(np.mean(features.astype(np.float64) ** 2))) or 1.0

    def _units(self, X: FloatArray, y: FloatArray, weights: FloatArray | None) -> Scaling:
        """Units of each column of a table; one for all columns of patches and images."""
        d = X.shape[1]
        scaling = self._target_units(Scaling.fit(X, y, weights, standardize=self.standardize))
        if not self.standardize:
            return replace(scaling, x_center=np.zeros(d), x_scale=np.ones(d))
        if self._n_patches == 1 and self.image_shape is None:
            return scaling
        share = np.full(len(X), 1.0 / len(X)) if weights is None else weights / weights.sum()
        middle = float(share @ X.mean(axis=1))
        spread = float(np.sqrt(share @ ((X - middle) ** 2).mean(axis=1))) or 1.0
        return replace(scaling, x_center=np.full(d, middle), x_scale=np.full(d, spread))

    def _target_units(self, scaling: Scaling) -> Scaling:
        """Units of the target; classes have none."""
        return replace(scaling, y_center=0.0, y_scale=1.0)

    def _cut(self, scaled: FloatArray) -> FloatArray:
        """Patches of rows in standardised units, with a constant for the intercepts of the filters."""
        patches = cut(scaled.astype(self.dtype), self._n_patches, self.image_shape, self.patch_size, self.stride)
        if not self.fit_intercept:
            return patches
        return np.concatenate((patches, np.ones((*patches.shape[:2], 1), patches.dtype)), axis=2)

    def _encode(self, scaled: FloatArray) -> FloatArray:
        """Features of rows in standardised units."""
        return patch_features(self._cut(scaled), self.filters_, self.activation_power)

    def _features(self, rows: FloatArray) -> FloatArray:
        return self._encode(self._scaling.features(rows))

    def _outputs(self, X: Any) -> FloatArray:
        """Outputs ``(n, O)`` of each row's task."""
        check_is_fitted(self)
        table = self._read(X)
        codes = self._codes(table)
        features = self._features(table.features)
        outputs = np.empty((len(codes), self.heads_.shape[1]))
        for k in np.unique(codes):
            head = self.heads_[k] if k >= 0 else self.population_head_
            assert head is not None
            rows = codes == k
            outputs[rows] = features[rows] @ head[:, :-1].T + head[:, -1]
        return outputs

    def _read(self, X: Any) -> Table:
        return super()._read(_side_by_side(X))

    def _state(self) -> dict[str, Any]:
        """What a model file holds."""
        check_is_fitted(self)
        state = {name.lstrip("_").removesuffix("_"): getattr(self, name) for name in self._fitted}
        state |= {f"scaling.{name}": value for name, value in vars(self._scaling).items()}
        return state | {"feature_names_in": list(getattr(self, "feature_names_in_", []))}

    def _restore(self, state: dict[str, Any]) -> None:
        for name in self._fitted:
            setattr(self, name, state[name.lstrip("_").removesuffix("_")])
        self._scaling = Scaling(**{key[8:]: value for key, value in state.items() if key.startswith("scaling.")})
        if state["feature_names_in"]:
            self.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        self._n_features_out = len(self.filters_)
        expected = (len(self.tasks_), self._loss()[1], len(self.filters_) + 1)
        if self.heads_.shape != expected or self._scaling.x_scale.shape != (len(self.feature_names_),):
            raise ValueError(f"heads of shape {self.heads_.shape} instead of {expected}, or units of other features")


def _side_by_side(X: Any) -> Any:
    """Patches ``(n, H, d)`` as rows ``(n, H d)``; anything else as it is."""
    return X.reshape(len(X), -1) if isinstance(X, np.ndarray) and X.ndim == 3 and len(X) else X
