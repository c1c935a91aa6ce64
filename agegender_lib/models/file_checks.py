"""What a model or weights file may hold before Keras is given it: no bombs, and nothing that lies elsewhere.

Keras's safe mode refuses code. It does refuse bombs as well, but only beyond 4 GiB each, and believes what a
configuration says of its layers' sizes.
"""

import io
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
from keras.src.backend.common import global_state

from agegender_lib.errors import InputError

#: Weights hardly shrink: a file that unpacks to more than this many times its size is a bomb, if it is large then.
MOST_EXPANSION = 20
SMALL = 64 * 1024 * 1024
#: InceptionV3, 300 layers, is described in 0.3 MB.
LARGEST_CONFIG = 16 * 1024 * 1024
#: Values that a layer may give for one face: 16 times what VGG16's largest does.
MOST_VALUES = 16 * 1024 * 1024

_LONGEST_REASON = 300  # Keras quotes the whole description of a model in one line
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"


def check_model_file(path: Path) -> None:
    """Refuse a ``.keras`` or ``.h5`` file that would take more memory than its size explains.

    The layers are put together from their description, without a value in any weight, and their sizes compared with
    what the file holds.

    Raises
    ------
    InputError
        If it would.
    Exception
        Whatever a damaged file leads zipfile, HDF5 or Keras to.
    """
    if path.suffix == ".h5":
        with h5py.File(path, "r") as file:
            stored = sum(math.prod(shape) for _, shape in stored_shapes(file, path))
        _check_layers(_without_values(lambda: keras.saving.load_model(path, compile=False)), stored, path)
        return
    with zipfile.ZipFile(path) as archive:
        _check_archive(archive, path)
        config = json.loads(archive.read(_CONFIG))
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS)), "r") as file:
            stored = sum(math.prod(shape) for _, shape in stored_shapes(file, path))
    config["compile_config"] = None
    _check_layers(
        _without_values(lambda: keras.saving.deserialize_keras_object(config, safe_mode=True)), stored, path
    )


def stored_shapes(file: h5py.File, path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every dataset of a weights file.

    Raises
    ------
    InputError
        If one claims to be far larger than the file, or lies in another file.
    """
    datasets: list[tuple[str, h5py.Dataset]] = []
    file.visititems(
        lambda name, item: datasets.append((name, item)) if isinstance(item, h5py.Dataset) else None
    )
    claimed = sum(math.prod(item.shape) * item.dtype.itemsize for _, item in datasets)
    if claimed > max(SMALL, MOST_EXPANSION * _size(path)):
        raise InputError(
            f"{path} claims to hold {claimed / 1e6:,.0f} MB of weights in a file of {_size(path) / 1e6:.1f} MB: "
            "get it again, from a source you trust"
        )
    for name, item in datasets:
        if item.external or item.is_virtual:
            raise InputError(f"{path} takes {name} from another file: give a file that holds its own weights")
        yield name, item.shape


def _size(path: Path) -> int:
    return path.stat().st_size


def _check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if (
        unpacked > max(SMALL, MOST_EXPANSION * _size(path))
        or archive.getinfo(_CONFIG).file_size > LARGEST_CONFIG
    ):
        raise InputError(
            f"{path} unpacks to {unpacked / 1e6:,.0f} MB from {_size(path) / 1e6:.1f} MB, which no model does: "
            "get it again, from a source you trust"
        )
    for member in members:
        # zipfile unpacks all of such a member at the first read, however small it claims to be
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{path} is compressed in a way that Keras does not: save the model again")


def _without_values(build: Callable[[], Any]) -> Any:
    pending = global_state.get_global_attribute("uninitialized_variables", [])
    # Keras keeps a list of such weights, to give them values later; none of these is to get any.
    global_state.set_global_attribute("uninitialized_variables", [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            return build()
    finally:
        global_state.set_global_attribute("uninitialized_variables", pending)


def _check_layers(model: keras.Model, stored: int, path: Path) -> None:
    needed = sum(math.prod(weight.shape) for weight in model.weights)
    if needed > stored:
        raise InputError(
            f"{path} describes a network of {needed:,} weights and holds {stored:,}: it is damaged, get it again"
        )
    for layer in model._flatten_layers():
        for output in keras.tree.flatten(getattr(layer, "output", ())):
            values = math.prod(size or 1 for size in output.shape[1:])
            if values > MOST_VALUES:
                raise InputError(
                    f"{path}: its layer {layer.name!r} gives {values:,} values for one face, more than the "
                    f"{MOST_VALUES:,} that a network of faces needs"
                )


def reason(error: Exception) -> str:
    """The first line of what an error says, of bounded length; some say nothing but their name."""
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    line = "".join(char for char in line if char.isprintable())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
