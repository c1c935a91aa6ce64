"""Ages and genders of faces, from a saved model."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib.errors import InputError

from .file_checks import check_model_file, reason


def load_model(path: str | Path) -> keras.Model:
    """A model file as the marker loads it, or a clear refusal.

    Parameters
    ----------
    path : str or Path
        A ``.keras`` or ``.h5`` file. Code inside a file is never run (Keras safe mode).

    Raises
    ------
    InputError
        If the file is missing, is no Keras model, is a bomb (see :mod:`.file_checks`), holds weights that are no
        numbers, or does not keep the contract: input [n, 128, 128, 3], outputs
        ``gender_output`` and ``age_output`` of one unit each.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no model at {path}: train one, or give the path of a .keras or .h5 file")
    if path.suffix not in (".keras", ".h5"):
        raise InputError(f"{path} is no model file: give one that ends in .keras or .h5")
    try:
        check_model_file(path)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except InputError:
        raise
    except Exception as error:  # Keras raises whatever its loader stumbles over
        raise InputError(f"{path} is no Keras model that can be loaded: {reason(error)}") from error
    shape, names, answers = (
        getattr(model, key, None) for key in ("input_shape", "output_names", "output_shape")
    )
    wanted = (None, 128, 128, 3), ["gender_output", "age_output"], [(None, 1), (None, 1)]
    if (shape, names, answers) != wanted:
        raise InputError(
            f"{path} has input {shape} and outputs {names} of shapes {answers}: needed are input {wanted[0]} and "
            f"outputs {wanted[1]} of shapes {wanted[2]}"
        )
    if not all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in model.weights):
        raise InputError(f"{path} holds weights that are no numbers: it is damaged, or its training failed")
    return model


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
        Outputs ``[gender_output, age_output]``.
    images : uint8 [n, 128, 128, 3]
        May be memory-mapped; only a batch of it is in memory as floats.
    batch_size : int
    progress : bool
        Show a bar on standard error.
    rows : int [m], optional
        Answer to these rows of ``images`` only, in this order, without a copy of all of them as ``images[rows]`` is.

    Returns
    -------
    DataFrame
        age_predicted (years) and p_female (0 to 1), a row per image, or per row asked about.
    """
    count = len(images) if rows is None else len(rows)
    gender, age = [], []
    starts = range(0, count, batch_size)
    for start in tqdm(starts, desc="predicting", unit="batch", disable=not progress or None, mininterval=1):
        chosen = slice(start, start + batch_size)
        batch = np.asarray(images[chosen if rows is None else rows[chosen]], dtype="float32") / 255.0
        # a full batch every time, so that the graph is traced once
        padded = np.concatenate([batch, np.zeros((batch_size - len(batch), *batch.shape[1:]), "float32")])
        p_female, years = model.predict_on_batch(padded)
        gender.append(np.asarray(p_female)[: len(batch), 0])
        age.append(np.asarray(years)[: len(batch), 0])
    return pd.DataFrame(
        {
            "age_predicted": np.concatenate(age) if age else np.empty(0, "float32"),
            "p_female": np.concatenate(gender) if gender else np.empty(0, "float32"),
        }
    )
