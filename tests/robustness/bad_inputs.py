"""Hypothesis strategies for what users give by mistake, and others on purpose; in each, some of it is good."""

import copy
import io
import struct
from functools import cache

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from matplotlib.cbook import get_sample_data
from PIL import Image
from tiny_faces import bomb, jpeg, picture


def cases(share: float = 1.0):
    """Settings for a share of the profile's examples: what is slow is asked less often."""
    return settings(max_examples=max(3, round(settings.default.max_examples * share)))


def save(image: Image.Image, form: str = "JPEG", **options) -> bytes:
    memory = io.BytesIO()
    image.save(memory, form, **options)
    return memory.getvalue()


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """Some bytes overwritten, cut out or put in, and now and then the end cut off."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(0, len(changed) - 1)))
        gone = draw(st.sampled_from((0, 1, 4, 500)))
        changed[place : place + gone] = draw(st.binary(max_size=8))
    if draw(st.integers(0, 4)) == 4:
        del changed[draw(st.integers(0, len(changed))) :]
    return bytes(changed)


def maybe_damaged(data: bytes) -> st.SearchStrategy[bytes]:
    return st.one_of(st.just(data), damaged(data))


#: What stands where a field of `[age]_[gender]_[race]_[datetime]` should.
_FIELDS = ("", " ", "0", "5", "026", "116", "117", "-1", "1.0", "nan", "٢٦", "a", "1\n", "9" * 5000, "\udcff")
_STAMPS = ("20170116184039763", "1", "", "2017 0116", "20170116184039763x", "٢", "1.5")
_ENDINGS = (".jpg.chip.jpg", ".jpg", ".JPG", "jpg", " .jpg.chip.jpg", ".png", "", ".jpg\0.exe", ".jpg" * 50)
good_names = st.builds(
    "{}_{}_{}_{}.jpg".format, st.integers(0, 116), st.integers(0, 1), st.integers(0, 4), st.integers(0, 10**17)
)
_near = st.builds(
    lambda fields, stamp, ending, glue: glue.join([*fields, stamp]) + ending,
    st.lists(st.one_of(st.integers(-1, 120).map(str), st.sampled_from(_FIELDS), st.text(max_size=4)), max_size=5),
    st.one_of(st.sampled_from(_STAMPS), st.text("0123456789", max_size=20)),
    st.one_of(st.sampled_from(_ENDINGS), st.text(".jpegchi ", max_size=12)),
    st.sampled_from(("_", "_", "_", "__", "-", " _ ", "/")),
)
names = st.one_of(
    good_names, _near, st.sampled_from((".DS_Store", "Thumbs.db", "._26_1_2_1.jpg", "labels.csv"))
) | st.text(st.characters(codec=None), max_size=60)  # fmt: skip


@cache
def faces() -> tuple[bytes, ...]:
    """JPEGs that the importer takes, of both sizes."""
    return tuple(jpeg(picture(number, side), quality=80) for number in range(3) for side in (128, 200))


@st.composite
def _tagged(draw):
    """With a camera's notes, good or odd."""
    exif = Image.Exif()
    exif[0x0112] = draw(st.sampled_from((0, 1, 3, 6, 8, 9, 65535)))
    notes = exif.tobytes()
    return save(picture(3), exif=notes[:6] + draw(maybe_damaged(notes[6:])))


_jpeg = st.sampled_from(faces()).flatmap(damaged)
jpegs = st.one_of(
    st.sampled_from(faces()),
    _jpeg,
    _jpeg,
    st.builds(lambda data, end: data[:end], st.sampled_from(faces()), st.integers(0, 700)),
    damaged(save(picture(3), progressive=True)),
    st.sampled_from(("PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000"))
    .map(lambda form: save(picture(3), form))
    .flatmap(maybe_damaged),
    st.sampled_from(("L", "CMYK", "YCbCr")).map(lambda mode: save(picture(3).convert(mode))),
    st.sampled_from((1, 127, 129, 199, 640)).map(lambda side: save(picture(3, side))),
    st.sampled_from((0, 129, 5000, 9000, 13_000, 50_000, 65_535)).map(bomb),
    _tagged(),
    maybe_damaged(save(picture(3), "MPO", save_all=True, append_images=[picture(4)])),
    st.binary(max_size=300) | st.sampled_from((b"", b"\xff\xd8\xff\xe0\0\0", b"<html>")),
)

#: Each format with modes in which Pillow writes it.
FORMATS = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "I", "F", "CMYK"),
    "BMP": ("RGB", "RGBA", "L", "P", "1"),
    "GIF": ("RGB", "L", "P"),
    "MPO": ("RGB",),
    "PPM": ("RGB", "L", "1", "I;16"),
    "AVIF": ("RGB", "RGBA"),
}
_forms = st.sampled_from([(form, mode) for form, modes in FORMATS.items() for mode in modes])


@cache
def portrait(side: int = 200) -> Image.Image:
    """A photograph with a face in it."""
    return Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB").resize((side, side))


@cache
def encoded(image: str, form: str, mode: str, width: int, height: int) -> bytes:
    """A picture of that size; nothing where the format has none such."""
    pixels = portrait().resize((width, height)) if image == "portrait" else Image.new("RGB", (width, height), "tan")
    if mode in ("I;16", "I"):
        grey = np.asarray(pixels.convert("L"), dtype=np.uint16 if mode == "I;16" else np.int32)
        pixels = Image.fromarray(grey * 257)
    try:
        return save(pixels.convert(mode), form)
    except (OSError, ValueError, struct.error):
        return b""


def _of_one_colour(largest: int):
    sides = st.sampled_from([side for side in (1, 23, 24, 25, 128, 3000, 9000, 16_000) if side <= largest])
    return st.builds(lambda kind, width, height: encoded("plain", *kind, width, height), _forms, sides, sides)


_animation = st.builds(
    lambda form, count: save(picture(0), form, save_all=True, append_images=[picture(n) for n in range(1, count)]),
    st.sampled_from(("GIF", "WEBP", "TIFF", "PNG", "AVIF")),
    st.sampled_from((2, 20)),
)


def photos(largest: int = 16_000) -> st.SearchStrategy[bytes]:
    """Pictures of every format and mode; ``largest`` is the longest side of those of one colour."""
    of_portraits = st.builds(
        lambda kind, side: encoded("portrait", *kind, side, side + 10), _forms, st.sampled_from((64, 200, 300))
    )
    return st.one_of(
        of_portraits, of_portraits.flatmap(damaged), jpegs, _of_one_colour(largest), _animation.flatmap(maybe_damaged)
    )


photo_stems = st.sampled_from(("IMG_0001", "Größe 1", "-x", "a.b", "%s", "'", "photo\n2", "λ" * 80))

ODD = (
    None, True, 0, 1, -1, 2**31, 2**64, 10**30, 0.5, 1.5, -0.0, 1e308, float("inf"), float("nan"), "", " ", "0.002",
    "quick", "a\nb", "x" * 3000, "é\u202e", [], [[]], [None], [1, 2], {}, {"a": 1}, {"a": {"b": {"c": []}}},
)  # fmt: skip


@st.composite
def changed(draw, content, odd=ODD, most: int = 4):
    """One value or more somewhere becomes an odd one, goes, or gets an odd name or a neighbour."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(0, most))):
        here = content
        while keys := list(here) if isinstance(here, dict) else list(range(len(here))):
            key = draw(st.sampled_from(keys))
            if isinstance(here[key], dict | list) and here[key] and draw(st.integers(0, 3)):
                here = here[key]
                continue
            value = copy.deepcopy(draw(st.sampled_from(odd)))
            action = draw(st.sampled_from(("replace", "replace", "remove", "rename", "add")))
            if action == "remove":
                del here[key]
            elif action == "rename" and isinstance(here, dict):
                here[str(value)] = here.pop(key)
            elif action == "add" and isinstance(here, dict):
                here[draw(st.sampled_from(("model", "seed", "stages", "architecture", "fold", "x")))] = value
            else:
                here[key] = value
            break
    return content
