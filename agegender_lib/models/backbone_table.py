"""The table of pre-trained backbones: what each expects at its input, its stages, and who made its weights."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from agegender_lib.models import preprocessing, vggface2_weights


@dataclass(frozen=True)
class Backbone:
    """How one network of keras.applications is used here.

    ``stages`` (and a ``stem`` before them, where they do not begin at the input) are names from the input upwards, each
    with the last layer that belongs to it. ``preprocess`` makes of an image in [0, 1] what the network was trained on,
    by built-in layers. ``provenance`` says who made the pre-trained weights, from what, and under which licence;
    ``origin`` what a report says of them. ``load`` fetches them into a model; without it, Keras itself does, from
    ImageNet. With ``folded_normalisation``, BatchNormalization was folded into scales and shifts and has to stay in
    inference mode.
    """

    build: Callable[..., keras.Model]
    preprocess: Callable
    stages: tuple[tuple[str, str], ...]
    stem: tuple[str, str] | None = None
    provenance: str = ""
    origin: str = "ImageNet weights downloaded by Keras"
    load: Callable[[keras.Model], None] | None = None
    folded_normalisation: bool = False


def _inception_v3(**arguments):
    base = keras.applications.InceptionV3(**arguments)
    # Keras numbers its pooling layers through all models of a process, so the stem cannot be found by its name
    pools = [layer for layer in base.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    pools[1].name = "stem_pool"
    return base


BACKBONES = {
    "inception_v3": Backbone(
        _inception_v3,
        preprocessing.to_minus_one_one,
        (
            ("inception 35 x 35 (mixed 0-2)", "mixed2"),
            ("inception 17 x 17 (mixed 3-7)", "mixed7"),
            ("inception 8 x 8 (mixed 8-10)", "mixed10"),
        ),
        stem=("inception stem", "stem_pool"),
        provenance="Keras's own file, trained on ImageNet (Google; Apache licence 2.0)",
    ),
    "vgg16": Backbone(
        keras.applications.VGG16,
        preprocessing.to_centred_bgr,
        tuple((f"convolution block {k}", f"block{k}_pool") for k in range(1, 6)),
        provenance="ported by Keras from Oxford's Visual Geometry Group, trained on ImageNet (CC BY 4.0)",
    ),
    "densenet121": Backbone(
        keras.applications.DenseNet121,
        preprocessing.to_standard_rgb,
        (
            ("stem", "pool1"),
            # the transition that halves the resolution after a block goes with it
            *((f"dense block {k}", f"pool{k + 1}_pool") for k in range(1, 4)),
            ("dense block 4", "relu"),
        ),
        provenance="ported by Keras from the authors' own, trained on ImageNet (BSD 3-clause licence)",
    ),
    "efficientnet_v2b0": Backbone(
        keras.applications.EfficientNetV2B0,
        preprocessing.to_255,
        (
            ("stem", "stem_activation"),
            ("block 1", "block1a_project_activation"),
            *((f"block {k}", f"block{k}{last}_add") for k, last in enumerate("bbceh", start=2)),
            ("top convolution", "top_activation"),
        ),
        provenance="Keras's own file, trained on ImageNet (Google; Apache licence 2.0)",
    ),
    "mobilenet_vggface2": Backbone(
        keras.applications.MobileNet,
        preprocessing.to_centred_bgr,  # the convention of these weights, not of MobileNet's own from ImageNet
        (
            ("stem", "conv1_relu"),
            ("separable convolution 1", "conv_pw_1_relu"),
            *((f"separable convolutions {a}-{b}", f"conv_pw_{b}_relu") for a, b in ((2, 3), (4, 5))),
            *((f"separable convolutions {a}-{b}", f"conv_pw_{b}_relu") for a, b in ((6, 11), (12, 13))),
        ),
        provenance=vggface2_weights.ORIGIN,
        origin=vggface2_weights.ORIGIN,
        load=vggface2_weights.load_vggface2_weights,
        folded_normalisation=True,
    ),
}
