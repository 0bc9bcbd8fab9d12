"""What rules need of gradients ``(T, P)`` of tasks, whether they are arrays or tensors."""

import math
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray


def combined(weights: FloatArray, gradients: Any) -> Any:
    """``sum_k c_k g_k``."""
    if isinstance(gradients, np.ndarray):
        return weights.astype(gradients.dtype) @ gradients
    return gradients.new_tensor(weights) @ gradients


def gram(gradients: Any) -> FloatArray:
    """Inner products of the gradients ``(T, T)``."""
    products = gradients @ gradients.T
    return np.asarray(products if isinstance(products, np.ndarray) else products.cpu().numpy(), dtype=np.float64)


def norm(direction: Any) -> float:
    """Euclidean norm."""
    return math.sqrt(float((direction * direction).sum()))


def matched(direction: Any, other: Any) -> Any:
    """The direction with the length of the other."""
    length = norm(direction)
    return direction * (norm(other) / length) if 0.0 < length < np.inf else direction
