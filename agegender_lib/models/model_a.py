"""ModelA: a convolutional network trained from scratch."""

import keras
from keras import layers

from agegender_lib.models.heads import age_output, gender_output

IMAGE_SHAPE = (128, 128, 3)


def build_model_a(variant: str = "default", **choices) -> keras.Model:
    """A from-scratch network with two outputs.

    Parameters
    ----------
    variant : {"default", "original"}
        :func:`build_residual`, or :func:`build_original`.
    **choices
        Passed on to that builder.

    Returns
    -------
    keras.Model
        Input float32 [n, 128, 128, 3] in [0, 1]; outputs ``gender_output`` (P(female), [n, 1]) and
        ``age_output`` (years, [n, 1]), in that order.
    """
    builders = {"default": build_residual, "original": build_original}
    if variant not in builders:
        raise ValueError(f"ModelA variant {variant!r} is unknown; choose one of {sorted(builders)}")
    return builders[variant](**choices)


def build_residual(
    widths: tuple[int, ...] = (32, 64, 128, 256),
    blocks: int = 1,
    stem: int = 32,
    dropout: float = 0.3,
    age_head: str = "distribution",
    block: str = "residual",
    excitation: bool = True,
    pooling: str = "average",
    input_scaling: str = "fixed",
    image_size: int = 96,
) -> keras.Model:
    """The project's own network: pre-activation residual blocks with squeeze-and-excitation.

    Identity mappings let gradients pass unhindered (He et al. 2016, arXiv 1603.05027, fig. 4e), the excitation
    lets a block weigh its channels by the whole image (Hu et al. 2018, arXiv 1709.01507), and global average
    pooling replaces Flatten, whose dense layer would hold most of the parameters.

    Parameters
    ----------
    widths : tuple of int
        Channels of each stage; every stage but the first halves the resolution (48, 24, 12, 6 px).
    blocks : int
        Residual blocks per stage.
    stem : int
        Channels of the first convolution, which halves the resolution.
    dropout : float
        Fraction of pooled features dropped before each head.
    age_head : {"distribution", "ordinal", "regression"}
    block : {"residual", "plain"}
        With identity mappings, or the same convolutions one after the other.
    excitation : bool
    pooling : {"average", "max", "both"}
    input_scaling : {"fixed", "image", "none"}
        [0, 1] to [-2, 2] whatever the image; each image to mean 0 and variance 1; or as it is.
    image_size : int
        Pixels to which the model itself resizes its input; 128 leaves it alone. A training step on 96 costs half of
        one on 128, and as many more epochs are worth more than the lost detail.
    """
    _choose(block=(block, ("residual", "plain")), pooling=(pooling, ("average", "max", "both")))
    _choose(input_scaling=(input_scaling, ("fixed", "image", "none")))
    image, x = _input(image_size)
    x = _scaled(x, input_scaling)
    x = _conv(x, stem, "shared_stem_conv", strides=2)
    for stage, width in enumerate(widths, start=1):
        for number in range(1, blocks + 1):
            name, strides = f"shared_stage{stage}_block{number}", 2 if stage > 1 and number == 1 else 1
            x = residual_block(x, width, name, strides, identity=block == "residual", excitation=excitation)
    x = layers.BatchNormalization(name="shared_pool_norm")(x)
    x = layers.ReLU(name="shared_pool_relu")(x)
    x = _pooled(x, pooling)
    gender = layers.Dropout(dropout, name="gender_head_dropout")(x)
    age = layers.Dropout(dropout, name="age_head_dropout")(x)
    return keras.Model(image, [gender_output(gender), age_output(age, age_head)], name="age_gender_A")


def build_original(
    filters: tuple[int, ...] = (16, 32, 64, 128),
    normalisation: str = "after",
    pooling: str = "max",
    split_after: int = 0,
    features: str = "flatten",
    dense: int = 128,
    dropout: float = 0.25,
    age_head: str = "regression",
    image_size: int = 128,
) -> keras.Model:
    """The original report's network: Conv - ReLU - BatchNormalization - MaxPooling - Dropout, two branches.

    Parameters
    ----------
    filters : tuple of int
        Channels of the blocks' 3 x 3 convolutions.
    normalisation : {"after", "before"}
        BatchNormalization after the activation, as the original prefers, or before (Ioffe & Szegedy 2015).
    pooling : {"max", "average"}
    split_after : int
        Blocks the two tasks share before the branches split: 0 splits at the input, ``len(filters)`` after the
        last block, one more at the heads, so that the dense layer is shared too.
    features : {"flatten", "global"}
        Flatten, or global average pooling, before the dense layers.
    dense : int
        Units of each branch's hidden dense layer.
    dropout : float
        Fraction dropped after each block; twice as much before the outputs.
    age_head, image_size
        As of :func:`build_residual`.
    """
    _choose(normalisation=(normalisation, ("after", "before")), pooling=(pooling, ("max", "average")))
    _choose(features=(features, ("flatten", "global")))
    if not 0 <= split_after <= len(filters) + 1:
        raise ValueError(f"split_after is {split_after}; choose 0 to {len(filters) + 1}")

    def blocks(x, branch, start, end=None):
        for number, width in enumerate(filters[start:end], start + 1):
            x = _original_block(x, width, f"{branch}_block{number}", normalisation, pooling, dropout)
        return x

    def collected(x, branch):
        collect = layers.Flatten if features == "flatten" else layers.GlobalAveragePooling2D
        x = collect(name=f"{branch}_{features}")(x)
        x = layers.Dense(dense, activation="relu", name=f"{branch}_dense")(x)
        return layers.Dropout(min(0.9, 2 * dropout), name=f"{branch}_dense_dropout")(x)

    image, x = _input(image_size)
    x = blocks(x, "shared", 0, split_after)
    if split_after > len(filters):
        gender = age = collected(x, "shared")
    else:
        gender, age = (collected(blocks(x, branch, split_after), branch) for branch in ("gender", "age"))
    outputs = [gender_output(gender), age_output(age, age_head)]
    return keras.Model(image, outputs, name="age_gender_A_original")


def _original_block(x, width, name, normalisation, pooling, dropout):
    x = layers.Conv2D(width, 3, padding="same", name=f"{name}_conv")(x)
    if normalisation == "before":
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
    x = layers.ReLU(name=f"{name}_relu")(x)
    if normalisation == "after":
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
    pool = layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D
    x = pool(2, name=f"{name}_pool")(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x)


def _choose(**choices):
    for name, (value, known) in choices.items():
        if value not in known:
            raise ValueError(f"{name} {value!r} is unknown; choose {' or '.join(map(repr, known))}")


def _input(image_size):
    image = keras.Input(IMAGE_SHAPE, name="image")
    return image, resized(image, image_size, "shared_input_resize")


def resized(image, side: int, name: str):
    """The image at ``side`` x ``side`` pixels; as it is where it has that size."""
    if image.shape[1] == side:
        return image
    image = layers.Resizing(side, side, name=name)(image)
    # since Keras 3.7 it tells all layers after it to train when a model is just called; Dropout tells them not to
    return layers.Dropout(0.0, name=f"{name}_only")(image)


def _scaled(x, how):
    if how == "fixed":
        return layers.Rescaling(4.0, offset=-2.0, name="shared_input_scale")(x)
    if how == "image":
        # as a row: Keras 3 forgets the axes of this layer when it reads .h5, unless they are one
        row = layers.Flatten(name="shared_input_scale_row")(x)
        row = layers.LayerNormalization(axis=1, center=False, scale=False, epsilon=1e-3, name="shared_input_scale")(row)
        return layers.Reshape(x.shape[1:], name="shared_input_scale_image")(row)
    return x


def _conv(x, width, name, kernel=3, strides=1):
    # no bias: the normalisation that follows would remove it
    return layers.Conv2D(
        width, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)


def _pooled(x, how):
    pools = []
    if how != "max":
        pools.append(layers.GlobalAveragePooling2D(name="shared_pool_average")(x))
    if how != "average":
        pools.append(layers.GlobalMaxPooling2D(name="shared_pool_max")(x))
    return pools[0] if len(pools) == 1 else layers.Concatenate(name="shared_pool_both")(pools)


def residual_block(x, width, name, strides=1, identity=True, excitation=True):
    """Twice normalisation, ReLU and 3 x 3 convolution, added to what came in; ``width`` channels come out."""
    shortcut = x
    x = layers.BatchNormalization(name=f"{name}_norm1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    if identity and (strides != 1 or shortcut.shape[-1] != width):
        shortcut = _conv(x, width, f"{name}_shortcut", kernel=1, strides=strides)
    x = _conv(x, width, f"{name}_conv1", strides=strides)
    x = layers.BatchNormalization(name=f"{name}_norm2")(x)
    x = layers.ReLU(name=f"{name}_relu2")(x)
    x = _conv(x, width, f"{name}_conv2")
    if excitation:
        x = squeeze_and_excitation(x, width, name)
    return layers.Add(name=f"{name}_add")([shortcut, x]) if identity else x


def squeeze_and_excitation(x, width, name):
    """Every channel times a weight between 0 and 1, which two dense layers find from all channels' means."""
    scale = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    scale = layers.Dense(max(8, width // 8), activation="relu", name=f"{name}_excite1")(scale)
    scale = layers.Dense(width, activation="sigmoid", name=f"{name}_excite2")(scale)
    return layers.Multiply(name=f"{name}_excitation")([x, scale])
