"""Pictures of every kind to upright pixels."""

import io

import numpy as np
import pytest
from PIL import Image
from tiny_faces import bomb, jpeg, picture, truncated

from agegender_lib.errors import InputError
from agegender_lib.photos import pictures
from agegender_lib.photos.pictures import open_picture


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
        "more than 89 million pixels": bomb(30000),
        "20 x 20 pixels": jpeg(picture(1, 20)),
        r"float64 \[40, 40\]": GREY,
    }
    for words, source in cases.items():
        with pytest.raises(InputError, match=words) as refused:
            open_picture(source)
        assert "\n" not in str(refused.value)
