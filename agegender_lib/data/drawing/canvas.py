"""A canvas in face coordinates.

The origin lies between the eyes, y grows downwards; an adult face is about two units wide. Every shape is a list of
such points, so that one pose turns the whole head at once.
"""

from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE = 128
OVERSAMPLING = 2  #: everything is painted at twice the size, then reduced: smooth edges
WHITE = (255, 255, 255)
_CIRCLE = np.exp(0.2j * np.pi * np.arange(10)).view(float).reshape(10, 2)
_CUBIC = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2  # Catmull-Rom
_STEPS = (np.arange(5)[:, None] / 5) ** np.arange(4) @ _CUBIC  # weights of four neighbours


def curve(points: ArrayLike, closed: bool = False) -> np.ndarray:
    """Catmull-Rom spline through the points [n, 2], float [m, 2]."""
    points = np.asarray(points, dtype=float)
    near = np.arange(len(points) - (not closed))[:, None] + np.arange(-1, 3)
    near = near % len(points) if closed else near.clip(0, len(points) - 1)
    line = (_STEPS @ points[near]).reshape(-1, 2)
    return line if closed else np.vstack([line, points[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Ten points around a centre, float [10, 2]."""
    return _CIRCLE * (rx, ry) + (x, y)


def mirrored(points: ArrayLike) -> np.ndarray:
    """A right half from top to bottom becomes the whole outline; both ends lie on the middle line."""
    right = np.asarray(points, dtype=float)
    return np.concatenate([right, right[-2:0:-1] * (-1, 1)])


def mix(a: ArrayLike, b: ArrayLike, t: float) -> np.ndarray:
    """Between two numbers or colours: a at t = 0, b at t = 1."""
    return np.asarray(a, dtype=float) * (1 - t) + np.asarray(b, dtype=float) * t


class Canvas:
    """A square picture to paint on; what is painted with `both` appears on both sides of the face.

    A pose is, in pixels of 128, the place (x + iy) and the scale turned by the roll (complex); yaw and pitch (radians).
    """

    def __init__(self, image: Image.Image, pose: tuple[complex, complex, float, float]):
        self.image, self.pose = image, pose
        self.draw = ImageDraw.Draw(image, "RGBA")  # colours are laid over what is there

    def _polygon(self, outline: np.ndarray, colour: ArrayLike, alpha: float, lift: float, both: bool) -> None:
        middle, scale, yaw, pitch = self.pose
        fill = *map(int, colour), int(255 * alpha)
        for side in (-1, 1) if both else (1,):
            x, y = (outline * (side, 1)).T
            # on an ellipsoid-like head, or raised above its surface (a nose, glasses)
            depth = 0.8 * np.sqrt(np.maximum(0, 1 - x * x - y * y / 1.69)) + lift
            turned = x * np.cos(yaw) + depth * np.sin(yaw) + 1j * (y * np.cos(pitch) + depth * np.sin(pitch))
            pixels = (turned * scale + middle) * (self.image.width / SIDE)
            self.draw.polygon(pixels.view(float).tolist(), fill=fill)

    def shape(self, points, colour, alpha=1.0, lift=0.0, both=False) -> None:
        """Fill the closed curve through the points."""
        self._polygon(curve(points, closed=True), colour, alpha, lift, both)

    def stroke(self, points, colour, width, alpha=1.0, lift=0.0, both=False) -> None:
        """Paint a line that is `width` units thick in its middle and tapers to both ends."""
        if alpha * width < 0.0015:  # nobody sees it
            return
        line = curve(points)
        i = np.arange(len(line))
        along = line[np.minimum(i + 1, i[-1])] - line[np.maximum(i - 1, 0)]
        taper = width / 2 * np.sin(0.25 + (np.pi - 0.5) * i / i[-1]) / np.hypot(*along.T)
        half = along[:, ::-1] * (-1, 1) * taper[:, None]
        self._polygon(np.concatenate([line + half, (line - half)[::-1]]), colour, alpha, lift, both)

    def layer(self, colour: ArrayLike, size: int) -> "Canvas":
        """Another canvas of the same pose, `size` pixels wide."""
        return Canvas(Image.new("RGB", (size, size), tuple(map(int, colour))), self.pose)

    def paste(self, image: Image.Image, outline: ArrayLike, both: bool = False) -> None:
        """Lay a picture of the same size on this one inside the closed curve through the points."""
        mask = self.layer((0, 0, 0), self.image.width)
        mask.shape(outline, WHITE, both=both)
        self.image.paste(image, mask=mask.image.convert("L"))

    def shade(self, outline: ArrayLike, *layers: tuple["Canvas", float]) -> None:
        """Multiply with layers, each out of focus by so many of its pixels, inside the closed curve."""
        blurred = [layer.image.filter(ImageFilter.BoxBlur(pixels)) for layer, pixels in layers]
        soft = reduce(ImageChops.multiply, [each.resize((SIDE, SIDE)) for each in blurred])
        self.paste(ImageChops.multiply(self.image, soft.resize(self.image.size)), outline)
