"""Ages and genders of faces, from a model."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib.files import read_rows


def predict(
    model: keras.Model,
    images: np.ndarray,
    batch_size: int = 100,
    progress: bool = False,
    rows: np.ndarray | None = None,
) -> pd.DataFrame:
    """Ages and genders of faces, a batch at a time.

    Parameters
    ----------
    model : keras.Model
    images : uint8 [n, 128, 128, 3]
        May be memory-mapped; only a batch of it is in memory as floats.
    batch_size : int
    progress : bool
        Show a bar on standard error.
    rows : int [m], optional
        Predict these rows of ``images`` only, in this order.

    Returns
    -------
    DataFrame
        age_predicted (years) and p_female (0 to 1), a row per image, or per row asked about.
    """
    p_female, age = in_batches(
        lambda batch: model.predict_on_batch(as_floats(batch)),
        images,
        batch_size,
        rows,
        "predicting" if progress else None,
    )
    return pd.DataFrame({"age_predicted": age[:, 0], "p_female": p_female[:, 0]})


def as_floats(images: np.ndarray) -> np.ndarray:
    """Pixels 0..255 as models take them: float32 in [0, 1]."""
    return np.asarray(images, dtype="float32") / 255.0


def in_batches(
    function: Callable[[np.ndarray], Sequence],
    images: np.ndarray,
    batch_size: int = 100,
    rows: np.ndarray | None = None,
    doing: str | None = None,
) -> list[np.ndarray]:
    """What a function of ``batch_size`` images says of many, asked with full batches only: its graph is traced once.

    The last batch is filled up with zeros. ``rows`` are those of :func:`predict`, ``doing`` is what a bar on standard
    error says. Returns its outputs, a row per image.
    """
    count, parts = len(images) if rows is None else len(rows), []
    # without any image the zeros alone are asked about: their outputs have the right shapes
    starts = range(0, max(count, 1), batch_size)
    for start in tqdm(starts, desc=doing, unit="batch", disable=None if doing else True, mininterval=1):
        chosen = slice(start, start + batch_size)
        batch = read_rows(images, chosen if rows is None else rows[chosen])
        padding = np.zeros((batch_size - len(batch), *batch.shape[1:]), batch.dtype)
        outputs = function(np.concatenate([batch, padding]))
        parts.append([np.asarray(one)[: len(batch)] for one in outputs])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]
