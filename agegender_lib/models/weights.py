"""Weights files: which fit, and where they come from."""

import warnings
from pathlib import Path

import h5py
import keras

from agegender_lib.errors import InputError
from agegender_lib.files import sha256_of
from agegender_lib.models.flat import snake_case
from agegender_lib.models.vggface2_weights import ORIGIN as FACE_ORIGIN

#: Weights files that are not what their names promise, by SHA-256: results made from them have to say so.
KNOWN_FILES = {
    "8fd8b0ce9af015cfe30272ed9a0a28479d909bf6a92429a08f46eb52c0af704c": (
        "InceptionV3 of the public nsfwjs model (MIT licence) rounded to 8 bits, not Keras's own ImageNet file: "
        "stem to mixed5 are ImageNet's, mixed6 to mixed10 were fine-tuned from ImageNet on another image task"
    ),
    "d8e2ec06e84b423b278a5ea5d7c1643f3be97b737d70f7f91aa300b49279db2a": FACE_ORIGIN,
}
_LONGEST_REASON = 300  # Keras quotes the whole description of a model in one line
#: What a pre-trained model may start from, besides a file.
WEIGHTS = ("pretrained", "published", "none")


def weights_file(weights: str | Path) -> Path | None:
    """The file that pre-trained weights are given as; None where they are one of :data:`WEIGHTS`."""
    path = Path(weights)
    if str(path) in WEIGHTS:
        return None
    if not path.is_file():
        raise InputError(f"no weights file at {path}: give a Keras .weights.h5 file, or one of {', '.join(WEIGHTS)}")
    return path


def located(weights: str | Path) -> str:
    """The same for who works in another folder: a file by its full path."""
    path = weights_file(Path(weights).expanduser())
    return str(weights) if path is None else str(path.resolve())


def file_origin(path: Path) -> str:
    """In words, where the weights in a file come from, as far as its checksum tells."""
    known = KNOWN_FILES.get(sha256_of(path))
    return f"the file {path.name}" + (f" ({known})" if known else "")


def load_weights(model: keras.Model, path: Path) -> None:
    """Load a ``.weights.h5`` file, or refuse it with an InputError that names the first layer that differs."""
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            shapes.setdefault(name.split("/vars/")[0], []).append(item.shape)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(note)
    except Exception as error:  # a damaged file leads HDF5 to errors of many kinds
        raise InputError(f"{path} is not a Keras weights file (.weights.h5): {reason(error)}") from error
    try:
        with warnings.catch_warnings():
            # Keras warns of every layer it misses; the refusal below names the first
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except Exception as error:  # Keras raises whatever its loader stumbles over
        raise InputError(
            f"{path} does not fit {model.name}: {_first_difference(model, shapes, reason(error))}; "
            "give the file of this very network without its top"
        ) from error


def _first_difference(model, shapes, fallback):
    counted: dict[str, int] = {}
    for layer in model.layers:
        # Keras stores layers as layers/conv2d, layers/conv2d_1 ... by class, in the model's order
        kind = snake_case(type(layer).__name__)
        number = counted.get(kind, 0)
        counted[kind] = number + 1
        key = f"layers/{kind}" + (f"_{number}" if number else "")
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if wanted and sorted(shapes.get(key, [])) != sorted(wanted):
            found = shapes.get(key, "nothing")
            return f"layer {layer.name!r} needs {wanted}, the file holds {found}"
    return fallback


def reason(error: Exception) -> str:
    """The first line of what an error says, of bounded length; some say nothing but their name."""
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    line = "".join(char for char in line if char.isprintable())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
