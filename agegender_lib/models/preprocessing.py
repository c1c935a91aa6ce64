"""From an image in [0, 1] to what a pre-trained network expects, by one built-in layer inside the model.

A network of its own only works on pixels as they were when it was trained. keras.applications has a function for
each, which has to be called outside; inside the model nobody can forget it.
"""

import keras
import numpy as np
from keras import layers

NAME = "shared_input_scale"
CAFFE_MEAN = (103.939, 116.779, 123.68)  #: of blue, green and red, in 0..255


def resized(image, side: int, name: str):
    """The image at ``side`` x ``side`` pixels; as it is where it has that size."""
    if image.shape[1] == side:
        return image
    # this layer's own default is training=True, which a plain call of the model would pass on to every layer after it
    return layers.Resizing(side, side, name=name)(image, training=False)


def to_minus_one_one(image):
    """TensorFlow's convention: from -1 to 1."""
    return layers.Rescaling(2.0, offset=-1.0, name=NAME)(image)


def to_centred_bgr(image):
    """Caffe's convention: channels reversed, 0..255, ImageNet's mean subtracted; a frozen 1 x 1 convolution."""
    kernel = (255.0 * np.eye(3)[::-1]).reshape(1, 1, 3, 3).tolist()
    return layers.Conv2D(
        3,
        1,
        trainable=False,
        dtype="float32",
        kernel_initializer=keras.initializers.Constant(kernel),
        bias_initializer=keras.initializers.Constant([-mean for mean in CAFFE_MEAN]),
        name=NAME,
    )(image)
