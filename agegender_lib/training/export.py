"""Saving a trained network: whole models, small files."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import absl.logging
import keras
import numpy as np

from agegender_lib.files import replacing


def save_model(model: keras.Model, path: Path) -> None:
    """Save a whole model as ``.keras`` or ``.h5``, atomically; a ``.keras`` file is compressed as well.

    Keras zips without compression; the file written here is the same zip, deflated, which Keras reads as it is.
    """
    path = Path(path)
    with replacing(path) as temporary, _without_advice():
        model.save(temporary)
        if path.suffix == ".keras":
            _deflate(temporary)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keras advises against ``.h5`` at every saving; the coursework asks for it."""
    before = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        yield
    finally:
        absl.logging.set_verbosity(before)


def round_weights(model: keras.Model, bits: int) -> None:
    """Round every float32 weight to ``bits`` significant bits, to nearest, in place.

    float32 has 24. The zeros that are left at the end of each number are what compresses. The relative change
    of a weight is at most 2 ** -bits.

    Parameters
    ----------
    model : keras.Model
    bits : int
        2 to 24.
    """
    model.set_weights([rounded(weight, bits) for weight in model.get_weights()])


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 values rounded to ``bits`` significant bits; other types as they are."""
    if values.dtype != np.float32:
        return values
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent).astype("float32")


def _deflate(path):
    with zipfile.ZipFile(path) as stored:
        parts = [(info, stored.read(info)) for info in stored.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for info, content in parts:
            packed.writestr(info.filename, content)
