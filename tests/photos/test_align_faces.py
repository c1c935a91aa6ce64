"""Labelled photographs to a folder of labelled faces: which face, in which frame, with which labels."""

import numpy as np
import pytest
from PIL import Image
from tiny_faces import STAMP, encoded, jpeg, picture, truncated, write_folder

from agegender_lib.data import load_faces
from agegender_lib.errors import InputError
from agegender_lib.photos.align_faces import align_faces
from agegender_lib.photos.alignment import TEMPLATE
from agegender_lib.photos.detector import Found


class Framed:
    """A detector that takes for a face whatever lies inside a photo, all around of which there is one colour."""

    def find(self, pixels):
        rows, columns = (np.flatnonzero((pixels != pixels[0, 0]).any(axis=axis).any(axis=1)) for axis in (1, 0))
        if not len(rows) or rows[0] == 0:
            return Found(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
        corner, side = np.array([columns[0], rows[0]]), columns[-1] + 1 - columns[0]
        box = np.array([[*corner, side, side]], float)
        return Found(box, np.ones(1), (TEMPLATE * side / 128 + corner)[None])


def photo(seed, size=(300, 400), side=128):
    """A face somewhere in a wide grey photo."""
    image = Image.new("RGB", size, (90, 90, 90))
    image.paste(picture(seed, side), (57, 31))
    return encoded(image, "PNG")


def test_faces_are_framed_and_utkface_s_names_stay_their_labels(tmp_path):
    name = f"20_1_2_{STAMP}"
    files = {
        f"part1/{name}1.png": photo(1),
        f"part2/{name}2.png": photo(2),
        f"part2/{name}3.jpg": jpeg(Image.new("RGB", (90, 200))),
        f"part2/{name}4.jpg": truncated(),
        "notes.txt": b"x",
    }
    count, left_out = align_faces(write_folder(tmp_path / "wild", files), tmp_path / "aligned", detector=Framed())
    faces = load_faces(tmp_path / "aligned", tmp_path / "cache")
    assert count == 2 and list(faces.table["file"]) == [f"{name}{n}.png" for n in (1, 2)]
    assert faces.table[["age", "gender", "race"]].values.tolist() == [[20, 1, 2]] * 2
    for image, seed in zip(faces.images, (1, 2), strict=True):
        assert np.abs(image.astype(int) - np.asarray(picture(seed))).mean() < 4
    said = dict(zip(left_out["file"], left_out["reason"], strict=True))
    assert said[f"part2/{name}3.jpg"] == "no face found" and "damaged" in said[f"part2/{name}4.jpg"]
    assert set(said) == set(files) - {f"part1/{name}1.png", f"part2/{name}2.png"}
    with pytest.raises(InputError, match="name a new folder"):
        align_faces(tmp_path / "wild", tmp_path / "aligned", detector=Framed())


def test_a_table_s_labels_come_along(tmp_path):
    """Ranges, names of races, and two files of one name in two folders."""
    rows = ["a/1.png,20-29,Male,White", "b/1.png,more than 70,Female,Middle Eastern", "b/2.png,7.5,Female,White"]
    files = {row.partition(",")[0]: photo(n, side=100 + 20 * n) for n, row in enumerate(rows)}
    table = "file,age,gender,race\n" + "\n".join([*rows, "b/3.png,5,Male,White"])
    source = write_folder(tmp_path / "photos", {**files, "labels.csv": table.encode()})
    count, left_out = align_faces(source, tmp_path / "aligned", detector=Framed())
    assert count == 3 and left_out.values.tolist() == [["labels.csv, row 5", "the file is not there"]]
    faces = load_faces(tmp_path / "aligned", tmp_path / "cache")
    found = faces.table.sort_values("age")
    assert found[["age_low", "age_high"]].values.tolist() == [[7.5, 7.5], [20, 29], [70, 120]]
    assert found[["gender", "race"]].values.tolist() == [[1, "White"], [0, "White"], [1, "Middle Eastern"]]
    order = [list(files).index(name) for name in ("b/2.png", "a/1.png", "b/1.png")]
    for image, seed in zip(faces.images[found.index], order, strict=True):
        assert np.abs(image.astype(int) - np.asarray(picture(seed))).mean() < 6


def test_photographs_without_faces_are_refused(tmp_path):
    source = write_folder(tmp_path / "wild", {f"20_1_2_{STAMP}.jpg": jpeg(Image.new("RGB", (90, 200)))})
    with pytest.raises(InputError, match=r"no face was found in .*wild"):
        align_faces(source, tmp_path / "aligned", detector=Framed())
    assert not (tmp_path / "aligned").exists()
