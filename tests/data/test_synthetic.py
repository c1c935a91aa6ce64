"""The drawn stand-in faces: named, reproducible, planted as recorded, and neither unreadable nor a bar code."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from agegender_lib.data import synthetic
from agegender_lib.data.duplicates import duplicate_pairs
from agegender_lib.data.filenames import parse_name
from agegender_lib.errors import InputError

COUNT, SEED = 600, 3


@pytest.fixture(scope="module")
def plan():
    return synthetic.plan_faces(COUNT, SEED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return synthetic.render_faces(tmp_path_factory.mktemp("rendered") / "faces", COUNT, SEED)


@pytest.fixture(scope="module")
def images(folder, plan):
    return np.stack([np.asarray(Image.open(folder / name)) for name in plan["file"]])


def _bytes(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_names_carry_the_labels(folder, plan):
    assert sorted(path.name for path in folder.iterdir()) == sorted(plan["file"])
    assert plan["file"].is_unique
    read = pd.DataFrame([parse_name(name) for name in plan["file"]])
    pd.testing.assert_frame_equal(read[["age", "gender", "race"]], plan[["age", "gender", "race"]])
    assert read["timestamp"].str.fullmatch(r"20\d{15}").all()
    assert plan["file"].str.endswith(".jpg.chip.jpg").all()


def test_pictures_are_marked_jpegs_of_128_pixels(folder):
    for path in folder.iterdir():
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (128, 128))
            assert image.info["comment"] == synthetic.COMMENT


def test_same_seed_same_bytes_whatever_the_count(folder, tmp_path):
    again = _bytes(synthetic.render_faces(tmp_path / "again", 110, SEED))
    whole = _bytes(folder)
    assert len(again) == 110
    assert all(whole[name] == data for name, data in again.items())
    assert len(set(again.values())) == 109  # the duplicate planted so far is byte-identical


def test_the_duplicate_search_finds_the_planted_ones_and_no_others(plan, images):
    planted = plan[plan["original"] >= 0]
    groups = {}
    for row, original in zip(planted.index, planted["original"], strict=True):
        groups.setdefault(original, [original]).append(row)
    expected = {frozenset(plan.loc[[a, b], "file"]) for group in groups.values() for a in group for b in group if a < b}
    pairs = duplicate_pairs(plan, images)
    assert set(map(frozenset, zip(pairs["file_a"], pairs["file_b"], strict=True))) == expected


def test_a_filled_folder_is_left_alone(folder, plan, monkeypatch):
    monkeypatch.setattr(synthetic, "_jpeg", lambda *_: pytest.fail("drawn again"))
    (folder / ".DS_Store").touch()
    assert synthetic.render_faces(folder, COUNT, SEED) == folder
    (folder / ".DS_Store").unlink()


@pytest.mark.parametrize("arguments", [(COUNT, SEED + 1), (COUNT - 1, SEED)])
def test_a_folder_of_something_else_is_refused(folder, arguments):
    before = _bytes(folder)
    with pytest.raises(InputError, match="already holds something other"):
        synthetic.render_faces(folder, *arguments)
    assert _bytes(folder) == before
