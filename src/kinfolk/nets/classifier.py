"""The classifier of tasks that share the features of a small net."""

from typing import Any, Self

import numpy as np

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.base.scores import OddsClassifier
from kinfolk.nets.estimator import SharedFeatureNet
from kinfolk.nets.losses import most_probable
from kinfolk.tasks import TaskData
from kinfolk.validation import check_classes, match_classes


class SharedFeatureClassifier(OddsClassifier, SharedFeatureNet):
    r"""Classes of tasks that share the features of a two-layer net over patches, learned by gradient descent.

    .. math:: \phi_r(x) = \sum_h \max(\langle w_r, x_h \rangle + b_r, 0)^q, \qquad
              \min_{w, b, A} \sum_k \frac{1}{n_k} \sum_{i \in k} \ell(A_k [\phi(x_i), 1], y_i)

    over the patches :math:`x_h` of a row, with the log loss of its class (two classes: one output; more: one each). All
    tasks share the filters; their heads :math:`A_k` start alike, with which they have to stay aligned if tasks are to
    share anything: independent random heads learn no more than a task alone.

    Parameters
    ----------
    encoder : {"patch", "conv", "mlp"} or torch.nn.Module, default="patch"
        What makes the features: filters over patches (NumPy, unless ``device`` says otherwise), or with the extra
        ``nets`` a small convolutional net for images, a perceptron, or a module from rows to features ``(n, R)``, whose
        own parameters are the start. A module gets images where ``image_shape`` is given, patches where ``n_patches``
        is, else columns.
    n_patches : int, optional
        How the feature columns are cut: into so many blocks of equal width. None: one (or, for patches
        ``(n, n_patches, patch_dim)`` with ``task=None``, theirs).
    image_shape : (channels, height, width), optional
        Columns are the pixels of images, in C order.
    patch_size, stride : int, optional
        Cut images into squares of this side, every ``stride`` pixels (default: the side). None: the whole image.
    n_filters : int, default=32
        R, the number of features (not of a given module).
    fit_intercept : bool, default=True
        Filters over patches have intercepts :math:`b_r`.
    activation_power : float, default=1
        q of the filters over patches, at least 1. The theory takes 3.
    head : {"auto", "shared", "per_task", "shared+specific"}, default="auto"
        One head for all tasks; one for each, from a common start; or a common head plus half of a part of each task's
        own, from zero. ``"auto"``: ``"shared+specific"``, unless some classes are never met in the same task: then
        ``"per_task"``.
    train_head : bool, default=True
        False: heads stay at their start, where every class adds up filters of its own.
    weighting : str, object or callable, default="equal"
        How one direction of the shared parameters is made of the gradients of the tasks: ``"equal"`` (their sum),
        ``"uncertainty"``, ``"dwa"``, ``"rlw"``, ``"gls"``, ``"pcgrad"``, ``"gradnorm"``, ``"adatask"``
        (`kinfolk.nets.weighting`), an aggregator or scalarizer of torchjd, or a function of losses ``(T,)`` and
        gradients ``(T, P)``. All are brought to the length of the sum.
    optimizer : {"adam", "gd"}, default="adam"
        Full-batch unless ``batch_size`` is given.
    learning_rate : "auto" or float, default="auto"
        ``"auto"``: 0.01 for Adam, 0.1 for gradient descent. Losses are summed over tasks.
    weight_decay : float, default=0
        Every step takes ``learning_rate * weight_decay`` off the encoder, whatever the number of tasks.
    batch_size : int, optional
        Rows of a step.
    max_iter : int, default=300
        Steps.
    init_scale : "auto" or float, default="auto"
        Standard deviation of the filters at the start; ``"auto"``: ``sqrt(2 / patch_dim)``. Of other encoders a factor
        on that of every layer.
    tol : float, default=1e-4
        The end comes early when the mean loss is below it.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of each task's rows out; after ``n_iter_no_change`` looks without a better loss on
        them the best filters and heads are taken.
    validation_fraction : float, default=0.15
    n_iter_no_change : int, default=10
    log_every : int, default=10
        Iterations from one look, and row of ``history_``, to the next.
    monitor : callable, optional
        Called with the estimator at every look; the numbers that it gives by name are further columns of ``history_``
        (`kinfolk.nets.feature_learning`). Not kept in model files.
    task, unseen
        See `TaskClassifier`; the population prediction is that of the common head.
    standardize : bool, default=True
        Put each column of a table into units of its standard deviation; patches and images are put into one common unit
        for all columns.
    device : str, default="auto"
        Of PyTorch: ``"auto"`` takes CUDA where there is one. Patches are NumPy's on the CPU, unless this names another.
    dtype : {"auto", "float64", "float32"}, default="auto"
        ``"auto"``: float64 in NumPy, float32 in PyTorch.
    random_state : int, Generator or None, default=0
        Draws the start, and deals held-out rows and batches.
    warm_start : bool, default=False
        A further `fit` goes on from the last weights, in the last units, with ``history_`` and the optimizer's memory
        anew. Columns, classes, kind of heads and the shapes of the encoder have to be the same; tasks need not: new
        ones begin with the common head (where there is none, as at the first start), and those without rows are
        forgotten.

    Attributes
    ----------
    classes_ : (n_classes,) array
    tasks_ : (T,) array
    encoder_ : dict of name to array
        Parameters of the encoder; ``filters_`` (R, d) those of patches, last their intercepts (where they have any).
    module_ : torch.nn.Module
        The fitted encoder of PyTorch.
    heads_ : (T, n_outputs, R + 1) array
        Last column the intercepts.
    population_head_ : (n_outputs, R + 1) array or None
        The common head, where there is one.
    head_kind_ : str
    feature_scale_ : float
        Root mean square of the features, the unit of `adapt`.
    history_ : DataFrame
        ``iteration, loss, learning_rate, accuracy``, ``held_out_loss`` and what ``monitor`` says.
    learning_rate_ : float
        At the end. When the loss explodes, the best filters so far are restored and the rate is halved, five times at
        most.
    n_iter_ : int
    feature_names_ : list of str

    Notes
    -----
    After Li, Chen, Deng, Kou, Cao and Gu, *On the Power of Multitask Representation Learning with Gradient Descent*
    (AISTATS 2025): patches, a two-layer convolutional net, gradient descent on the union of tasks of the same classes.
    The paper's text was not available; the formulas are a reconstruction (see docs/methods/patch-cnn.md).

    Examples
    --------
    >>> from kinfolk import SharedFeatureClassifier
    >>> from kinfolk.nets import make_shared_feature_tasks
    >>> tasks = make_shared_feature_tasks(n_tasks=12, n_samples=30, patch_dim=100, noise=3, random_state=0)
    >>> test = tasks.sample(100, random_state=1)
    >>> net = SharedFeatureClassifier.theory(task="task").fit(tasks.X, tasks.y)
    >>> first = test.X["task"] == 0
    >>> alone = SharedFeatureClassifier.theory(task="task").fit(tasks.X[:30], tasks.y[:30])
    >>> net.score(test.X[first], test.y[first]) > 0.9, alone.score(test.X[first], test.y[first]) > 0.9
    (True, False)
    """

    classes_: LabelArray

    _fitted = (*SharedFeatureNet._fitted, "classes_")

    @classmethod
    def theory(cls, **overrides: Any) -> Self:
        """Return the network of the theory: cubic filters, tiny start, gradient descent, one frozen head of signs.

        Parameters
        ----------
        **overrides
            Other parameters than those of the preset (``n_patches=2``, 16 filters, rate 0.4, 700 iterations).
        """
        preset: dict[str, Any] = {
            "n_patches": 2,
            "n_filters": 16,
            "fit_intercept": False,
            "activation_power": 3,
            "head": "shared",
            "train_head": False,
            "optimizer": "gd",
            "learning_rate": 0.4,
            "max_iter": 700,
            "init_scale": 0.01,
            "log_every": 25,
            "standardize": False,
            "dtype": "float32",
        }
        return cls(**preset | overrides)

    def decision_function(self, X: Any) -> FloatArray:
        """Log-odds of the second class; with more classes, of each class up to a constant of the row.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n,) array, or (n, n_classes)

        Raises
        ------
        UnseenTaskError
            A row belongs to a task that is not in ``tasks_``, and ``unseen="raise"``.
        """
        outputs = self._outputs(X)
        return outputs if len(self.classes_) > 2 else outputs[:, 0]

    def _target(self, y: Any, n_rows: int, weights: FloatArray | None) -> FloatArray:
        self.classes_, target = check_classes(y, n_rows=n_rows, used=None if weights is None else weights > 0)
        return target

    def _new_target(self, y: Any, n_rows: int) -> FloatArray:
        return match_classes(y, self.classes_, n_rows=n_rows)

    def _loss(self) -> tuple[str, int]:
        n_classes = len(self.classes_)
        return ("logistic", 1) if n_classes == 2 else ("cross_entropy", n_classes)

    def _auto_head(self, data: TaskData) -> str:
        there = np.zeros((data.n_tasks, len(self.classes_)), dtype=bool)
        there[data.codes, data.y.astype(np.int64)] = True
        together = there.T.astype(float) @ there > 0
        return "shared+specific" if together.all() else "per_task"

    def _quality(self, outputs: FloatArray, y: FloatArray) -> dict[str, float]:
        return {"accuracy": float(np.mean(most_probable(outputs) == y))}
