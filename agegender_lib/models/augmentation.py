"""Random changes to training faces, as one layer of the training graph."""

import math

import keras
import numpy as np
from keras import ops, random

from agegender_lib.data.decode import LUMA

# every channel becomes the luma of ITU-R BT.601; pixels are rows, so that they are multiplied from the left
_TO_GREY = np.tile(LUMA.astype("float32")[:, None], (1, 3))


class FaceAugmentation(keras.layers.Layer):
    """Pixels 0..255 to floats in [0, 1]; while training, each face is moved, lit and covered at random.

    One affine transform does rotation, shift, zoom and mirror for a whole batch at once, then illumination
    (brightness, contrast), greying and erasing (Zhong et al. 2017, arXiv 1708.04896) follow. Outside training
    only the rescaling is left. Pixels that come from outside the image repeat its edge. The layer belongs to the
    training graph, never to a saved model.

    Parameters
    ----------
    rotation : float
        Largest rotation, in degrees, either way.
    shift : float
        Largest shift, as a fraction of the image's side, in x and in y.
    zoom : float
        Largest change of size: 0.15 draws from 1 / 1.15 to 1.15, uniform in the logarithm.
    flip : bool
        Mirror left-right with probability one half.
    brightness : float
        Largest brightness added or taken away, on the scale [0, 1].
    contrast : float
        Largest relative change of contrast about the image's mean.
    grey, erase : float
        Probability that a face loses its colour, and that a rectangle of 5 to 25 % of it is covered with one colour.
    seed : int
        Of the layer's own random stream, whose state is part of a training's checkpoint.
    """

    def __init__(
        self,
        rotation: float = 20.0,
        shift: float = 0.08,
        zoom: float = 0.15,
        flip: bool = True,
        brightness: float = 0.15,
        contrast: float = 0.3,
        grey: float = 0.1,
        erase: float = 0.25,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.rotation, self.shift, self.zoom, self.flip = rotation, shift, zoom, flip
        self.brightness, self.contrast, self.grey, self.erase = brightness, contrast, grey, erase
        self.random_stream = random.SeedGenerator(seed)

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, images, training=False):
        images = ops.cast(images, "float32") / 255.0
        if training:
            images = self._move(images)
            images = self._light(images)
            images = self._cover(images)
        return ops.cast(images, self.compute_dtype)

    def _uniform(self, n, low, high, columns=1):
        return random.uniform((n, columns), low, high, seed=self.random_stream)

    def _move(self, images):
        n, (height, width) = ops.shape(images)[0], images.shape[1:3]
        angle = self._uniform(n, -1.0, 1.0) * (self.rotation * math.pi / 180)
        scale = ops.exp(self._uniform(n, -1.0, 1.0) * math.log(1 + self.zoom))
        mirror = ops.where(self._uniform(n, 0.0, 1.0) < (0.5 if self.flip else 0.0), -1.0, 1.0)
        shift_x = self._uniform(n, -1.0, 1.0) * (self.shift * width)
        shift_y = self._uniform(n, -1.0, 1.0) * (self.shift * height)
        # the transform maps an output pixel to the input pixel it is read from, about the image's centre
        a, b = ops.cos(angle) / scale * mirror, -ops.sin(angle) / scale * mirror
        c, d = ops.sin(angle) / scale, ops.cos(angle) / scale
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        a2 = x0 - a * (x0 + shift_x) - b * (y0 + shift_y)
        b2 = y0 - c * (x0 + shift_x) - d * (y0 + shift_y)
        zero = ops.zeros_like(a)
        transforms = ops.concatenate([a, b, a2, c, d, b2, zero, zero], axis=1)
        return ops.image.affine_transform(images, transforms, interpolation="bilinear", fill_mode="nearest")

    def _light(self, images):
        # contrast, brightness and greying are one matrix and one offset per face: a single pass over the pixels
        n = ops.shape(images)[0]
        contrast = 1 + self._uniform(n, -1.0, 1.0) * self.contrast
        brightness = self._uniform(n, -1.0, 1.0) * self.brightness
        mean = ops.reshape(ops.mean(images, axis=(1, 2, 3)), (-1, 1))
        offset = ops.expand_dims(mean * (1 - contrast) + brightness, 2)
        greyed = ops.expand_dims(self._uniform(n, 0.0, 1.0) < self.grey, 2)
        colour = ops.where(greyed, _TO_GREY, np.eye(3, dtype="float32")) * ops.expand_dims(contrast, 2)
        pixels = ops.matmul(ops.reshape(images, (n, -1, 3)), colour) + offset
        return ops.reshape(ops.clip(pixels, 0.0, 1.0), (-1, *images.shape[1:]))

    def _cover(self, images):
        n, (height, width) = ops.shape(images)[0], images.shape[1:3]
        area = self._uniform(n, 0.05, 0.25)
        ratio = ops.exp(self._uniform(n, -math.log(2.0), math.log(2.0)))
        half_h, half_w = ops.sqrt(area * ratio) / 2, ops.sqrt(area / ratio) / 2
        y, x = self._uniform(n, 0.0, 1.0), self._uniform(n, 0.0, 1.0)
        grid_y = ops.reshape((ops.arange(height, dtype="float32") + 0.5) / height, (1, -1))
        # the columns of one image row: every pixel's three channels one after the other
        grid_x = ops.reshape((ops.repeat(ops.arange(width, dtype="float32"), 3) + 0.5) / width, (1, -1))
        chosen = self._uniform(n, 0.0, 1.0) < self.erase
        tone = ops.tile(self._uniform(n, 0.0, 1.0, columns=3), (1, width))
        rows = ops.cast(ops.logical_and(ops.abs(grid_y - y) < half_h, chosen), "float32")[:, :, None]
        columns = ops.cast(ops.abs(grid_x - x) < half_w, "float32")[:, None, :]
        # outer products are several times faster than where() on broadcast masks
        covered, patch = ops.matmul(rows, columns), ops.matmul(rows, columns * tone[:, None, :])
        flat = ops.reshape(images, (n, height, width * 3))
        return ops.reshape(flat * (1 - covered) + patch, (-1, *images.shape[1:]))
