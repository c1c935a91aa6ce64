"""Pictures of every format and mode, and whole photographs on the command line."""

import contextlib
import io
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outcomes import check_sentence, outcome
from PIL import Image

from agegender_lib.photos import SUFFIXES, open_picture
from agegender_lib.photos import reader as reading
from agegender_lib.photos.detector import FaceDetector
from agegender_lib.pipeline import cli
from tests.robustness import bad_inputs as bad
from tests.robustness.test_bad_models import original

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged notes in pictures


@bad.cases(3)
@given(bad.photos())
def test_pictures(data):
    pixels, refusal = outcome(lambda: open_picture(data))
    if not refusal:
        assert pixels.dtype == "uint8" and pixels.ndim == 3 and pixels.shape[2] == 3, pixels.shape
        assert 1 <= min(pixels.shape[:2]) and max(pixels.shape[:2]) <= 2048, pixels.shape


@pytest.mark.parametrize(("form", "mode"), [(form, mode) for form, modes in bad.FORMATS.items() for mode in modes])
def test_a_picture_looks_the_same_in_every_format_and_mode(form, mode):
    found = open_picture(bad.encoded("portrait", form, mode, 300, 310)).astype(float)
    wanted = np.asarray(
        bad.portrait()
        .resize((300, 310))
        .convert("RGB" if "RGB" in mode or mode in ("P", "CMYK") else "L")
        .convert("RGB"),
        float,
    )
    lossy = 60 if mode in ("P", "1") or form == "GIF" else 12  # few colours, dithered
    assert found.shape == wanted.shape
    # over blocks of pixels, in which dithering evens out
    blocks = np.abs((found - wanted).reshape(31, 10, 30, 10, 3).mean(axis=(1, 3)))
    assert blocks.max() < lossy and blocks.mean() < lossy / 4


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The tiny model, and a detector that is loaded once."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    path.write_bytes(original(".keras"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "FaceDetector", cache(FaceDetector))
        yield path


def predict(model, folder, annotate=None, *more):
    """Exit code and what is said, of the pictures in ``folder/faces``."""
    arguments = ["predict", folder / "faces", "--model", model, "--json", folder / "found.json", *more]
    arguments += [annotate, folder / "annotated"] if annotate else []
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = cli.main([str(argument) for argument in arguments])
    assert "Traceback" not in said.getvalue() + out.getvalue(), said.getvalue()
    return code, said.getvalue()


def faces_in(folder):
    return json.loads((folder / "found.json").read_text())["photos"]


def check_prediction(model, folder, *options):
    code, said = predict(model, folder, *options)
    if code:
        assert code == 2, said
        *_, last = said.splitlines()
        assert last.startswith("agegender: ")
        return check_sentence(last)
    photos = faces_in(folder)
    assert sorted(photo["file"] for photo in photos) == sorted(map(str, (folder / "faces").iterdir()))
    for photo in photos:
        check_sentence(photo.get("error", ""))
        for face in photo.get("faces", ()):
            assert (0 <= face["p_female"] <= 1 and "aligned" not in options) or 0 <= face["age"]
    if "--annotate" in options:
        drawn = list((folder / "annotated").iterdir())
        assert len(drawn) == sum("faces" in photo for photo in photos)
        for file in drawn:
            with Image.open(file, formats=["PNG"]) as image:
                image.load()
    return None


@bad.cases(0.4)
@given(st.lists(bad.jpegs, min_size=1, max_size=3))
def test_framed_faces(model, pictures):
    with TemporaryDirectory() as folder:
        (Path(folder) / "faces").mkdir()
        for number, data in enumerate(pictures):
            (Path(folder) / "faces" / f"{number}.jpg").write_bytes(data)
        check_prediction(model, Path(folder), None, "--aligned")


photographs = st.dictionaries(
    st.builds("{}{}".format, bad.photo_stems, st.sampled_from(SUFFIXES)),
    bad.photos(largest=3000),
    min_size=1,
    max_size=2,
)


@bad.cases(0.3)  # a search for faces takes seconds
@given(photographs)
@example({"narrow.png": bad.save(Image.new("RGB", (25, 3000)), "PNG")})
@example({"flat.png": bad.save(Image.new("RGB", (3000, 25)), "PNG")})
def test_photographs(model, pictures):
    with TemporaryDirectory() as folder:
        (Path(folder) / "faces").mkdir()
        for name, data in pictures.items():
            (Path(folder) / "faces" / name).write_bytes(data)
        check_prediction(model, Path(folder), "--annotate")
        for file in (Path(folder) / "annotated").glob("*"):
            assert max(Image.open(file).size) <= 2049  # no narrow one is drawn miles long
