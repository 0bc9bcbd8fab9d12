"""Classes, probabilities and scores from what a model says of rows, written once for every kind of model."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score, r2_score

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.validation import check_target


class OddsClassifier(ClassifierMixin, ABC):  # type: ignore[misc]  # scikit-learn is untyped
    """Classes and probabilities from log-odds: ``decision_function`` ``(n,)``, or ``(n, n_classes)`` beyond two."""

    classes_: LabelArray

    @abstractmethod
    def decision_function(self, X: Any) -> FloatArray:
        """Log-odds of rows."""

    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of each class, by the log-odds of `decision_function`.

        Of methods with a posterior averaged over that of the row's task, or taken at its mode (see the method).

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n, n_classes) array, in the order of ``classes_``
        """
        odds = self.decision_function(X)
        if odds.ndim == 1:
            return np.column_stack((expit(-odds), expit(odds)))
        each: FloatArray = softmax(odds, axis=1)
        return each

    def predict(self, X: Any) -> LabelArray:
        """Most probable class of each row.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n,) array of class labels
        """
        odds = self.decision_function(X)
        best = (odds > 0).astype(np.int64) if odds.ndim == 1 else odds.argmax(axis=1)
        labels: LabelArray = self.classes_[best]
        return labels

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of rows whose class is predicted (accuracy).

        Parameters
        ----------
        X, y, sample_weight : as in fit
        """
        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))


def r2_of(y: Any, predicted: FloatArray, sample_weight: Any, *, wide: bool) -> float:
    """R2 over all rows; for wide data the mean over responses, missing values left out.

    Parameters
    ----------
    y : (n,) or (n, T)
    predicted : array of the same shape
    sample_weight : (n,) array or None
    wide : bool
    """
    if not wide:
        return float(r2_score(y, predicted, sample_weight=sample_weight))
    truth = check_target(y, n_rows=len(predicted), allow_2d=True, allow_missing=True).reshape(predicted.shape)
    weights = np.ones(len(truth)) if sample_weight is None else np.asarray(sample_weight)
    scores = [
        r2_score(truth[there, t], predicted[there, t], sample_weight=weights[there])
        for t, there in enumerate(~np.isnan(truth.T))
    ]
    return float(np.mean(scores))
