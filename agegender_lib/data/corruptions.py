"""Corruptions of a face's photograph: blur, noise, compression, light, rotation, covered parts, few pixels."""

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from agegender_lib.data.face_regions import REGIONS

#: What tables call the faces as they are, beside the names of ``CORRUPTIONS``.
CLEAN = "clean"

_GREY = 128


@dataclass(frozen=True)
class Corruption:
    """One way to corrupt a face, with five strengths from hardly visible to one that hurts a person too.

    ``neutral`` is the strength that leaves a face as it is (for JPEG: almost). Some strengths fall: a lower JPEG
    quality corrupts more.
    """

    title: str
    unit: str
    neutral: float
    strengths: tuple[float, ...]
    apply: Callable


def _blur(image, sigma, seed):
    return Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma))


def _noise(image, sigma, seed):
    rng = np.random.default_rng([seed, zlib.crc32(image.tobytes())])
    return np.clip(np.rint(image + sigma * rng.standard_normal(image.shape)), 0, 255)


def _jpeg(image, quality, seed):
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, "JPEG", quality=round(quality))
    return Image.open(memory)


def _low_resolution(image, side, seed):
    small = Image.fromarray(image).resize((round(side),) * 2, Image.Resampling.BICUBIC)
    return small.resize(image.shape[:2], Image.Resampling.BICUBIC)


def _brightness(image, factor, seed):
    return ImageEnhance.Brightness(Image.fromarray(image)).enhance(factor)


def _rotation(image, degrees, seed):
    height, width = image.shape[:2]
    margin = width // 4  # the corners of a square reach out by 0.21 of its side
    wide = Image.fromarray(np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    turned = wide.rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + width, margin + height))


def _covering(region):
    def cover(image, share, seed):
        top, bottom, left, right = REGIONS[region]
        half = share * (bottom - top) / 2
        middle = (top + bottom) / 2
        covered = image.copy()
        covered[round(middle - half) : round(middle + half), left:right] = _GREY
        return covered

    return cover


#: The kinds are those of Hendrycks and Dietterich (2019, arXiv 1903.12261) that a face picture from the web meets.
#: Their severities begin where a photograph is plainly corrupted; these begin lower: curves show where harm begins.
CORRUPTIONS = {
    "blur": Corruption("Blur", "σ, pixels", 0, (0.75, 1.5, 2.5, 4, 6), _blur),
    "noise": Corruption("Noise", "σ, grey levels", 0, (5, 12, 25, 45, 75), _noise),
    "jpeg": Corruption("JPEG", "quality", 100, (60, 30, 15, 9, 5), _jpeg),
    "low_resolution": Corruption("Low resolution", "pixels of side", 128, (64, 40, 24, 16, 10), _low_resolution),
    "darker": Corruption("Darker", "× brightness", 1, (0.75, 0.5, 0.3, 0.18, 0.1), _brightness),
    "brighter": Corruption("Brighter", "× brightness", 1, (1.25, 1.6, 2, 2.8, 4), _brightness),
    "rotation": Corruption("Rotation", "degrees", 0, (5, 12, 25, 45, 90), _rotation),
    "eyes": Corruption("Eyes covered", "fraction of height", 0, (0.2, 0.4, 0.6, 0.8, 1), _covering("eyes")),
    "mouth": Corruption("Mouth covered", "fraction of height", 0, (0.2, 0.4, 0.6, 0.8, 1), _covering("mouth")),
}


def corrupt(images: np.ndarray, name: str, strength: float, seed: int = 0) -> np.ndarray:
    """Faces corrupted in one way, each by itself: what else is in the batch does not matter.

    Blur is Gaussian; noise is Gaussian, independent per pixel and channel; low resolution shrinks the face to a small
    square and enlarges it (bicubic); brightness multiplies the stored values; rotation is counter-clockwise about the
    centre, and the corners repeat the picture's edge, as in training; a covered region of ``data.face_regions`` is a
    grey bar over its whole width that grows from its middle row.

    Parameters
    ----------
    images : uint8 [n, 128, 128, 3]
    name : str
        One of ``CORRUPTIONS``.
    strength : float
        In that corruption's unit; not only the five of the table.
    seed : int
        Of the noise, which also depends on the picture itself: at every strength it is the same, only larger.

    Returns
    -------
    uint8 [n, 128, 128, 3]

    >>> grey = np.full((1, 128, 128, 3), 100, np.uint8)
    >>> int(corrupt(grey, "darker", 0.5)[0, 0, 0, 0])
    50
    """
    corrupted = np.empty_like(images)
    for number, image in enumerate(images):
        corrupted[number] = CORRUPTIONS[name].apply(image, strength, seed)
    return corrupted


def corrupted_examples(image: np.ndarray) -> dict[str, np.ndarray]:
    """One face, uint8 [128, 128, 3], under every corruption: name to uint8 [5, 128, 128, 3], weakest first."""
    return {
        name: np.concatenate([corrupt(image[None], name, strength) for strength in way.strengths])
        for name, way in CORRUPTIONS.items()
    }


def _mask(draw):
    left = [(63, 54), (40, 62), (18, 64), (22, 98), (42, 122)]
    draw.polygon([*left, *[(126 - x, y) for x, y in reversed(left)]], "#BFD8E6")
    draw.line([(0, 56), (18, 64), (108, 64), (128, 56)], "#DDE8EE", 2)


def _sunglasses(draw):
    for left in (19, 69):
        draw.ellipse((left, 24, left + 39, 54), "#141416")
    draw.line([(0, 30), (19, 34), (107, 34), (128, 30)], "#141416", 5)


def _headscarf(draw):
    # a ring so thick that only the face inside is seen
    draw.ellipse((-78, -100, 204, 232), outline="#4A3B5C", width=100)


#: What people wear, as a function that draws it onto a face framed like UTKFace's.
OCCLUDERS = {"mask": _mask, "sunglasses": _sunglasses, "headscarf": _headscarf}


def occlude(images: np.ndarray, name: str) -> np.ndarray:
    """Aligned faces, uint8 [n, 128, 128, 3], with one of ``OCCLUDERS`` drawn in flat colours over each.

    >>> plain = np.full((1, 128, 128, 3), 100, np.uint8)
    >>> {name: round(float((occlude(plain, name) != plain).any(axis=3).mean()), 2) for name in OCCLUDERS}
    {'mask': 0.3, 'sunglasses': 0.13, 'headscarf': 0.48}
    """
    occluded = np.empty_like(images)
    for number, image in enumerate(images):
        drawn = Image.fromarray(image)
        OCCLUDERS[name](ImageDraw.Draw(drawn))
        occluded[number] = drawn
    return occluded
