"""Tensors out of a TensorFlow.js graph model: a manifest that names them, and one file with all their numbers."""

import json
import math
from pathlib import Path

import numpy as np

from agegender_lib.errors import InputError


def read_tensors(manifest: str | Path, numbers: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a TensorFlow.js graph model by name.

    Parameters
    ----------
    manifest, numbers : str or Path
        The ``.json`` file, and the one ``.bin`` file that it lists.

    Raises
    ------
    InputError
        The manifest cannot be read, or the file of numbers is not as long as it says.
    """
    try:
        groups = json.loads(Path(manifest).read_text(encoding="utf-8"))["weightsManifest"]
        listed = [
            (entry["name"], np.dtype(entry["dtype"]).newbyteorder("<"), tuple(entry["shape"]))
            for group in groups
            for entry in group["weights"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest} is no TensorFlow.js manifest: {error!r}") from error
    content = Path(numbers).read_bytes()
    needed = sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in listed)
    if len(content) != needed:
        raise InputError(f"{numbers} holds {len(content):,} bytes where its manifest lists {needed:,}")
    tensors, start = {}, 0
    for name, dtype, shape in listed:
        tensors[name] = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
        start += tensors[name].nbytes
    return tensors
