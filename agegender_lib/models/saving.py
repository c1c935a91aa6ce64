"""Model files: whole models that open in every Keras 3 and, as ``.h5``, in Keras 2; and how they are read again.

What is saved is :func:`.flat.rebuilt` of a model, described as Keras 3.0 (or Keras 2) would describe it.
"""

import io
import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from agegender_lib.errors import InputError
from agegender_lib.files import replacing
from agegender_lib.models.flat import keras_2_config, portable_config, rebuilt, with_one_input
from agegender_lib.models.weights import reason

#: Input and outputs of every model of this project.
CONTRACT = (None, 128, 128, 3), ["gender_output", "age_output"], [(None, 1), (None, 1)]
#: In a .keras file, the HDF5 file that holds its weights.
WEIGHTS = "model.weights.h5"
_SMALL = 4096  # bytes of an array that are not worth compressing


def load_model(path: str | Path) -> keras.Model:
    """A model file as plain Keras loads it, or a clear refusal; code inside a file is never run (Keras safe mode).

    Raises
    ------
    InputError
        If the file is missing, is not a Keras model, holds non-finite weights, or does not keep
        the contract: input [n, 128, 128, 3], outputs ``gender_output`` and ``age_output`` of one unit each.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no model at {path}: train one, or give the path of a .keras or .h5 file")
    if path.suffix not in (".keras", ".h5"):
        raise InputError(f"{path} is not a model file: give one that ends in .keras or .h5")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its loader stumbles over
        raise InputError(f"{path} is not a Keras model that can be loaded: {reason(error)}") from error
    found = tuple(getattr(model, key, None) for key in ("input_shape", "output_names", "output_shape"))
    if found != CONTRACT:
        raise InputError(
            f"{path} has input {found[0]} and outputs {found[1]} of shapes {found[2]}: needed are input "
            f"{CONTRACT[0]} and outputs {CONTRACT[1]} of shapes {CONTRACT[2]}"
        )
    if not all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in model.weights):
        raise InputError(f"{path} holds non-finite weights: it is damaged, or its training failed")
    return with_one_input(model)


def save_model(model: keras.Model, *paths: str | Path) -> None:
    """Save a whole model as ``.keras`` or ``.h5`` or both, atomically, and smaller than Keras does.

    Weights are compressed by HDF5 itself, which every reader undoes; a deflated archive would keep old Keras 3, which
    jumps about in it, busy for minutes.
    """
    plain, config = rebuilt(model), portable_config(model)
    for path in map(Path, paths):
        with replacing(path) as temporary:
            plain.save(temporary)
            rewrite = _rewrite_h5 if path.suffix == ".h5" else _rewrite_archive
            rewrite(temporary, config)


def _rewrite_h5(path: Path, config: dict) -> None:
    described = json.dumps({"class_name": "Functional", "config": keras_2_config(config)})
    path.write_bytes(_packed(path, model_config=described))


def _rewrite_archive(path: Path, config: dict) -> None:
    with zipfile.ZipFile(path) as stored:
        parts = {info.filename: stored.read(info) for info in stored.infolist()}
    described = json.loads(parts["config.json"])
    described = {key: described[key] for key in ("module", "class_name", "registered_name")}
    parts["config.json"] = json.dumps({**described, "config": config}).encode()
    parts[WEIGHTS] = _packed(io.BytesIO(parts[WEIGHTS]))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == WEIGHTS else zipfile.ZIP_DEFLATED)


def _packed(stored: Path | io.BytesIO, **attributes: str) -> bytes:
    """An HDF5 file, its large arrays compressed and some of its attributes replaced."""
    packed = io.BytesIO()
    with h5py.File(stored, "r") as source, h5py.File(packed, "w") as file:
        _compress(source, file)
        file.attrs.update(attributes)
    return packed.getvalue()


def _compress(stored: h5py.Group, packed: h5py.Group) -> None:
    """Copy what an HDF5 file holds, the large arrays compressed."""
    for name, value in stored.attrs.items():
        packed.attrs[name] = value
    for name, item in stored.items():
        if isinstance(item, h5py.Group):
            _compress(item, packed.create_group(name))
        elif item.nbytes < _SMALL:
            packed[name] = item[()]
        else:
            packed.create_dataset(name, data=item[()], chunks=item.shape, compression="gzip", shuffle=True)


def quantise_weights(model: keras.Model, bits: int) -> None:
    """Round every float32 weight to ``bits`` (2 to 24) significant bits, to nearest, in place.

    float32 has 24. The zeros that are left at the end of each number are what compresses. The relative change
    of a weight is at most 2 ** -bits.
    """
    model.set_weights([rounded(weight, bits) for weight in model.get_weights()])


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 values rounded to ``bits`` significant bits; other types as they are."""
    if values.dtype != np.float32:
        return values
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent).astype("float32")
