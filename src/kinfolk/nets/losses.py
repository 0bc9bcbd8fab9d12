"""Losses of outputs ``(n, O)``, their value ``(n,)`` and their gradient ``(n, O)``, row by row; and classes."""

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray, IntArray


def logistic(outputs: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``log(1 + exp(-s f))`` of one output f, with s = 2 y - 1 and y either 0 or 1."""
    sign = (2.0 * y - 1.0).astype(outputs.dtype)
    margin = sign * outputs[:, 0]
    value: FloatArray = np.logaddexp(np.zeros((), outputs.dtype), -margin)
    return value, (-sign * expit(-margin))[:, None]


def cross_entropy(outputs: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``-log softmax(f)_y`` of one output a class."""
    rows, classes = np.arange(len(y)), y.astype(np.int64)
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    gradient = np.exp(shifted)
    total = gradient.sum(axis=1)
    value = np.log(total) - shifted[rows, classes]
    gradient /= total[:, None]
    gradient[rows, classes] -= 1.0
    return value, gradient


def squared(outputs: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``(f - y)^2 / 2``."""
    difference = outputs[:, 0] - y.astype(outputs.dtype)
    return 0.5 * difference**2, difference[:, None]


def most_probable(outputs: FloatArray) -> IntArray:
    """Index of the class of each row: of one output by its sign, of one output a class the largest."""
    return (outputs[:, 0] > 0).astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


LOSSES = {"logistic": logistic, "cross_entropy": cross_entropy, "squared": squared}
