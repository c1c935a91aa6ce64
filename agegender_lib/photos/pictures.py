"""Any picture a camera or a browser gives, to upright RGB pixels; or one sentence why not."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from agegender_lib.errors import InputError

#: What can be opened. EPS and the like run other programs, so they are not asked.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM", "AVIF")
#: File names that a folder is searched for.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
#: Pixels of the longer side that a photo is shrunk to where it has more.
LONGEST_SIDE = 2048
#: Pixels of the shorter side below which there is no face to see.
SHORTEST_SIDE = 24

Source = str | Path | bytes | Image.Image | np.ndarray


def open_picture(source: Source) -> np.ndarray:
    """Decode a picture as it is meant to be seen.

    Parameters
    ----------
    source : str, Path, bytes, PIL.Image.Image or uint8 [h, w, 3]
        A file, the content of one, or a picture already decoded. Of an animation, the first frame. Colours with alpha
        are laid over white, 16-bit and floating-point greys are brought to 8 bits, and the orientation that a camera
        wrote into EXIF is applied.

    Returns
    -------
    uint8 [h, w, 3]
        RGB. Shrunk (antialiased) to a longer side of ``LONGEST_SIDE`` pixels where it has more.

    Raises
    ------
    InputError
        If it cannot be read, is no picture of ``FORMATS``, is cut short, has more pixels than
        ``PIL.Image.MAX_IMAGE_PIXELS`` (89 million) or a side shorter than ``SHORTEST_SIDE``.
    """
    name, image = _opened(source)
    width, height = image.size
    if width * height > Image.MAX_IMAGE_PIXELS:
        raise InputError(
            f"{name} has {width:,} x {height:,} pixels, and {Image.MAX_IMAGE_PIXELS / 1e6:.0f} million are the most: "
            "make it smaller"
        )
    if min(width, height) < SHORTEST_SIDE:
        raise InputError(
            f"{name} has {width} x {height} pixels: give a picture of {SHORTEST_SIDE} x {SHORTEST_SIDE} at least"
        )
    try:
        if image.format == "JPEG":  # a JPEG is decoded at a half, a quarter, an eighth of its size at once
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
        image = ImageOps.exif_transpose(image)
        image = _rgb(image)
    except Exception as error:  # damaged data surfaces from PIL as many kinds of exception
        raise InputError(f"{name} is damaged or cut short ({error}): save it anew") from None
    if max(image.size) > LONGEST_SIDE:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _opened(source):
    """What to call the picture in a message, and the picture, of which only the header is read."""
    if isinstance(source, Image.Image):
        return "the picture", source
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise InputError(
                f"a picture is {source.dtype} {list(source.shape)}: give uint8 [height, width, 3], a file or bytes"
            )
        return "the picture", Image.fromarray(source)
    if isinstance(source, bytes):
        name, content = "the picture", source
    else:
        path = Path(source)
        name = str(path)
        if path.is_dir():
            raise InputError(f"{name} is a folder: give a picture file")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise InputError(f"{name} does not exist: give a picture file") from None
        except OSError as error:
            raise InputError(f"{name} cannot be read ({error.strerror}): give a picture file") from None
    try:
        with warnings.catch_warnings():
            # what is too large is refused below, in a sentence
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return name, Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        limit = Image.MAX_IMAGE_PIXELS / 1e6
        raise InputError(
            f"{name} has more than {2 * limit:.0f} million pixels, and {limit:.0f} million are the most: make it "
            "smaller"
        ) from None
    except Exception:
        kinds = "JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF"
        raise InputError(f"{name} is no picture that can be read: give a {kinds} file") from None


def _rgb(image: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue each, whatever the picture has."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, dtype=np.float64)
        # floating-point greys are 0 to 1 or 0 to 255, whole numbers of more than 8 bits 0 to 65,535
        most = (1 if grey.max() <= 1 else 255) if image.mode == "F" else (65535 if grey.max() > 255 else 255)
        image = Image.fromarray(np.clip(np.nan_to_num(grey) / most * 255, 0, 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
