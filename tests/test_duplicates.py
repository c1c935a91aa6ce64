"""Near-duplicates: one photograph under several names."""

import numpy as np
import pandas as pd
import pytest
from PIL import ImageFilter
from tiny_faces import FACES, STAMP, jpeg, picture, write_folder

from agegender_lib.data import duplicate_groups, duplicate_pairs, duplicates, load_faces


@pytest.fixture
def store(tmp_path):
    return tmp_path / "cache"


def test_one_photograph_under_several_names_is_kept_and_grouped(tmp_path, store):
    soft = jpeg(picture(30).filter(ImageFilter.GaussianBlur(1)), quality=60)
    files = {
        **FACES,
        f"31_0_0_{STAMP}1.jpg": FACES[f"30_0_0_{STAMP}0.jpg.chip.jpg"],
        f"42_1_0_{STAMP}2.jpg": soft,
        f"5_0_4_{STAMP}3.jpg": FACES[f"4_0_4_{STAMP}4.jpg.chip.jpg"],
    }
    faces = load_faces(write_folder(tmp_path / "f", files), store)
    assert faces.rejected.empty
    assert list(faces.table["age"]) == [116, 30, 31, 42, 4, 5, 77, 9]
    assert list(faces.table["duplicate_group"]) == [-1, 0, 0, 0, 1, 1, -1, -1]

    pairs = duplicate_pairs(faces.table, faces.images)
    assert list(zip(pairs["age_a"], pairs["age_b"], strict=True)) == [(30, 31), (4, 5), (30, 42), (31, 42)]
    assert list(pairs["identical"]) == [True, True, False, False]
    assert list(pairs["age_gap"]) == [1, 1, 12, 11]
    assert list(pairs["gender_b"] - pairs["gender_a"]) == [0, 0, 1, 1]
    assert pairs["similarity"].between(0.98, 1).all()
    assert pairs["file_a"][0].startswith("30_") and pairs["file_b"][0].startswith("31_")


def test_groups_reach_across_blocks_and_are_numbered_in_order(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 2)
    images = np.stack([np.asarray(picture(seed)) for seed in (1, 2, 3, 1, 4, 2, 1)])
    assert list(duplicate_groups(images)) == [0, 1, -1, 0, -1, 1, 0]
    none = duplicate_pairs(pd.DataFrame({"file": [], "age": [], "gender": []}), images[:0])
    assert none.empty and "age_gap" in none


def test_flat_images_are_alike_but_like_no_other():
    images = np.stack([np.full((128, 128, 3), 40), np.asarray(picture(1)), np.full((128, 128, 3), 200)])
    assert list(duplicate_groups(images.astype(np.uint8))) == [0, -1, 0]
