"""ModelB: a pre-trained backbone, fine-tuned."""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import layers

from agegender_lib.errors import InputError
from agegender_lib.models.backbones import BACKBONES, backbone_in, build_backbone
from agegender_lib.models.heads import age_output, gender_output
from agegender_lib.models.model_a import IMAGE_SHAPE, resized

#: Of ModelB, unless its settings name another.
BACKBONE = "inception_v3"


def build_model_b(
    backbone: str = BACKBONE,
    weights: str | Path | None = "pretrained",
    dense: int = 256,
    dropout: float = 0.4,
    noise: float = 0.1,
    age_head: str = "distribution",
    image_size: int | Sequence[int] = 128,
) -> keras.Model:
    """The original report's ModelB: two branches on the pooled features of a pre-trained network.

    Each branch is Dense - ReLU - BatchNormalization - Dropout - Gaussian noise - output.

    Parameters
    ----------
    backbone : str
        A key of :data:`agegender_lib.models.BACKBONES`.
    weights : str, Path or None
        See :func:`agegender_lib.models.backbones.build_backbone`.
    dense : int
        Units of each branch's hidden layer.
    dropout, noise : float
        Fraction of units dropped, and standard deviation of the noise added, while training.
    age_head : {"distribution", "ordinal", "regression"}
    image_size : int or sequence of int
        Pixels at which the backbone sees the face, resized inside the model; of several it sees the face at each,
        with the same weights, and the branches leave all its features side by side.

    Returns
    -------
    keras.Model
        As :func:`agegender_lib.models.build_model_a`; ``model.weights_origin`` says in words where the
        backbone's weights came from.
    """
    sizes = [image_size] if isinstance(image_size, int) else list(image_size)
    base, origin = build_backbone(backbone, weights, sizes[0] if len(sizes) == 1 else None)
    base.frozen_normalisation = not origin.startswith("random")
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization) and not base.frozen_normalisation:
            # statistics that start from nothing must keep up with a training of a few hundred steps
            layer.momentum = 0.9
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = _pooled(base, BACKBONES[backbone].preprocess(image), sizes)

    def branch(name):
        y = layers.Dense(dense, activation="relu", name=f"{name}_dense")(x)
        y = layers.BatchNormalization(name=f"{name}_dense_norm")(y)
        y = layers.Dropout(dropout, name=f"{name}_dense_dropout")(y)
        return layers.GaussianNoise(noise, name=f"{name}_dense_noise")(y)

    outputs = [gender_output(branch("gender")), age_output(branch("age"), age_head)]
    model = keras.Model(image, outputs, name="age_gender_B")
    model.weights_origin = origin
    set_trainable(model, "all")
    return model


def _pooled(base, x, sizes):
    """The backbone's pooled features; their last layer has one name, because heads are trained from it on."""
    pools = []
    for pixels in sizes:
        name = f"shared_pool_average{f'_{pixels}' if len(sizes) > 1 else ''}"
        features = base(resized(x, pixels, f"shared_input_resize_{pixels}"))
        pools.append(layers.GlobalAveragePooling2D(name=name)(features))
    return pools[0] if len(pools) == 1 else layers.Concatenate(name="shared_pool_average")(pools)


def set_trainable(model: keras.Model, what: str) -> None:
    """Choose what a stage of fine-tuning changes: "all", or the "heads" and nothing of the backbone.

    A pre-trained backbone's BatchNormalization keeps the statistics of its pre-training. An InputError if the model has
    no backbone to leave out.
    """
    base = backbone_in(model)
    if base is None:
        if what != "all":
            raise InputError(f"a stage trains {what!r}: {model.name} has no backbone to leave out, say 'all'")
        return
    for layer in base.layers:
        # not by training=False: in Keras 3, fit overrides that inside a functional model
        fixed = base.frozen_normalisation and isinstance(layer, layers.BatchNormalization)
        layer.trainable = what == "all" and not fixed
