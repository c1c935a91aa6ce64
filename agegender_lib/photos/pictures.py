"""Any picture a camera or a browser gives, to upright RGB pixels; or one sentence why not."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from agegender_lib.data.decode import count_scans
from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError

#: What can be opened; an MPO is opened as a JPEG. EPS and the like run other programs, so they are not asked.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
#: File names that a folder is searched for.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
#: Pixels of the longer side that a photo is shrunk to where it has more.
LONGEST_SIDE = 2048
#: Pixels of the shorter side below which there is no face to see.
SHORTEST_SIDE = 24
#: Pixels times scans of a JPEG, of which a progressive one has about ten.
MOST_SCANNED = 2_000_000_000

Source = str | Path | bytes | Image.Image | np.ndarray


def open_picture(source: Source) -> np.ndarray:
    """Decode a picture as it is meant to be seen: RGB, uint8 [h, w, 3].

    The source is a file, the content of one, or a picture already decoded. Of an animation, the first frame. Colours
    with alpha are laid over white, 16-bit and floating-point greys are brought to 8 bits, and the orientation that a
    camera wrote into EXIF is applied. It is shrunk (antialiased) to a longer side of ``LONGEST_SIDE`` pixels where it
    has more.

    Raises
    ------
    InputError
        If it cannot be read, is not a picture of ``FORMATS``, is cut short, too large or too small.
    """
    name, image, content = _opened(source)
    width, height = image.size
    if min(width, height) < SHORTEST_SIDE:
        raise InputError(
            f"{name} has {width} x {height} pixels: give a picture of {SHORTEST_SIDE} x {SHORTEST_SIDE} at least"
        )
    is_jpeg = image.format in ("JPEG", "MPO")
    if is_jpeg and (scans := count_scans(content)) * width * height > MOST_SCANNED:
        raise InputError(
            f"{name} is a JPEG of {scans:,} scans over {width:,} x {height:,} pixels, which would take minutes to "
            "decode: save it again"
        )
    try:
        if is_jpeg:  # decoded at a half, a quarter, an eighth of its size at once
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        image = _rgb(image)
        image.info.clear()  # whatever else a camera notes cannot be in the way
        image.getexif()[ExifTags.Base.Orientation] = orientation
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # damaged data surfaces from PIL as many kinds of exception
        raise InputError(f"{name} is damaged or cut short ({error}): save it again") from None
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _opened(source: Source) -> tuple[str, Image.Image, bytes]:
    """What to call the picture in a message, the picture, of which only the header is read, and the file's content."""
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise InputError(
                f"a picture is {source.dtype} {list(source.shape)}: give uint8 [height, width, 3], a file or bytes"
            )
        source = Image.fromarray(source)
    if isinstance(source, Image.Image):
        return "the picture", source, b""
    name, content = ("the picture", source) if isinstance(source, bytes) else _content(Path(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return name, Image.open(io.BytesIO(content), formats=FORMATS), content
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        most = f"{Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels"
        raise InputError(f"{name} has more than {most}: make it smaller") from None
    except Exception:
        kinds = "JPEG, PNG, WebP, TIFF, BMP, GIF, PPM or AVIF"
        raise InputError(f"{name} is not a picture that can be read: give a {kinds} file") from None


def _content(path: Path) -> tuple[str, bytes]:
    """A file's name as messages tell it, and what it holds."""
    name = printable(str(path))
    try:
        if path.is_file():  # a pipe would be waited for, and a device may never end
            return name, path.read_bytes()
        what = "is not a file" if path.exists() else "does not exist"
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    raise InputError(f"{name} {what}: give a picture file")


def _rgb(image: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue each, whatever the picture has; another picture than that given."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.nan_to_num(np.asarray(image, np.float32))
        # such files do not say what is white: floats are 0 to 1 or 0 to 255, whole numbers 0 to 65,535 or 0 to 255
        steps = (1, 255) if image.mode == "F" else (255, 65535)
        white = steps[0] if grey.max() <= steps[0] else steps[1]
        image = Image.fromarray((grey / white * 255).clip(0, 255).round().astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    opaque = Image.new("RGB", image.size, "white")
    opaque.paste(image, mask=image)
    return opaque
