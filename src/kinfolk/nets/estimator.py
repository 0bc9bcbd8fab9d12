"""What the classifier and the regressor of shared features have in common: fitting, features, heads and new tasks."""

import copy
import warnings
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import FloatArray
from kinfolk.base import TaskReader
from kinfolk.base.estimator import lay_out
from kinfolk.exceptions import InputError
from kinfolk.nets.encoders import begin, encoded, go_on, in_torch, make_network, seeded
from kinfolk.nets.head_fit import fit_head
from kinfolk.nets.heads import Heads, aligned_start
from kinfolk.nets.parameters import check_parameters, geometry
from kinfolk.nets.patches import side_by_side
from kinfolk.nets.stored import StoredNet
from kinfolk.nets.train import Schedule, descend
from kinfolk.nets.weighting import make_rule
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData
from kinfolk.validation import Table, check_table, check_weights

_RATES = {"gd": 0.1, "adam": 0.01}


class SharedFeatureNet(StoredNet, ClassNamePrefixFeaturesOutMixin, TransformerMixin, TaskReader):  # type: ignore[misc]
    """Base of `SharedFeatureClassifier` and `SharedFeatureRegressor`."""

    simplicity = 5
    learns_by_steps = True  # the report shows its history_
    encoder_: dict[str, FloatArray]
    heads_: FloatArray
    population_head_: FloatArray | None
    history_: pd.DataFrame
    _module: Any

    def __init__(
        self,
        encoder: Any = "patch",
        *,
        n_patches: int | None = None,
        image_shape: Any = None,
        patch_size: int | None = None,
        stride: int | None = None,
        n_filters: int = 32,
        fit_intercept: bool = True,
        activation_power: float = 1,
        head: str = "auto",
        train_head: bool = True,
        weighting: Any = "equal",
        optimizer: str = "adam",
        learning_rate: str | float = "auto",
        weight_decay: float = 0.0,
        batch_size: int | None = None,
        max_iter: int = 300,
        init_scale: str | float = "auto",
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 10,
        log_every: int = 10,
        monitor: Any = None,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
        device: str = "auto",
        dtype: str = "auto",
        random_state: Any = 0,
        warm_start: bool = False,
    ) -> None:
        self.encoder = encoder
        self.n_patches = n_patches
        self.image_shape = image_shape
        self.patch_size = patch_size
        self.stride = stride
        self.n_filters = n_filters
        self.fit_intercept = fit_intercept
        self.activation_power = activation_power
        self.head = head
        self.train_head = train_head
        self.weighting = weighting
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.init_scale = init_scale
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.log_every = log_every
        self.monitor = monitor
        self.task = task
        self.standardize = standardize
        self.unseen = unseen
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.warm_start = warm_start

    @classmethod
    def practical(cls, **overrides: Any) -> Self:
        """Return a small convolutional net for images: ReLU, Adam in batches, early stopping. Needs ``image_shape``.

        Parameters
        ----------
        **overrides
            Other parameters than those of the preset: ``encoder="conv"``, 64 features, batches of 100, at most 1,000
            steps at rate 0.002, and the parameters of early stopping.
        """
        preset: dict[str, Any] = {
            "encoder": "conv",
            "n_filters": 64,
            "learning_rate": 2e-3,
            "batch_size": 100,
            "max_iter": 1000,
            "early_stopping": True,
            "log_every": 20,
        }
        return cls(**preset | overrides)

    @property
    def filters_(self) -> FloatArray:
        """Filters ``(R, d)`` of the patch encoder, last their intercepts (where they have any)."""
        if "filters" not in self.encoder_:
            raise AttributeError("filters_ are those of encoder='patch'; see encoder_ and module_.")
        return self.encoder_["filters"]

    @property
    def module_(self) -> Any:
        """The fitted encoder as a ``torch.nn.Module`` (not for ``encoder="patch"`` on the CPU)."""
        if not in_torch(self):
            raise AttributeError("encoder='patch' is computed by NumPy; see filters_.")
        encoded(self, np.zeros((1, len(self.feature_names_))))
        return self._module

    @abstractmethod
    def _target(self, y: Any, n_rows: int, weights: FloatArray | None) -> FloatArray:
        """Read the target of fit: classes as 0, 1, ... or numbers."""

    @abstractmethod
    def _new_target(self, y: Any, n_rows: int) -> FloatArray:
        """Read the target of new tasks."""

    @abstractmethod
    def _loss(self) -> tuple[str, int]:
        """Name of the loss, and how many outputs it takes."""

    @abstractmethod
    def _auto_head(self, data: TaskData) -> str:
        """Kind of head where it was not given."""

    @abstractmethod
    def _quality(self, outputs: FloatArray, y: FloatArray) -> dict[str, float]:
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
        MissingExtraError
            PyTorch is needed and not installed.
        """
        self._check_parameters()
        check_parameters(self)
        last = copy.copy(self)
        try:
            self._fit(X, y, sample_weight, last if self.warm_start and hasattr(self, "encoder_") else None)
        except BaseException:
            self.__dict__ = last.__dict__  # or a warm start would take these tasks for those of the last heads
            raise
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, last: Self | None) -> None:
        blocks = self.n_patches
        if isinstance(X, np.ndarray) and X.ndim == 3 and blocks is None:
            blocks = X.shape[1]
        X = side_by_side(X)
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
        self._scaling = self._units(features, target, weights) if last is None else last._scaling
        copies = None if isinstance(rows, slice) or len(np.unique(rows)) == len(rows) else rows
        data = TaskData.build(
            features, target, codes, len(self.tasks_), weights=weights, scaling=self._scaling, samples=copies
        )
        self._learn(data, last)

    def transform(self, X: Any) -> FloatArray:
        """Shared features of each row, whatever its task.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n, R) array
        """
        check_is_fitted(self)
        return self._features(self._read(X)).astype(np.float64)

    def adapt(self, X: Any, y: Any, sample_weight: Any = None, *, mode: str = "head", C: float = 1.0) -> Self:
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
        if isinstance(C, bool) or not (isinstance(C, int | float) and 0 < C < np.inf):
            raise InputError(f"C must be a number > 0; got {C!r}.")
        labels, data = self._new_tasks(X, sample_weight, lambda n_rows: self._new_target(y, n_rows))
        new, order = self._joined_by(labels)
        weights = np.ones(len(data.y)) if data.weights is None else data.weights
        features = encoded(self, data.X).astype(np.float64)
        center = np.zeros(self.heads_.shape[1:]) if self.population_head_ is None else self.population_head_
        loss, heads = self._loss()[0], []
        for at in map(slice, data.offsets[:-1].tolist(), data.offsets[1:].tolist()):
            heads.append(fit_head(features[at], data.y[at], weights[at], center, self.feature_scale_, loss, C))
        added = np.stack(heads).astype(self.heads_.dtype)
        if mode == "finetune":
            added = new._finetune(data, added)
        new.heads_ = np.concatenate((self.heads_, added))[order]
        return new

    def _learn(self, data: TaskData, last: Self | None) -> None:
        """Descend, from where the last fit ended if there is one, and publish what was found."""
        generator = np.random.default_rng(self.random_state)
        n_outputs = self._loss()[1]
        self.head_kind_ = self._auto_head(data) if self.head == "auto" else self.head
        if self.unseen == "population" and self.head_kind_ == "per_task":
            raise InputError("Tasks with heads of their own have no population prediction: use unseen='raise'.")
        heads = Heads(self.head_kind_, data.n_tasks, aligned_start(n_outputs, self.n_filters), self.train_head)
        network = make_network(self, data, heads)
        if not self.train_head and network.heads.start.shape[1] <= max(n_outputs, 2):
            raise InputError(f"train_head=False needs at least {max(n_outputs, 2)} filters, one of each class.")
        theta = begin(self, network, generator)
        if last is not None:
            theta = go_on(self, last, network, theta)
        if not self.early_stopping:
            self._descend(network, theta, generator)
            return
        fold = data.deal(max(2, round(1.0 / self.validation_fraction)), generator)
        if (fold != 0).all():
            raise InputError("early_stopping=True holds rows out of tasks that have several; here no task has.")
        learned, held_out = (network.select(np.flatnonzero(rows)).balanced() for rows in (fold != 0, fold == 0))
        self._descend(learned, theta, generator, held_out)

    def _descend(self, network: Any, theta: Any, generator: np.random.Generator, held_out: Any = None) -> None:
        y = np.asarray(network.y.cpu() if in_torch(self) else network.y)

        def observe(theta: Any) -> dict[str, float]:
            found = self._quality(network.outputs(theta), y)
            if self.monitor is not None:
                self._publish(network, theta)
                found |= self.monitor(self)
            return found

        schedule = Schedule(
            self.optimizer,
            _RATES[self.optimizer] if isinstance(self.learning_rate, str) else float(self.learning_rate),
            self.weight_decay,
            self.max_iter,
            self.batch_size,
            self.tol,
            self.log_every,
            self.n_iter_no_change,
        )
        rule = make_rule(self.weighting, network.n_tasks, generator)
        # an overflow is what the guard looks for
        with np.errstate(over="ignore", invalid="ignore"), seeded(self, generator):
            ended = descend(
                network, theta, schedule, rule=rule, generator=generator, held_out=held_out, observe=observe
            )
        self._publish(network, ended.theta)
        self.n_iter_ = max(1, ended.n_iter)
        self.learning_rate_ = schedule.rate / 2**ended.halvings
        self.history_ = pd.DataFrame(ended.history)
        if ended.diverged:
            warnings.warn(
                f"{type(self).__name__} diverged although its learning rate was halved {ended.halvings} times; it is "
                f"what it was before. Take a learning rate below {self.learning_rate_:.2g}.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _finetune(self, data: TaskData, heads: FloatArray) -> FloatArray:
        """Go on from the fitted encoder and the new heads; returns the heads of the new tasks."""
        network = make_network(self, data, Heads("per_task", data.n_tasks, heads[0]))
        population = self.population_head_
        theta = network.assemble(self.encoder_, heads.ravel())
        self._descend(network, theta, np.random.default_rng(self.random_state))
        self.population_head_ = population
        return self.heads_

    def _publish(self, network: Any, theta: Any) -> None:
        self.encoder_, self._module = network.state(theta), None
        heads, population = network.head_parts(theta)
        self.heads_ = np.repeat(heads, network.n_tasks, axis=0) if len(heads) == 1 else heads
        self.population_head_ = None if population is None else np.array(population, dtype=heads.dtype)
        self._n_features_out = heads.shape[2] - 1
        self.feature_scale_ = float(np.sqrt(np.mean(network.features(theta).astype(np.float64) ** 2))) or 1.0

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

    def _features(self, table: Table) -> FloatArray:
        return encoded(self, self._scaling.features(table.features))

    def _outputs(self, X: Any) -> FloatArray:
        """Outputs ``(n, O)`` of each row's task."""
        check_is_fitted(self)
        table = self._read(X)
        codes = self._codes(table)
        features = self._features(table)
        outputs = np.empty((len(codes), self.heads_.shape[1]))
        for k in np.unique(codes):
            head = self.heads_[k] if k >= 0 else self.population_head_
            assert head is not None
            rows = codes == k
            outputs[rows] = features[rows] @ head[:, :-1].T + head[:, -1]
        return outputs

    def _read(self, X: Any) -> Table:
        return super()._read(side_by_side(X))
