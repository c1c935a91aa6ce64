"""One picture file to one face of 128 x 128 pixels."""

import io
import re
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from agegender_lib.data.synthetic import COMMENT

SIZE = 128
UTKFACE_SIZE = 200
#: Below this many pixels there is too little of a face, above too many for a crop of one.
SMALLEST, LARGEST = 48, 4096
#: What faces are kept in; PPM is how tables of pixels are handed on.
FORMATS = ("JPEG", "PNG", "WEBP", "PPM")
#: Weights of red, green and blue in a grey picture (ITU-R BT.601, as Pillow's).
LUMA = np.array([0.299, 0.587, 0.114])
#: A progressive JPEG has about ten.
MOST_SCANS = 100
#: What begins a part of a JPEG; a zero or the mark of a restart stands inside a scan.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_GREY = ("L", "LA", "1")
_MODES = ("RGB", "RGBA", "P", *_GREY)
#: How a reason begins that says the file is a photograph, of which only a part is the face.
NO_SQUARE = "no square"


class NotAFace(Exception):
    """This file cannot be used; the message is the reason that goes into the table of rejected files."""


class Decoded(NamedTuple):
    """A face: uint8 [128, 128, 3], RGB; whether it carries the comment of a drawn one; what was unusual about it."""

    pixels: np.ndarray
    synthetic: bool
    notes: tuple[str, ...] = ()


def decode_face(data: bytes) -> Decoded:
    """A picture file as a face.

    An RGB JPEG of 128 x 128 is taken as it is. One of 200 x 200, the size of the original UTKFace, is made into what
    the coursework's files are: PIL's bicubic resize to 128 x 128, then a round trip through JPEG at quality 75. So is
    every other square of ``SMALLEST`` pixels and more; that, greys and formats other than JPEG are its notes. NotAFace
    for anything else, and for a JPEG of more than ``MOST_SCANS`` scans.
    """
    try:
        # This reads the header only, so a forged 30,000 x 30,000 image never gets its 2.7 GB; a warning of one that
        # large, on the user's screen, is the importer's to silence.
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise NotAFace(f"far too large ({error})") from None
    except Exception:
        raise NotAFace("not a picture (JPEG, PNG or WebP), or its header is damaged") from None
    kind, (width, height) = image.format, image.size
    if abs(width - height) > 1:
        raise NotAFace(f"{NO_SQUARE} ({width}x{height}), so not a crop of a face")
    if not SMALLEST <= width <= LARGEST:
        raise NotAFace(f"size {width}x{height}, expected {SMALLEST} to {LARGEST} pixels")
    if image.mode not in _MODES:
        raise NotAFace(f"mode {image.mode}, expected colours or greys of 8 bits")
    if kind in ("JPEG", "MPO") and (scans := count_scans(data)) > MOST_SCANS:
        raise NotAFace(f"a JPEG of {scans:,} scans, expected at most {MOST_SCANS}")
    notes = [f"{width} x {height} pixels"] * (width not in (SIZE, UTKFACE_SIZE) or width != height)
    notes += ["grey"] * (image.mode in _GREY) + [str(kind)] * (kind not in ("JPEG", "MPO", "PPM"))
    try:
        image.load()
        if notes:
            image = _rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # damaged data surfaces from PIL as many kinds of exception
        raise NotAFace(f"truncated or damaged {kind} ({error})") from None
    synthetic = image.info.get("comment") == COMMENT
    right_size = image if image.size == (SIZE, SIZE) else _like_the_coursework(image)
    return Decoded(np.asarray(right_size), synthetic, tuple(notes))


def count_scans(data: bytes) -> int:
    """Scans of a JPEG, of which each is decoded over the whole picture: a small file of very many takes minutes.

    What its segments hold, such as a preview, does not count, nor what follows its end, such as a phone's video.
    """
    scans = place = 0
    while marker := _MARKER.search(data, place):
        place = marker.end()
        if marker[1] == b"\xd9":  # the end
            break
        scans += marker[1] == b"\xda"
        if marker[1] not in (b"\xd8", b"\x01"):  # which have no content
            place += int.from_bytes(data[place : place + 2], "big")
    return scans


def _like_the_coursework(image: Image.Image) -> Image.Image:
    memory = io.BytesIO()
    image.resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(memory, "JPEG", quality=75)
    return Image.open(memory)


def _rgb(image: Image.Image) -> Image.Image:
    """Red, green and blue; what is transparent lies over white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
