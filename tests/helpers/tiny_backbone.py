"""The smallest backbone there is, for tests of fine-tuning: two convolutions with normalisation."""

import keras
from keras import layers


def tiny_backbone(include_top, weights, input_shape):
    assert not include_top and weights is None
    image = x = keras.Input(input_shape)
    for number in (1, 2):
        x = layers.Conv2D(16, 3, strides=4, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    return keras.Model(image, x, name="tiny")
