"""Several sources as one set: nothing of either is lost, and what both have is found."""

import numpy as np
import pytest
from tiny_faces import FACES, jpeg, write_folder, write_zip

from agegender_lib.data import RACES, load_dataset, load_faces, load_sources, split_faces
from agegender_lib.data.sources import resolved
from agegender_lib.data.summary import set_name
from agegender_lib.errors import InputError


@pytest.fixture
def both(tmp_path):
    """UTKFace's names, and a table of ranges whose first face is one of those, stored again."""
    names = sorted(FACES)
    utkface = write_folder(tmp_path / "utk", FACES)
    files = {"a.jpg": FACES[names[0]], names[1]: jpeg(50), "c.jpg": jpeg(51)}
    other = write_zip(tmp_path / "fair.zip", files)
    table = tmp_path / "mine" / "labels.csv"
    table.parent.mkdir()
    rows = f"a.jpg,20-29,Female,Black\n{names[1]},3-9,Male,East Asian\nc.jpg,40-49,Male,Black\n"
    table.write_text("file,age,gender,race,usage\n" + "".join(f"{row},Training\n" for row in rows.splitlines()))
    return utkface, other, table


def test_two_sources_are_one_set(both, tmp_path):
    utkface, other, table = both
    text, cache = f"{utkface} + {other} with {table}", tmp_path / "cache"
    faces = load_dataset(text, cache=cache)
    parts = load_faces(utkface, cache), load_faces(other, cache, labels=table)
    assert [set_name(each) for each in (*parts, faces)] == ["UTKFace", "", ""]
    assert len(faces) == 8 and list(faces.table["source"]) == ["utk"] * 5 + ["fair"] * 3
    np.testing.assert_array_equal(faces.images, np.concatenate([part.images for part in parts]))
    # one name in both
    name = sorted(FACES)[1]
    assert [file for file in faces.table["file"] if name in file] == [f"utk/{name}", f"fair/{name}"]
    assert faces.table["file"].is_unique
    assert faces.table["age"][:5].tolist() == parts[0].table["age"].tolist()
    assert (faces.table["age_low"] == faces.table["age_high"]).tolist() == [True] * 5 + [False] * 3
    named = [RACES[code] for code in parts[0].table["race"]] + ["East Asian", "Black", "Black"]
    assert faces.table["race"].tolist() == named
    # the photograph that is in both stays on one side
    (group,) = set(faces.table["duplicate_group"]) - {-1}
    assert faces.table.index[faces.table["duplicate_group"] == group].tolist() == [0, 6]
    split = split_faces(faces.table, 1, 2)
    assert split[0] == split[6]
    # only one tells a split
    assert faces.table["split"].tolist() == [""] * 5 + ["train"] * 3
    # kept, and not read again
    again = load_sources(text, cache)
    assert again.table.equals(faces.table) and again.fingerprint == faces.fingerprint
    assert again.name == "utk+fair" and any("utk: labels" in note for note in again.notes)


def test_a_source_given_twice_is_refused(both, tmp_path):
    with pytest.raises(InputError, match="given twice"):
        load_sources(f"{both[0]} + {both[0]}", tmp_path / "cache")


def test_a_path_with_these_words_in_it_is_a_path(tmp_path):
    source = write_folder(tmp_path / "mine + yours with glasses", FACES)
    assert len(load_sources(source, tmp_path / "cache")) == 5


def test_every_part_of_a_text_is_named_by_its_full_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolved("a.tar with l.csv + sub/b.zip") == f"{tmp_path}/a.tar with {tmp_path}/l.csv + {tmp_path}/sub/b.zip"
    (tmp_path / "my + faces").mkdir()
    assert resolved("my + faces") == f"{tmp_path}/my + faces"
