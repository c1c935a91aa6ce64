"""The drawn stand-in faces: named, reproducible, planted as recorded, and neither unreadable nor a bar code."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agegender_lib.data import rendered
from agegender_lib.data.duplicates import duplicate_pairs
from agegender_lib.data.filenames import parse_name
from agegender_lib.errors import InputError

COUNT, SEED, DUPLICATES = 600, 3, 0.02


@pytest.fixture(scope="module")
def plan():
    return rendered.plan_faces(COUNT, SEED, DUPLICATES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return rendered.render_faces(tmp_path_factory.mktemp("rendered") / "faces", COUNT, SEED, DUPLICATES)


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
            assert image.info["comment"] == rendered.COMMENT


def test_same_seed_same_bytes_whatever_the_count(folder, tmp_path):
    again = _bytes(rendered.render_faces(tmp_path / "again", 110, SEED, DUPLICATES))
    whole = _bytes(folder)
    assert len(again) == 110
    assert all(whole[name] == data for name, data in again.items())
    assert len(set(again.values())) == 109  # of the two duplicates planted so far one is byte-identical


def test_planted_duplicates_are_as_recorded(folder, plan, images):
    planted = plan[plan["original"] >= 0]
    assert len(planted) == round(COUNT * DUPLICATES)
    assert (planted["original"] < planted.index).all()
    originals = plan.loc[planted["original"]]
    assert (originals["original"] == -1).all()
    for column in ("gender", "race"):
        assert (planted[column].to_numpy() == originals[column].to_numpy()).all()

    gap = np.abs(planted["age"].to_numpy() - originals["age"].to_numpy())
    assert 0.4 <= (gap > 0).mean() <= 0.6
    assert gap.max() <= 22
    data = _bytes(folder)
    identical = [data[a] == data[b] for a, b in zip(planted["file"], originals["file"], strict=True)]
    assert identical == (~planted["reencoded"]).to_list()
    assert 0.4 <= np.mean(identical) <= 0.6
    assert {(bool(g), bool(r)) for g, r in zip(gap, planted["reencoded"], strict=True)} == {
        (conflict, reencoded) for conflict in (False, True) for reencoded in (False, True)
    }


def test_the_duplicate_search_finds_the_planted_ones_and_no_others(plan, images):
    planted = plan[plan["original"] >= 0]
    groups = {}
    for row, original in zip(planted.index, planted["original"], strict=True):
        groups.setdefault(original, [original]).append(row)
    expected = {
        frozenset(plan.loc[[a, b], "file"])
        for group in groups.values()
        for a in group
        for b in group
        if a < b
    }
    pairs = duplicate_pairs(plan, images)
    assert set(map(frozenset, zip(pairs["file_a"], pairs["file_b"], strict=True))) == expected


def test_a_filled_folder_is_left_alone(folder, plan, monkeypatch):
    monkeypatch.setattr(rendered, "_jpeg", lambda *_: pytest.fail("drawn again"))
    (folder / ".DS_Store").touch()
    assert rendered.render_faces(folder, COUNT, SEED, DUPLICATES) == folder
    (folder / ".DS_Store").unlink()


@pytest.mark.parametrize("arguments", [(COUNT, SEED + 1, DUPLICATES), (COUNT - 1, SEED, DUPLICATES)])
def test_a_folder_of_something_else_is_refused(folder, arguments):
    before = _bytes(folder)
    with pytest.raises(InputError, match="already holds something other"):
        rendered.render_faces(folder, *arguments)
    assert _bytes(folder) == before


def _edges(images):
    """Histograms of edge directions in cells of 8 pixels: float [n, 2048]."""
    grey = images.mean(axis=3, dtype=np.float32)
    down, right = np.gradient(grey, axis=(1, 2))
    strength, direction = np.hypot(down, right), np.arctan2(down, right) % np.pi / np.pi * 8
    cells = [
        np.where(direction.astype(int) % 8 == d, strength, 0).reshape(-1, 16, 8, 16, 8).sum((2, 4))
        for d in range(8)
    ]
    edges = np.stack(cells, axis=-1).reshape(len(images), -1)
    return np.sqrt(edges / edges.mean(axis=1, keepdims=True))


def test_labels_can_be_learnt_but_not_read_off(plan, images):
    faces = plan.index[plan["original"] == -1]
    train, test = faces[:420], faces[420:]
    features = make_pipeline(StandardScaler(), PCA(80, whiten=True, random_state=0))
    edges = _edges(images)
    train_x, test_x = features.fit_transform(edges[train]), features.transform(edges[test])

    age = plan["age"].to_numpy()
    error = np.abs(Ridge(30).fit(train_x, age[train]).predict(test_x) - age[test]).mean()
    baseline = np.abs(np.median(age[train]) - age[test]).mean()
    assert 2 < error < 0.75 * baseline

    gender = plan["gender"].to_numpy()
    accuracy = LogisticRegression(C=0.1).fit(train_x, gender[train]).score(test_x, gender[test])
    assert 0.78 < accuracy < 0.99
