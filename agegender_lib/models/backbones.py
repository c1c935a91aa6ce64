"""Pre-trained backbones by name: what each expects at its input and where its weights come from."""

import hashlib
import re
import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from agegender_lib.errors import InputError


@dataclass(frozen=True)
class Backbone:
    """How one network of keras.applications is used here.

    Attributes
    ----------
    build : callable
        ``build(include_top, weights, input_shape)``.
    preprocess : callable
        From an image in [0, 1] to what the network was trained on, by built-in layers.
    stages : tuple of (str, str)
        Name of a stage, from the input upwards, and the last layer that belongs to it.
    """

    build: Callable[..., keras.Model]
    preprocess: Callable
    stages: tuple[tuple[str, str], ...]


def _to_minus_one_one(image):
    return layers.Rescaling(2.0, offset=-1.0, name="shared_input_scale")(image)


def _to_centred_bgr(image):
    """Caffe's convention: channels reversed, 0..255, ImageNet's mean subtracted; a frozen 1 x 1 convolution."""
    kernel = (255.0 * np.eye(3)[::-1]).reshape(1, 1, 3, 3).tolist()
    mean = [-103.939, -116.779, -123.68]
    return layers.Conv2D(
        3,
        1,
        trainable=False,
        dtype="float32",
        kernel_initializer=keras.initializers.Constant(kernel),
        bias_initializer=keras.initializers.Constant(mean),
        name="shared_input_scale",
    )(image)


# Weights files that are not what their names promise, by SHA-256: results made from them have to say so.
KNOWN_FILES = {
    "8fd8b0ce9af015cfe30272ed9a0a28479d909bf6a92429a08f46eb52c0af704c": (
        "InceptionV3 of the public nsfwjs model (MIT licence) rounded to 8 bits, not Keras's own ImageNet file: "
        "stem to mixed5 are ImageNet's, mixed6 to mixed10 were fine-tuned from ImageNet on another image task"
    ),
}
DOWNLOAD_TIMEOUT = 30  # seconds without a byte, after which a download counts as impossible

BACKBONES = {
    "inception_v3": Backbone(
        keras.applications.InceptionV3,
        _to_minus_one_one,
        (
            # the stem's last layer has no fixed name, because Keras numbers its pooling layers
            ("inception 35 x 35 (mixed 0-2)", "mixed2"),
            ("inception 17 x 17 (mixed 3-7)", "mixed7"),
            ("inception 8 x 8 (mixed 8-10)", "mixed10"),
        ),
    ),
    "vgg16": Backbone(
        keras.applications.VGG16,
        _to_centred_bgr,
        tuple((f"convolution block {k}", f"block{k}_pool") for k in range(1, 6)),
    ),
}


def build_backbone(name: str, weights: str | Path | None = "imagenet") -> tuple[keras.Model, str]:
    """A backbone without its top for 128 x 128 faces, with weights in it.

    Parameters
    ----------
    name : str
        A key of :data:`BACKBONES`.
    weights : str, Path or None
        ``"imagenet"`` downloads Keras's own file (once, into Keras's cache); a path reads that Keras
        ``.weights.h5`` file; None or ``"none"`` starts from random weights.

    Returns
    -------
    base : keras.Model
    origin : str
        In words, where the weights came from; reports repeat it. When the download is impossible this says
        "random", and a warning says so loudly.

    Raises
    ------
    InputError
        If the backbone is unknown or the weights file is missing or does not fit.
    """
    if name not in BACKBONES:
        raise InputError(f"backbone {name!r} is unknown: choose one of {', '.join(sorted(BACKBONES))}")
    backbone = BACKBONES[name]

    def build(weights):
        return backbone.build(include_top=False, weights=weights, input_shape=(128, 128, 3))

    if weights is None or str(weights) == "none":
        return _named(build(None), name), "random weights, as asked"
    if str(weights) == "imagenet":
        patience = socket.getdefaulttimeout()
        socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # Keras itself would wait for ever
        try:
            return _named(build("imagenet"), name), "ImageNet weights downloaded by Keras"
        except Exception as error:  # Keras raises a bare Exception when the download fails
            warnings.warn(
                f"\n{'!' * 78}\n{name} STARTS FROM RANDOM WEIGHTS: its ImageNet weights could not be downloaded\n"
                f"({_reason(error)}).\nWhat follows is no pre-trained model. Give a weights file "
                f"(--weights FILE) or go online.\n{'!' * 78}",
                stacklevel=2,
            )
            return _named(build(None), name), "random weights, because the download failed"
        finally:
            socket.setdefaulttimeout(patience)
    path = Path(weights)
    if not path.is_file():
        raise InputError(f"no weights file at {path}: give a Keras .weights.h5 file, 'imagenet' or 'none'")
    base = build(None)
    load_weights(base, path)
    known = KNOWN_FILES.get(hashlib.sha256(path.read_bytes()).hexdigest())
    return _named(base, name), f"the file {path.name}" + (f" ({known})" if known else "")


def load_weights(model: keras.Model, path: Path) -> None:
    """Load a ``.weights.h5`` file, or refuse it naming the first layer that differs.

    Raises
    ------
    InputError
        If the file is no Keras weights file or holds another network's weights.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            shapes = {}
            file.visititems(
                lambda name, item: (
                    shapes.setdefault(name.split("/vars/")[0], []).append(item.shape)
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
    except OSError as error:
        raise InputError(f"{path} is no Keras weights file (.weights.h5): {error}") from error
    try:
        with warnings.catch_warnings():
            # Keras warns of every layer it misses; the refusal below names the first
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except Exception as error:  # Keras raises whatever its loader stumbles over
        raise InputError(
            f"{path} does not fit {model.name}: {_first_difference(model, shapes, _reason(error))}; "
            "give the file of this very network without its top"
        ) from error


def _first_difference(model, shapes, fallback):
    counted: dict[str, int] = {}
    for layer in model.layers:
        # Keras stores layers as layers/conv2d, layers/conv2d_1 ... by class, in the model's order
        kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        kind = re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()  # Conv2D is conv2d there
        number = counted.get(kind, 0)
        counted[kind] = number + 1
        key = f"layers/{kind}" + (f"_{number}" if number else "")
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if wanted and sorted(shapes.get(key, [])) != sorted(wanted):
            found = shapes.get(key, "nothing")
            return f"layer {layer.name!r} needs {wanted}, the file holds {found}"
    return fallback


def _reason(error):
    """The first line of what an error says; some say nothing but their name."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _named(base, name):
    base.name = f"shared_{name}"
    return base
