"""Pictures: drawn faces, what can be wrong with a JPEG of one, and photographs of every format."""

import io
import struct
from functools import cache
from random import Random

import numpy as np
from PIL import Image
from tiny_faces import bomb, jpeg, picture

from agegender_lib.data.rendered import render_face
from agegender_lib.photos import SUFFIXES


def a_picture(rng: Random) -> bytes:
    """The content of a file named .jpg: a good face in about a third of the cases."""
    kind = rng.choice(_KINDS)
    return kind(rng)


def mutated(data: bytes, rng: Random) -> bytes:
    """Some bytes flipped, cut, doubled, or taken from elsewhere."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 40))):
        if not data:
            break
        place = rng.randrange(len(data))
        kind = rng.randrange(7)
        if kind < 3:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[place : place + rng.choice((1, 2, 4, 8))] = rng.randbytes(rng.choice((1, 2, 4, 8)))
        elif kind == 4:
            del data[place : place + rng.choice((1, 2, 3, 16, 500))]
        elif kind == 5:
            other = rng.randrange(len(data))
            data[place:place] = data[other : other + rng.choice((1, 2, 16, 500))]
        else:
            value = rng.choice((0, 1, 255, 127, 128))
            for at in range(place, min(place + rng.choice((1, 2, 4, 8)), len(data))):
                data[at] = value
    if rng.random() < 0.2:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def many_scans(size: int, side: int = 128) -> bytes:
    """A progressive JPEG whose last scan comes again and again: little to read, much to decode."""
    data = _saved(Image.new("RGB", (side, side), (9, 9, 9)), progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * (size // len(scan)) + data[-2:]


@cache
def faces() -> tuple[bytes, ...]:
    """A few JPEGs that the importer takes: drawn faces of both sizes."""
    found = []
    for number in range(4):
        image = render_face(10 + 20 * number, number % 2, number, np.random.default_rng(number))
        found += [_saved(image.resize((side, side)), quality=80) for side in (128, 200)]
    return tuple(found)


def _saved(image: Image.Image, form: str = "JPEG", **options) -> bytes:
    memory = io.BytesIO()
    image.save(memory, form, **options)
    return memory.getvalue()


def _good(rng):
    return rng.choice(faces())


def _mutated(rng):
    return mutated(rng.choice(faces()), rng)


def _cut(rng):
    data = rng.choice(faces())
    return data[: rng.choice((0, 1, 2, 3, 10, 20, 100, 600, len(data) // 2, len(data) - 2, len(data) - 1))]


def _progressive(rng):
    return (
        mutated(_saved(picture(3), progressive=True), rng)
        if rng.random() < 0.5
        else many_scans(rng.choice((10**4, 10**6)))
    )


def _other_format(rng):
    form = rng.choice(("PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000"))
    data = _saved(picture(3), form)
    return data if rng.random() < 0.5 else mutated(data, rng)


def _other_mode(rng):
    return _saved(picture(3).convert(rng.choice(("L", "CMYK", "YCbCr"))))


def _other_size(rng):
    sides = (1, 2, 8, 127, 128, 129, 199, 200, 201, 640)
    return _saved(picture(3).resize((rng.choice(sides), rng.choice(sides))))


def _huge(rng):
    return bomb(rng.choice((0, 129, 5000, 9000, 10_000, 13_000, 20_000, 30_000, 65_535)))


def _tagged(rng):
    exif = Image.Exif()
    exif[0x0112] = rng.choice((0, 1, 3, 6, 8, 9, 65535))
    exif[0x010E] = "x" * rng.choice((1, 1000, 60_000))
    exif[0x011A] = (rng.choice((0, 1, 72)), rng.choice((0, 1)))
    data = exif.tobytes()
    if rng.random() < 0.5:
        data = data[:6] + mutated(data[6:], rng)[:60_000]
    extra = {"comment": rng.choice((b"", b"\0", b"x" * 60_000)), "dpi": (rng.choice((0, 72)),) * 2}
    return _saved(picture(3), exif=data[:65_500], **extra)


def _many_frames(rng):
    data = _saved(picture(3), "MPO", save_all=True, append_images=[picture(4)])
    return data if rng.random() < 0.3 else mutated(data, rng)


def _garbage(rng):
    return rng.choice(
        (b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\0", rng.randbytes(rng.randrange(3000)))
    )


def _padded(rng):
    return jpeg(3) + rng.choice((b"\0", rng.randbytes(100), bytes(2_000_000), b"PK\3\4" + bytes(60)))


_KINDS = (
    (_good,) * 6 + (_mutated,) * 8 + (_cut,) * 2
    + (_progressive, _other_format, _other_mode, _other_size, _huge, _tagged, _many_frames, _garbage, _padded)
)  # fmt: skip


# Photographs

#: Each with modes in which Pillow writes it.
_FORMATS = {
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


def a_photo(rng: Random, largest: int = 9000) -> bytes:
    """The content of a picture file: a good one in about a third of the cases.

    ``largest`` is the longest side of those of one colour, of which a few bytes make very many.
    """
    choice = rng.random()
    if choice < 0.65:
        form = rng.choice(tuple(_FORMATS))
        data = _photo(form, rng.choice(_FORMATS[form]), rng.choice((64, 200, 300)), rng.choice((1, 2)))
        return data if rng.random() < 0.5 else mutated(data, rng)
    if choice < 0.85:
        return a_picture(rng)
    if choice < 0.95:
        sides = [side for side in (1, 23, 24, 25, 128, 3000, 6000, 9000, 16_000) if side <= largest]
        form = rng.choice(tuple(_FORMATS))
        return _one_colour(form, rng.choice(_FORMATS[form]), rng.choice(sides), rng.choice(sides))
    return _animation(rng)


def a_photo_name(rng: Random) -> str:
    """Such as a camera, a user, or an enemy gives."""
    stem = rng.choice(
        ("IMG_0001", "photo", "Größe 1", "-x", "a.b", "$(touch executed)", "%s", "'", "photo\n2", "λ" * 80)
    )
    return stem + rng.choice(SUFFIXES)


@cache
def _photo(form: str, mode: str, side: int, people: int) -> bytes:
    picture = Image.new("RGB", (side * people, side + 10), (90, 120, 90))
    for person in range(people):
        drawn = render_face(30, person, 1, np.random.default_rng(person)).resize((side * 3 // 4,) * 2)
        picture.paste(drawn, (person * side + side // 8, side // 8))
    return _saved(_in_mode(picture, mode), form)


@cache
def _one_colour(form: str, mode: str, width: int, height: int) -> bytes:
    try:
        return _saved(_in_mode(Image.new("RGB", (width, height), (200, 160, 140)), mode), form)
    except (OSError, ValueError, struct.error):  # not every format has such pictures
        return b""


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode in ("I;16", "I"):
        grey = np.asarray(picture.convert("L"), dtype=np.uint16 if mode == "I;16" else np.int32)
        return Image.fromarray(grey * 257)
    return picture.convert(mode)


def _animation(rng):
    frames = [picture(number) for number in range(rng.choice((2, 60)))]
    form = rng.choice(("GIF", "WEBP", "TIFF", "PNG", "AVIF"))
    data = _saved(frames[0], form, save_all=True, append_images=frames[1:])
    return data if rng.random() < 0.5 else mutated(data, rng)
