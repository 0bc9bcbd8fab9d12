"""Encoders of PyTorch: a small convolutional trunk, a perceptron, and the patch encoder itself."""

from typing import Any

import numpy as np

from kinfolk.nets._torch import torch

nn = torch.nn


def conv_trunk(image_shape: tuple[int, int, int], n_features: int) -> Any:
    """Two convolutions (every second pixel, then pooled by two) and a layer of ``n_features``, all with ReLU.

    With 64 features the convolutions have 12 and 24 channels.
    """
    channels, height, width = image_shape
    first, second = max(4, 3 * n_features // 16), max(8, 3 * n_features // 8)
    height, width = ((((side + 1) // 2) + 1) // 2 for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, first, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(second * height * width, n_features),
        nn.ReLU(),
    )


def perceptron(n_columns: int, n_features: int) -> Any:
    """Two layers with ReLU, of twice and of ``n_features`` units."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(n_columns, 2 * n_features), nn.ReLU(), nn.Linear(2 * n_features, n_features), nn.ReLU()
    )


class PatchEncoder(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """``sum_h max(W x_h, 0) ** q`` of patches ``(n, H, d)``: what `kinfolk.nets.patch_network` computes."""

    def __init__(self, patch_dim: int, n_filters: int, power: float) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.zeros(n_filters, patch_dim))
        self.power = power

    def forward(self, patches: Any) -> Any:
        """Features ``(n, R)``."""
        return (torch.relu(patches @ self.filters.T) ** self.power).sum(dim=1)


def he_normal(module: Any, generator: np.random.Generator, scale: float) -> None:
    """Draw weights of standard deviation ``scale * sqrt(2 / inputs)``, and set intercepts to zero (He et al. 2015)."""
    with torch.no_grad():
        for layer in module:
            if hasattr(layer, "weight"):
                inputs = layer.weight[0].numel()
                drawn = generator.standard_normal(tuple(layer.weight.shape)) * (scale * (2.0 / inputs) ** 0.5)
                layer.weight.copy_(torch.from_numpy(drawn))
                layer.bias.zero_()
