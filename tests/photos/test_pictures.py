"""Pictures of every kind to upright pixels."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from tiny_faces import bomb, jpeg, picture, truncated

from agegender_lib.errors import InputError
from agegender_lib.photos import pictures
from agegender_lib.photos.pictures import open_picture, read_picture


def saved(image, kind, **options):
    memory = io.BytesIO()
    image.save(memory, kind, **options)
    return memory.getvalue()


GREY = np.linspace(0, 1, 40)[None, :].repeat(40, axis=0)


def test_what_is_transparent_is_white():
    image = picture(3, 64).convert("RGBA")
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 32:] = 255
    image.putalpha(Image.fromarray(alpha))
    found = open_picture(saved(image, "PNG"))
    assert (found[:, :32] == 255).all()
    np.testing.assert_array_equal(found[:, 32:], np.asarray(picture(3, 64))[:, 32:])


def test_the_camera_says_what_is_up():
    upright = picture(3, 64).crop((0, 0, 64, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    found = open_picture(saved(lying, "PNG", exif=exif))
    np.testing.assert_array_equal(found, np.asarray(upright))
    exif[0x0112] = 1
    assert open_picture(saved(lying, "PNG", exif=exif)).shape == (64, 40, 3)


def test_a_picture_of_too_many_scans_is_refused(monkeypatch):
    many = saved(picture(3, 64), "JPEG", progressive=True)
    monkeypatch.setattr(pictures, "MOST_SCANNED", 64 * 64 * 4)
    assert open_picture(saved(picture(3, 64), "JPEG")).shape == (64, 64, 3)
    with pytest.raises(InputError, match=r"a JPEG of \d+ scans over 64 x 64 pixels"):
        open_picture(many)


def with_preview(data):
    """As cameras put it into their notes."""
    notes = b"preview" + b"\xff\xda" * 9
    return data[:2] + b"\xff\xe1" + (len(notes) + 2).to_bytes(2, "big") + notes + data[2:]


@pytest.mark.parametrize(
    "phone",
    [
        lambda data: data + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 9,
        lambda data: data + with_preview(data),
        lambda data: data + data * 9,
        with_preview,
        lambda data: data.replace(b"\xff\xda", b"\xff\xff\xff\xda"),  # as the standard allows
    ],
    ids=["video", "panorama", "burst", "preview", "filled"],
)
def test_what_phones_put_beside_a_picture_is_not_counted_as_its_scans(monkeypatch, phone):
    data = saved(picture(3, 64), "JPEG")
    monkeypatch.setattr(pictures, "MOST_SCANNED", 64 * 64 * 4)
    np.testing.assert_array_equal(open_picture(phone(data)), open_picture(data))
    # what only looks like it, before the end, counts
    with pytest.raises(InputError, match="10 scans"):
        open_picture(phone(saved(picture(3, 64), "JPEG", progressive=True)))


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (800, 200)], ids=str)
def test_a_jpeg_of_any_number_of_pixels_is_read_and_never_decoded_in_full(monkeypatch, size):
    decoded, load = [], JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda self: decoded.append(self.size) or load(self))
    monkeypatch.setattr(pictures, "LONGEST_SIDE", 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40_000)
    image = picture(3, 400).resize(size)
    for options in ({}, {"progressive": True}):
        found = open_picture(saved(image, "JPEG", **options))
        wanted = np.asarray(image.resize(found.shape[1::-1], Image.Resampling.BOX), int)
        assert max(found.shape) == 100 and np.abs(found - wanted).mean() < 4
    assert max(max(each) for each in decoded) <= 200
    with pytest.raises(InputError, match="make it smaller, or a JPEG"):
        open_picture(saved(image, "PNG"))


def test_a_phone_s_heic_is_read_upright(tmp_path):
    data = (Path(__file__).parent / "lying.heic").read_bytes()
    wanted = np.asarray(picture(3, 64).crop((0, 0, 64, 40)), int)
    assert np.abs(open_picture(data) - wanted).mean() < 10
    (tmp_path / "a.HEIC").write_bytes(saved(picture(3, 64), "JPEG"))  # as some are
    assert open_picture(tmp_path / "a.HEIC").shape == (64, 64, 3)
    for damaged in (data[:700], data[:40] + bytes(2000), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)):
        with pytest.raises(InputError, match=r"damaged or cut short|not a picture that can be read"):
            open_picture(damaged)


RAMP = np.linspace(0, 1, 400)[None].repeat(30, axis=0)
HOT = RAMP * 4080 + 60_000 * (np.arange(12_000).reshape(30, 400) == 5_000)
GREYS = {
    "12 bits": ((RAMP * 4080).astype(np.uint16), 254, "0 to 4095"),
    "10 bits": ((RAMP * 1000).astype(np.uint16), 249, "0 to 1023"),
    "14 bits": ((RAMP * 16_000).astype(np.uint16), 249, "0 to 16383"),
    "16 bits": ((RAMP * 65_535).astype(np.uint16), 255, ""),
    "8 bits": ((RAMP * 250).astype(np.uint16), 250, ""),
    "a mask": ((RAMP > 0.5).astype(np.uint16), 255, "0 to 1"),
    "a hot pixel": (HOT.astype(np.uint16), 254, "0 to 4095"),
    "32 bits": ((RAMP * 1e9).astype(np.int32), 255, "0 to 1e+09"),
    "Hounsfield": ((RAMP * 4000 - 1000).astype(np.int32), 249, "-1000 to 3095"),
    "floats to 65,535": ((RAMP * 65_535).astype(np.float32), 255, ""),
    "floats to 255": ((RAMP * 255).astype(np.float32), 255, ""),
    "floats to 1": (RAMP.astype(np.float32), 255, ""),
    "floats to 1.2": ((RAMP * 1.2).astype(np.float32), 255, "0 to 1.2"),
    "dark floats": ((RAMP * 0.01).astype(np.float32), 255, "0 to 0.01"),
    "floats around 0": ((RAMP * 2 - 1).astype(np.float32), 255, "-1 to 1"),
}


@pytest.mark.parametrize("kind", GREYS)
def test_deep_greys_become_eight_bits_and_what_was_taken_for_white_is_said(kind):
    values, most, words = GREYS[kind]
    for form in ("TIFF", "PNG")[: 1 + (values.dtype == np.uint16)]:
        found, notes = read_picture(saved(Image.fromarray(values), form))
        ramp = (RAMP > 0.5) * 255 if kind == "a mask" else RAMP * most
        away = np.abs(found[..., 0] - ramp)
        assert np.median(away) <= 1 and (away > 2).sum() <= 40
        assert [note.removeprefix("its greys are taken to go from ") for note in notes] == [words] * bool(words)


def test_greys_without_numbers_are_black_and_a_negative_is_turned_over():
    values = np.where(RAMP < 0.1, np.nan, RAMP).astype(np.float32)
    values[0, 7] = np.inf
    found = open_picture(saved(Image.fromarray(values), "TIFF"))
    assert (found[1:, :30] == 0).all() and found[0, 7, 0] == 255 and found[1, -1, 0] == 255
    negative = saved(Image.fromarray(((1 - RAMP) * 65_535).astype(np.uint16)), "TIFF", tiffinfo={262: 0})
    np.testing.assert_allclose(open_picture(negative)[0, :, 0], RAMP[0] * 255, atol=1)
    assert (open_picture(saved(Image.fromarray(np.zeros((40, 40), np.float32)), "TIFF")) == 0).all()


def profile(described="RGB"):
    """The profile of a screen whose red is where the green of sRGB is."""
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for old, new in (("rXYZ", "xXYZ"), ("gXYZ", "rXYZ"), ("xXYZ", "gXYZ")):
        content = content.replace(old.encode(), new.encode())
    return content.replace("sRGB".encode("utf-16-be"), described.ljust(4).encode("utf-16-be"))


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB")]
)
def test_colours_are_what_the_embedded_profile_says(form, mode):
    image = Image.new("RGB", (64, 64), (255, 0, 0)).convert(mode)
    found, notes = read_picture(saved(image, form, icc_profile=profile()))
    assert notes == [] and np.abs(found[30, 30].astype(int) - [0, 255, 0]).max() < 8
    # what says that it is sRGB is left as it is, and what does not fit is said
    for wrong, words in ((profile("sRGB"), []), (b"text", ["its colour profile does not fit and is left out"])):
        found, notes = read_picture(saved(image, form, icc_profile=wrong))
        assert notes == words and np.abs(found[30, 30].astype(int) - [255, 0, 0]).max() < 8


@pytest.mark.parametrize("form", ["GIF", "TIFF", "PNG", "WEBP", "AVIF"])
def test_it_is_said_that_one_frame_of_several_is_read(form):
    several = saved(picture(1, 64), form, save_all=True, append_images=[picture(2, 64), picture(3, 64)])
    found, notes = read_picture(several)
    assert notes == ["one of its 3 frames is read"]
    assert np.abs(found.astype(int) - np.asarray(picture(1, 64))).mean() < 15
    assert read_picture(saved(picture(1, 64), form))[1] == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_huge_picture_is_shrunk_and_a_small_one_is_not(monkeypatch, kind):
    monkeypatch.setattr(pictures, "LONGEST_SIDE", 100)
    image = picture(3, 400).resize((400, 200))
    found = open_picture(saved(image, kind))
    assert found.shape == (50, 100, 3)
    wanted = np.asarray(image.resize((100, 50), Image.Resampling.BOX), dtype=int)
    assert np.abs(found - wanted).mean() < 4
    assert open_picture(saved(picture(3, 90), kind)).shape == (90, 90, 3)


def test_paths_bytes_images_and_arrays_are_the_same(tmp_path):
    data = saved(picture(5, 64), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    wanted = np.asarray(picture(5, 64))
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), data, Image.open(io.BytesIO(data)), wanted):
        np.testing.assert_array_equal(open_picture(source), wanted)


def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "t.jpg").write_text("text")
    cases = {
        "not a picture": b"text",
        r"t\.jpg is not a picture": tmp_path / "t.jpg",
        "does not exist": tmp_path / "none.jpg",
        "is not a file": tmp_path,
        "damaged or cut short": truncated(),
        r"damaged or cut short.*": saved(picture(1, 300), "PNG")[:-2000],
        "a JPEG of 1 scans over 60,000 x 60,000 pixels": bomb(60_000),
        "https://a.example/b.jpg is an address": "https://a.example/b.jpg",
        "ftp://a.example/b.jpg is an address": Path("ftp://a.example/b.jpg"),
        "cannot be read": tmp_path / ("long" * 100),
        "20 x 20 pixels": jpeg(picture(1, 20)),
        r"float64 \[40, 40\]": GREY,
    }
    for words, source in cases.items():
        with pytest.raises(InputError, match=words) as refused:
            open_picture(source)
        assert "\n" not in str(refused.value)
