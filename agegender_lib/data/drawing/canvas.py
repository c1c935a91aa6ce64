"""A canvas in face coordinates.

The origin lies between the eyes, x grows to the viewer's right, y downwards; an adult face is about two units
wide. Every shape is a list of such points, so that one :class:`Pose` turns the whole head at once.
"""

import cmath
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE = 128
OVERSAMPLING = 2  # everything is painted at twice the size, then reduced: smooth edges
_INVISIBLE = 0.0015  # alpha times width of a stroke
_STEPS = 5  # points of a curve between two of its control points


@cache
def _spline(count: int, closed: bool) -> np.ndarray:
    """The matrix [m, count] that turns `count` control points into a Catmull-Rom spline."""
    t = np.arange(_STEPS) / _STEPS
    cubic = np.array([[0, -1, 2, -1], [2, 0, -5, 3], [0, 1, 4, -3], [0, 0, -1, 1]]) / 2
    weights = np.stack([t**0, t, t**2, t**3], axis=1) @ cubic.T
    spans = count if closed else count - 1
    matrix = np.zeros((spans * _STEPS + (not closed), count))
    for span in range(spans):
        for neighbour, weight in zip(range(span - 1, span + 3), weights.T, strict=True):
            point = neighbour % count if closed else min(max(neighbour, 0), count - 1)
            matrix[span * _STEPS : (span + 1) * _STEPS, point] += weight
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def curve(points: ArrayLike, closed: bool = False) -> np.ndarray:
    """Smooth line through the points [n, 2], float [m, 2]."""
    points = np.asarray(points, dtype=float)
    return _spline(len(points), closed) @ points


@cache
def _taper(length: int) -> np.ndarray:
    return np.sin(np.linspace(0.25, np.pi - 0.25, length))[:, None] / 2


@cache
def _circle() -> np.ndarray:
    angle = np.arange(10) * (np.pi / 5)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Ten points around a centre, float [10, 2]."""
    return _circle() * (rx, ry) + (x, y)


def mix(a: ArrayLike, b: ArrayLike, t: float) -> np.ndarray | float:
    """Between two numbers or colours: a at t = 0, b at t = 1."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a + (b - a) * t
    return np.asarray(a, dtype=float) * (1 - t) + np.asarray(b, dtype=float) * t


def mirrored(points: ArrayLike) -> np.ndarray:
    """A right half from top to bottom becomes the whole outline; both ends lie on the middle line."""
    right = np.asarray(points, dtype=float)
    return np.concatenate([right, right[-2:0:-1] * (-1, 1)])


@dataclass(frozen=True)
class Pose:
    """Where the head is and how it is turned: pixels of a 128-pixel picture, angles in radians."""

    x: float
    y: float
    scale: float
    roll: float
    yaw: float
    pitch: float

    def pixels(self, points: np.ndarray, lift: float = 0.0) -> np.ndarray:
        """Where points [n, 2] of the face appear, complex [n]: x + iy in pixels.

        They lie on an ellipsoid-like head; `lift` raises them above its surface (a nose, glasses).
        """
        x, y = points.T
        depth = 0.8 * np.sqrt(np.maximum(0, 1 - x * x - y * y / 1.69)) + lift
        # as complex numbers: roll and scale are one multiplication, the position an addition
        x = x * math.cos(self.yaw) + depth * math.sin(self.yaw)
        y = y * math.cos(self.pitch) + depth * math.sin(self.pitch)
        return (x + 1j * y) * cmath.rect(self.scale, self.roll) + complex(self.x, self.y)


class Canvas:
    """A square picture on which shapes in face coordinates are painted with alpha."""

    def __init__(self, image: Image.Image, pose: Pose):
        self.image, self.pose = image, pose
        self.draw = ImageDraw.Draw(image, "RGBA" if image.mode == "RGB" else image.mode)

    def _polygon(self, outline: np.ndarray, fill: object, lift: float) -> None:
        pixels = self.pose.pixels(outline, lift) * (self.image.width / SIDE)
        self.draw.polygon(pixels.view(float).tolist(), fill=fill)

    def shape(self, points: ArrayLike, colour: ArrayLike, alpha: float = 1.0, lift: float = 0.0) -> None:
        """Fill the closed curve through the points."""
        red, green, blue = (int(c) for c in colour)
        self._polygon(curve(points, closed=True), (red, green, blue, int(255 * alpha)), lift)

    def stroke(
        self, points: ArrayLike, colour: ArrayLike, width: float, alpha: float = 1.0, lift: float = 0.0
    ) -> None:
        """Paint a line that is `width` units thick in its middle and tapers to both ends."""
        if alpha * width < _INVISIBLE:
            return
        line = curve(points)
        along = np.empty_like(line)
        along[1:-1] = line[2:] - line[:-2]
        along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
        across = along[:, ::-1] * (-1, 1)
        half = across * (width * _taper(len(line)) / np.sqrt((along * along).sum(axis=1, keepdims=True)))
        red, green, blue = (int(c) for c in colour)
        fill = (red, green, blue, int(255 * alpha))
        self._polygon(np.concatenate([line + half, (line - half)[::-1]]), fill, lift)

    def stencil(self, *shapes: ArrayLike) -> Image.Image:
        """A mask (mode L) that is white inside the closed curves through each list of points."""
        mask = Canvas(Image.new("L", self.image.size), self.pose)
        for points in shapes:
            mask._polygon(curve(points, closed=True), 255, 0.0)
        return mask.image

    def layer(self, colour: ArrayLike, size: int | None = None) -> "Canvas":
        """An empty canvas of the same pose; `size` pixels wide where it may be coarser."""
        size = size or self.image.width
        return Canvas(Image.new("RGB", (size, size), tuple(int(c) for c in colour)), self.pose)

    def blurred(self, radius: float) -> "Canvas":
        """The same picture out of focus; the radius is in its own pixels."""
        return Canvas(self.image.filter(ImageFilter.BoxBlur(radius)), self.pose)

    def times(self, layer: "Canvas") -> "Canvas":
        """The product with a layer, brought to this size: white leaves everything as it is."""
        shade = layer.image.resize(self.image.size, Image.Resampling.BILINEAR)
        return Canvas(ImageChops.multiply(self.image, shade), self.pose)

    def paste(self, layer: "Canvas", mask: Image.Image) -> None:
        """Lay a layer of the same size on this canvas where the mask is white."""
        self.image.paste(layer.image, mask=mask)
