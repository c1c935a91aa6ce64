"""Near-duplicates: one photograph under several names."""

import numpy as np
import pandas as pd
import pytest
from PIL import ImageFilter
from scipy.fft import idctn
from tiny_faces import FACES, STAMP, jpeg, picture, write_folder

from agegender_lib.data import duplicate_groups, duplicate_pairs, duplicates, load_faces


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


def alike(rng, count, low):
    """Unit vectors without mean, many of them near one another; in waves up to ``low`` of 32, or in all."""
    waves = np.zeros((count, 32, 32))
    first = rng.standard_normal((count // 4 + 1, low, low))
    step = rng.choice([0.0, 0.05, 0.15, 0.2, 0.3, 1.0], count)[:, None, None]
    waves[:, :low, :low] = first[rng.integers(len(first), size=count)] + step * rng.standard_normal((count, low, low))
    waves[:, 0, 0] = 0
    pixels = idctn(waves, axes=(1, 2), norm="ortho").reshape(count, -1)
    return (pixels / np.linalg.norm(pixels, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.98, 0.995])
@pytest.mark.parametrize("low", [3, 6, 32])
def test_no_pair_is_lost_by_not_comparing_each_with_each(low, threshold, monkeypatch):
    monkeypatch.setattr(duplicates, "THRESHOLD", threshold)
    thumbnails = alike(np.random.default_rng([low, int(1000 * threshold)]), 400, low)
    correlation = thumbnails.astype(float) @ thumbnails.T.astype(float)
    # a pair within rounding of the threshold may fall on either side
    sure = np.abs(correlation - threshold) > 1e-5
    wanted = set(zip(*np.nonzero(np.triu(correlation >= threshold, 1) & sure), strict=True))
    one, other, similarity = duplicates._similar(thumbnails, np.arange(400))
    found = {(a, b): value for a, b, value in zip(one, other, similarity, strict=True) if sure[a, b]}
    assert set(found) == wanted and 50 < len(wanted) < 40_000
    np.testing.assert_allclose(list(found.values()), [correlation[pair] for pair in found], atol=1e-5)
    assert (np.diff(one) >= 0).all() and similarity.max() <= 1
