"""Pre-trained backbones: what each expects at its input, its stages, and where its weights come from."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from agegender_lib.errors import InputError
from agegender_lib.models import vggface2_weights
from agegender_lib.models.heads import frozen_convolution
from agegender_lib.models.published_weights import put_published
from agegender_lib.models.weights import file_origin, load_weights, reason, weights_file

_CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green and red, in 0..255


@dataclass(frozen=True)
class Backbone:
    """How one network of keras.applications is used here.

    ``stages`` are names from the input upwards, each with the last layer that belongs to it. ``preprocess`` makes of an
    image in [0, 1] what the network was trained on, by built-in layers. ``origin`` is what a report says of the
    pre-trained weights. ``load`` fetches them into a model; without it, Keras itself does, from ImageNet.
    """

    build: Callable[..., keras.Model]
    preprocess: Callable
    stages: tuple[tuple[str, str], ...]
    origin: str = "ImageNet weights downloaded by Keras"
    load: Callable[[keras.Model], None] | None = None


def _to_minus_one_one(image):
    """TensorFlow's convention: from -1 to 1."""
    return layers.Rescaling(2.0, offset=-1.0, name="shared_input_scale")(image)


def _to_centred_bgr(image):
    """Caffe's convention: channels reversed, 0..255, ImageNet's mean subtracted; a frozen 1 x 1 convolution."""
    return frozen_convolution(255 * np.eye(3)[::-1], "shared_input_scale", [-mean for mean in _CAFFE_MEAN])(image)


def _inception_v3(**arguments):
    base = keras.applications.InceptionV3(**arguments)
    # Keras numbers its pooling layers through all models of a process, so the stem cannot be found by its name
    pools = [layer for layer in base.layers if isinstance(layer, layers.MaxPooling2D)]
    pools[1].name = "stem_pool"
    return base


#: By the name that settings give; THIRD_PARTY.md has the licences of their weights.
BACKBONES = {
    "inception_v3": Backbone(
        _inception_v3,
        _to_minus_one_one,
        (
            ("inception stem", "stem_pool"),
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
    "mobilenet_vggface2": Backbone(
        keras.applications.MobileNet,
        _to_centred_bgr,  # the convention of these weights, not of MobileNet's own from ImageNet
        (
            ("stem", "conv1_relu"),
            ("separable convolution 1", "conv_pw_1_relu"),
            *((f"separable convolutions {a}-{b}", f"conv_pw_{b}_relu") for a, b in ((2, 3), (4, 5))),
            *((f"separable convolutions {a}-{b}", f"conv_pw_{b}_relu") for a, b in ((6, 11), (12, 13))),
        ),
        origin=vggface2_weights.ORIGIN,
        load=vggface2_weights.load_vggface2_weights,
    ),
}


def build_backbone(
    name: str, weights: str | Path | None = "pretrained", side: int | None = 128
) -> tuple[keras.Model, str]:
    """A backbone without its top, with weights in it, and in words where they came from; reports repeat it.

    ``"pretrained"`` downloads, once, what this backbone is known for: Keras's own ImageNet file into Keras's cache, or
    the face weights into the project's. ``"published"`` takes the backbone of the published model that has it, which
    has learned ages and genders already. A path reads that Keras ``.weights.h5`` file; None or ``"none"`` starts from
    random weights. ``side`` None leaves the images' size open.
    """
    if name not in BACKBONES:
        raise InputError(f"backbone {name!r} is unknown: choose one of {', '.join(sorted(BACKBONES))}")
    backbone, weights = BACKBONES[name], weights or "none"
    file = weights_file(weights)

    def build(weights=None):
        return backbone.build(include_top=False, weights=weights, input_shape=(side, side, 3))

    if str(weights) == "pretrained":
        base, origin = _downloaded(name, build), backbone.origin
    else:
        base, origin = build(), "random weights, as asked"
        if file is not None:
            load_weights(base, file)
            origin = file_origin(file)
        elif str(weights) == "published":
            origin = put_published(base, name)
    base.name = f"shared_{name}"
    return base, origin


def _downloaded(name, build):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # seconds without a byte; Keras itself would wait for ever
    try:
        if load := BACKBONES[name].load:
            base = build()
            load(base)
            return base
        return build("imagenet")
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise InputError(
            f"the pre-trained weights of {name} cannot be downloaded ({reason(error)}): go online, give a Keras "
            ".weights.h5 file, or say 'none' to begin from random weights"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def backbone_in(model: keras.Model) -> keras.Model | None:
    """The backbone a model is built on; None for one without."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)


def stages_of(base: keras.Model) -> dict[str, list[layers.Layer]]:
    """The layers of each stage of a backbone by its name, from the input upwards; together they are all."""
    names = [layer.name for layer in base.layers]
    found, start = {}, 0
    for name, last in BACKBONES[base.name.removeprefix("shared_")].stages:
        end = names.index(last) + 1
        found[name], start = base.layers[start:end], end
    return found
