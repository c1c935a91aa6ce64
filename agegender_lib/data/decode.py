"""One JPEG to one face of 128 x 128 pixels."""

import io

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from agegender_lib.data.synthetic import COMMENT

SIZE = 128
UTKFACE_SIZE = 200
_EXPECTED = f"expected {SIZE}x{SIZE} or {UTKFACE_SIZE}x{UTKFACE_SIZE}"
#: Weights of red, green and blue in a grey picture (ITU-R BT.601, as Pillow's).
LUMA = np.array([0.299, 0.587, 0.114])
#: A progressive JPEG has about ten.
MOST_SCANS = 100
_MODES = {"L": "greyscale", "CMYK": "CMYK"}


class NotAFace(Exception):
    """This file cannot be used; the message is the reason that goes into the table of rejected files."""


def decode_face(data: bytes) -> tuple[np.ndarray, bool]:
    """A JPEG as uint8 [128, 128, 3], RGB, and whether it carries the comment of a drawn face.

    A 128 x 128 image is taken as it is. A 200 x 200 one, the size of the original UTKFace, is made into
    what the coursework's files are: PIL's bicubic resize to 128 x 128, then a round trip through JPEG at
    quality 75. NotAFace for anything else, and for one of more than ``MOST_SCANS`` scans.
    """
    try:
        # This reads the header only, so a forged 30,000 x 30,000 image never gets its 2.7 GB. Image.open does the same,
        # but warns on the user's screen of an image of 10,000 x 10,000.
        image = JpegImageFile(io.BytesIO(data))
    except Exception:
        raise NotAFace("not a JPEG, or its header is damaged") from None
    if image.size not in {(SIZE, SIZE), (UTKFACE_SIZE, UTKFACE_SIZE)}:
        width, height = image.size
        raise NotAFace(f"size {width}x{height}, {_EXPECTED}")
    if image.mode != "RGB":
        raise NotAFace(f"mode {_MODES.get(image.mode, image.mode)}, expected RGB")
    if (scans := count_scans(data)) > MOST_SCANS:
        raise NotAFace(f"a JPEG of {scans:,} scans, expected at most {MOST_SCANS}")
    try:
        image.load()
    except Exception as error:  # damaged data surfaces from PIL as many kinds of exception
        raise NotAFace(f"truncated or damaged JPEG ({error})") from None
    rendered = image.info.get("comment") == COMMENT
    right_size = image if image.size == (SIZE, SIZE) else _like_the_coursework(image)
    return np.asarray(right_size), rendered


def count_scans(data: bytes) -> int:
    """Scans of a JPEG, of which each is decoded over the whole picture: a small file of very many takes minutes.

    The two bytes that begin one stand nowhere else but, by chance, in metadata.
    """
    return data.count(b"\xff\xda")


def _like_the_coursework(image: Image.Image) -> Image.Image:
    memory = io.BytesIO()
    image.resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(memory, "JPEG", quality=75)
    return Image.open(memory)
