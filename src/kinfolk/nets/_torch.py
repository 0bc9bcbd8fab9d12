"""The one place that imports PyTorch."""

from kinfolk.exceptions import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        "Encoders other than 'patch' and the weightings of torchjd are computed by PyTorch, which is not installed: "
        'pip install "kinfolk[nets]" (a CPU build such as torch==2.13.0 first saves gigabytes of CUDA).'
    ) from error

__all__ = ["torch"]
