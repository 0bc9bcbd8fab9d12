"""Rows of numbers as patches, and back."""

from typing import Any

import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError


def patches_to_frame(X: Any, tasks: Any) -> pd.DataFrame:
    """Rows of patches as a table with a column ``task``.

    Parameters
    ----------
    X : array of shape (n, n_patches, patch_dim), or (n, ...) such as images (n, channels, height, width)
        Everything behind the first axis is laid side by side, in C order.
    tasks : (n,) labels

    Returns
    -------
    pandas.DataFrame
        Columns ``x0, x1, ...`` and, last, ``task``.

    Raises
    ------
    InputError
        There is not one label for each row.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.nets import patches_to_frame
    >>> patches_to_frame(np.zeros((2, 2, 3)), ["a", "b"]).columns.tolist()
    ['x0', 'x1', 'x2', 'x3', 'x4', 'x5', 'task']
    """
    values = np.asarray(X)
    labels = np.asarray(tasks)
    if values.ndim < 2 or labels.shape != (len(values),):
        raise InputError(
            f"patches_to_frame needs X of shape (n, n_patches, patch_dim) and n task labels; got X of shape "
            f"{values.shape} and tasks of shape {labels.shape}."
        )
    flat = values.reshape(len(values), -1)
    frame = pd.DataFrame(flat, columns=[f"x{j}" for j in range(flat.shape[1])])
    return pd.concat((frame, pd.DataFrame({"task": labels})), axis=1)


def side_by_side(X: Any) -> Any:
    """Patches ``(n, H, d)`` as rows ``(n, H d)``; anything else as it is."""
    return X.reshape(len(X), -1) if isinstance(X, np.ndarray) and X.ndim == 3 and len(X) else X


def cut(
    rows: FloatArray,
    n_patches: int,
    image_shape: tuple[int, int, int] | None = None,
    patch_size: int | None = None,
    stride: int | None = None,
) -> FloatArray:
    """Patches ``(n, H, d)`` of rows ``(n, H * d)``: blocks of columns, or squares of an image in every channel.

    Parameters
    ----------
    rows : (n, columns) array
    n_patches : int
        Blocks of columns of equal width; not used with ``patch_size``.
    image_shape : (channels, height, width), optional
    patch_size, stride : int, optional
        Side of the squares, and the step from one to the next (the side).
    """
    n = len(rows)
    if image_shape is None or patch_size is None:
        return rows.reshape(n, n_patches, -1)
    images = rows.reshape(n, *image_shape)
    step = stride or patch_size
    windows = np.lib.stride_tricks.sliding_window_view(images, (patch_size, patch_size), axis=(2, 3))
    windows = windows[:, :, ::step, ::step].transpose(0, 2, 3, 1, 4, 5)
    return np.ascontiguousarray(windows).reshape(n, windows.shape[1] * windows.shape[2], -1)
