"""Any picture a camera or a browser gives, to upright RGB pixels; or one sentence why not."""

import io
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from agegender_lib.data.decode import count_scans
from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError

#: What can be opened; an MPO is opened as a JPEG, HEIC is HEIF. EPS and the like run other programs: not asked.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "HEIF")
#: File names that a folder is searched for.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif")
#: Pixels of the longer side that a photo is shrunk to where it has more.
LONGEST_SIDE = 2048
#: Pixels of the shorter side below which there is no face to see.
SHORTEST_SIDE = 24
#: Pixels times scans of a JPEG, of which a progressive one has about ten.
MOST_SCANNED = 2_000_000_000
#: What is white in 8 bits, in a camera's 10, 12 and 14, and in 16.
_WHITES = (255, 1023, 4095, 16383, 65535)
#: Percentile of the greys that is the brightest.
_BRIGHT = 99.9
_PHOTOMETRIC = 262  # a TIFF's tag: 0 where 0 is white

Source = str | Path | bytes | Image.Image | np.ndarray


def open_picture(source: Source) -> np.ndarray:
    """The pixels of :func:`read_picture` alone."""
    return read_picture(source)[0]


def read_picture(source: Source) -> tuple[np.ndarray, list[str]]:
    """Decode a picture as it is meant to be seen: RGB, uint8 [h, w, 3], and what had to be assumed, in words.

    The source is a file, the content of one, or a picture already decoded. Of an animation or a file of many pages one
    frame is read. Colours with alpha are laid over white, those with a colour profile are brought to sRGB, deeper greys
    than 8 bits are scaled, and the orientation that a camera wrote into EXIF is applied. It is shrunk (antialiased) to
    a longer side of ``LONGEST_SIDE`` pixels where it has more.

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
    notes: list[str] = []
    try:
        if is_jpeg:  # decoded at a half, a quarter, an eighth of its size at once
            shrink = min(1.0, LONGEST_SIDE / max(width, height))
            image.draft("RGB", (max(1, int(width * shrink)), max(1, int(height * shrink))))
        if (frames := getattr(image, "n_frames", 1)) > 1:
            notes.append(f"one of its {frames:,} frames is read")
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        profile = image.info.get("icc_profile")
        image = _eight_bits(image, notes)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        image = _srgb(image, profile, notes)
        image.info.clear()  # whatever else a camera notes cannot be in the way
        image.getexif()[ExifTags.Base.Orientation] = orientation
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # damaged data surfaces from PIL as many kinds of exception
        raise InputError(f"{name} is damaged or cut short ({error}): save it again") from None
    return np.asarray(image), notes


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
    if not content:
        raise InputError(f"{name} is empty: give a picture file")
    try:
        if content.startswith(b"\xff\xd8\xff"):  # of any number of pixels, for it is never decoded in full
            return name, JpegImageFile(io.BytesIO(content)), content
        if content[4:8] == b"ftyp":
            import pi_heif.HeifImagePlugin  # noqa: F401  registers the format HEIF
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damage that can be read past
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return name, Image.open(io.BytesIO(content), formats=FORMATS), content
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        most = f"{Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels"
        raise InputError(f"{name} has more than {most}: make it smaller, or a JPEG, which may have more") from None
    except Exception:
        kinds = "JPEG, HEIC, PNG, WebP, TIFF, BMP, GIF, PPM or AVIF"
        raise InputError(f"{name} is not a picture that can be read: give a {kinds} file") from None


def _content(path: Path) -> tuple[str, bytes]:
    """A file's name as messages tell it, and what it holds."""
    name = printable(str(path))
    if re.match("[a-z]{2,}:/", name):  # pathlib drops the second slash
        name = name.replace(":/", "://", 1)
        raise InputError(f"{name} is an address, and nothing is fetched: save the picture and give its file")
    try:
        if path.is_file():  # a pipe would be waited for, and a device may never end
            return name, path.read_bytes()
        what = "is not a file" if path.exists() else "does not exist"
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    raise InputError(f"{name} {what}: give a picture file")


def _eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """Greys, red, green and blue, or CMYK, of 8 bits each and opaque; another picture than that given."""
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(image, notes)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opaque = Image.new("RGB", image.size, "white")
        opaque.paste(image, mask=image)
        return opaque
    return image.copy() if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _scaled(image: Image.Image, notes: list[str]) -> Image.Image:
    """Greys of many values as 8 bits.

    Such files do not say what is white, and cameras of 10, 12 or 14 bits write into files of 16. It is taken to be
    1 (in floats) or the most that such a number of bits can hold, or the brightest where that is still far below. A few
    broken pixels do not count for that.
    """
    grey = np.asarray(image, np.float32)
    finite = grey[np.isfinite(grey)]
    darkest = min(0.0, float(finite.min(initial=0)))
    brightest = float(np.percentile(finite, _BRIGHT)) - darkest if finite.size else 0.0
    steps = (1, *_WHITES) if image.mode == "F" else _WHITES
    white = next((step for step in steps if brightest <= step), brightest)
    if brightest < white / 4:
        white = brightest or 1
    if white not in (steps[0], _WHITES[0], _WHITES[-1]) or darkest:
        notes.append(f"its greys are taken to go from {darkest:.6g} to {white + darkest:.6g}")
    grey = np.nan_to_num((grey - darkest) / white, posinf=1, neginf=0).clip(0, 1)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:  # a negative, which Pillow minds at 8 bits only
        grey = 1 - grey
    return Image.fromarray((grey * 255).round().astype(np.uint8))


def _srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """The colours that a screen shows, from what the profile says of them."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else None
        if given and "sRGB" not in ImageCms.getProfileDescription(given):
            return ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        notes.append("its colour profile does not fit and is left out")
    return image.convert("RGB")
