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
#: Of the formats that are decoded whole, which takes up to 8 bytes a pixel. A JPEG is decoded at a fraction of its
#: size, so that ``PIL.Image.MAX_IMAGE_PIXELS``, 89 million, will do.
MOST_PIXELS = 50_000_000
#: Pixels times scans of a JPEG, of which a progressive one has about ten.
MOST_SCANNED = 2_000_000_000
#: Of a file: a picture of MOST_PIXELS with nothing packed.
MOST_BYTES = 500_000_000
_JPEG = ("JPEG", "MPO")
_STRIP = 64  # rows of the smaller picture

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
        If it cannot be read, is no picture of ``FORMATS``, is cut short, has more pixels than ``MOST_PIXELS`` (a JPEG:
        than ``PIL.Image.MAX_IMAGE_PIXELS``, 89 million), more than ``MOST_SCANNED`` or ``MOST_BYTES``, or a side
        shorter than ``SHORTEST_SIDE``.
    """
    name, image, content = _opened(source)
    width, height = image.size
    most = Image.MAX_IMAGE_PIXELS if image.format in _JPEG else MOST_PIXELS
    if width * height > most:
        raise InputError(
            f"{name} has {width:,} x {height:,} pixels, and {most / 1e6:.0f} million are the most: make it smaller"
        )
    if min(width, height) < SHORTEST_SIDE:
        raise InputError(
            f"{name} has {width} x {height} pixels: give a picture of {SHORTEST_SIDE} x {SHORTEST_SIDE} at least"
        )
    if image.format in _JPEG and (scans := count_scans(content)) * width * height > MOST_SCANNED:
        raise InputError(
            f"{name} is a JPEG of {scans:,} scans over {width:,} x {height:,} pixels, which would take minutes to "
            "decode: save it anew"
        )
    try:
        if image.format in _JPEG:  # decoded at a half, a quarter, an eighth of its size at once
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
        image = _upright(_shrunk_rgb(image), image.getexif().get(ExifTags.Base.Orientation))
    except Exception as error:  # damaged data surfaces from PIL as many kinds of exception
        raise InputError(f"{name} is damaged or cut short ({error}): save it anew") from None
    if max(image.size) > LONGEST_SIDE:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _opened(source):
    """What to call the picture in a message, the picture, of which only the header is read, and the file's content."""
    if isinstance(source, Image.Image):
        return "the picture", source, b""
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise InputError(
                f"a picture is {source.dtype} {list(source.shape)}: give uint8 [height, width, 3], a file or bytes"
            )
        return "the picture", Image.fromarray(source), b""
    if isinstance(source, bytes):
        name, content = "the picture", source
    else:
        name, content = printable(str(source)), _content(Path(source))
    try:
        with warnings.catch_warnings():
            # what is too large is refused below, in a sentence
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return name, Image.open(io.BytesIO(content), formats=FORMATS), content
    except Image.DecompressionBombError:
        limit = Image.MAX_IMAGE_PIXELS / 1e6
        raise InputError(
            f"{name} has more than {2 * limit:.0f} million pixels, and {limit:.0f} million are the most: make it "
            "smaller"
        ) from None
    except Exception:
        kinds = "JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF"
        raise InputError(f"{name} is no picture that can be read: give a {kinds} file") from None


def _content(path: Path) -> bytes:
    """What a file holds."""
    name = printable(str(path))
    try:
        # a pipe would be waited for, and a device may never end
        if path.exists() and not path.is_file():
            raise InputError(
                f"{name} is a {'folder' if path.is_dir() else 'pipe or device'}: give a picture file"
            )
        if (size := path.stat().st_size) > MOST_BYTES:
            raise InputError(
                f"{name} has {size / 1e6:,.0f} MB, and {MOST_BYTES / 1e6:.0f} MB are the most: make it smaller"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{name} does not exist: give a picture file") from None
    except (OSError, ValueError) as error:  # a ValueError: a name with a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{name} cannot be read ({reason}): give a picture file") from None


def _upright(image: Image.Image, orientation: int | None) -> Image.Image:
    """Turned as the camera said."""
    if orientation:
        image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _shrunk_rgb(image: Image.Image) -> Image.Image:
    """Red, green and blue; a picture much larger than wanted becomes smaller, each pixel the mean of a block.

    That is done strip by strip, because on its way to eight bits a pixel can take 8 bytes four times over.
    """
    white = _white(image)
    factor = max(1, max(image.size) // (2 * LONGEST_SIDE))
    width, height = image.size
    shrunk = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, _STRIP * factor):
        strip = image.crop((0, top, width, min(top + _STRIP * factor, height)))
        shrunk.paste(_rgb(strip, white).reduce(factor), (0, top // factor))
    return shrunk


def _is_deep(image: Image.Image) -> bool:
    """Whether its greys have more than eight bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _white(image: Image.Image) -> int:
    """The value of white in a picture of greys of more than eight bits: such files do not say it."""
    if not _is_deep(image):
        return 255
    brightest = np.asarray(image).max()
    # floating-point greys are 0 to 1 or 0 to 255, whole numbers of more than 8 bits 0 to 65,535
    return (1 if brightest <= 1 else 255) if image.mode == "F" else (65535 if brightest > 255 else 255)


def _rgb(image: Image.Image, white: int) -> Image.Image:
    """Eight bits of red, green and blue each, whatever the picture has."""
    if _is_deep(image):
        grey = np.nan_to_num(np.asarray(image, dtype=np.float64))
        image = Image.fromarray(np.clip(grey / white * 255, 0, 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
