"""The importer: every file ends in the table or among the rejected, however odd it is."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_faces import (
    FACES,
    NAME,
    STAMP,
    WRITE,
    bomb,
    jpeg,
    picture,
    pixels,
    reasons,
    truncated,
    write_folder,
    write_tar,
    write_zip,
)

from agegender_lib.data import archives, load_faces
from agegender_lib.data.synthetic import COMMENT


def test_the_table_holds_what_the_names_say_and_the_pixels_of_the_files(tmp_path, store):
    faces = load_faces(write_folder(tmp_path / "some faces", FACES), store)
    assert list(faces.table["file"]) == sorted(FACES)
    assert list(faces.table["age"]) == [116, 30, 4, 77, 9]
    assert list(faces.table["gender"]) == [0, 0, 0, 1, 1]
    assert list(faces.table["race"]) == [1, 0, 4, 2, 4]
    assert list(faces.table["timestamp"]) == [STAMP + end for end in "60479"]
    assert (faces.table["duplicate_group"] == -1).all()
    assert faces.images.dtype == np.uint8 and faces.images.shape == (5, 128, 128, 3)
    for file, image in zip(faces.table["file"], faces.images, strict=True):
        np.testing.assert_array_equal(image, pixels(FACES[file]))
    assert isinstance(faces.images, np.memmap) and not faces.images.flags.writeable
    assert faces.rejected.empty and list(faces.rejected.columns) == ["file", "reason"]
    assert (faces.name, faces.synthetic, len(faces)) == ("some faces", False, 5)


def test_folder_tar_and_zip_of_the_same_faces_are_the_same(tmp_path, store):
    backwards = dict(reversed(FACES.items()))
    sources = [
        write_folder(tmp_path / "train_val", FACES),
        write_tar(tmp_path / "train_val.tar", backwards, top="train_val/"),
        write_tar(tmp_path / "train_val.tar.gz", FACES, "w:gz", top="./some/where/"),
        write_tar(tmp_path / "train_val.TGZ", FACES, "w:gz"),
        write_zip(tmp_path / "train_val.zip", backwards, top="train_val\\"),
    ]
    first, *others = [load_faces(source, tmp_path / f"cache{n}") for n, source in enumerate(sources)]
    assert len(first) == 5 and len(first.fingerprint) == 64
    for other in others:
        pd.testing.assert_frame_equal(other.table, first.table)
        np.testing.assert_array_equal(other.images, first.images)
        assert (other.fingerprint, other.name) == (first.fingerprint, "train_val")


@pytest.mark.parametrize("change", ["content", "name", "fewer"])
def test_other_faces_have_another_fingerprint(tmp_path, change):
    files = dict(FACES)
    data = files.pop(min(files))
    if change == "content":
        files[min(FACES)] = data + b"\0"
    elif change == "name":
        files["115" + min(FACES)[3:]] = data  # still the first
    before = load_faces(write_folder(tmp_path / "a", FACES), tmp_path / "cache")
    after = load_faces(write_folder(tmp_path / "b", files), tmp_path / "cache")
    assert before.fingerprint != after.fingerprint


def test_faces_of_200_pixels_become_what_the_coursework_has(tmp_path, store):
    original = jpeg(picture(1, 200), quality=95)
    small = Image.open(io.BytesIO(original)).resize((128, 128), Image.Resampling.BICUBIC)
    faces = load_faces(write_folder(tmp_path / "UTKFace", {f"1_0_0_{STAMP}.jpg": original}), store)
    np.testing.assert_array_equal(faces.images[0], pixels(jpeg(small, quality=75)))
    assert (faces.images[0] != np.asarray(small)).any()


@pytest.mark.parametrize("marked", [0, 1, 5])
def test_drawn_faces_are_known_by_their_comment(tmp_path, store, marked):
    files = {
        name: jpeg(n, comment=COMMENT if n < marked else b"another comment")
        for n, name in enumerate(sorted(FACES, reverse=True))
    }
    assert load_faces(write_folder(tmp_path / "f", files), store).synthetic is (marked > 0)


ODD_FILES = {
    "four colours": (NAME, jpeg(picture(3).convert("CMYK")), "mode CMYK, expected colours or greys of 8 bits"),
    "size": (NAME, jpeg(picture(3, 47)), "size 47x47, expected 48 to 4096 pixels"),
    "truncated": (NAME, truncated(), "truncated or damaged JPEG"),
    "text": (NAME, b"this is not a picture", "not a picture"),
    "huge": (NAME, jpeg(3) + bytes(2**23), "larger than 8 MB, not read"),
    "bomb": (NAME, bomb(), "far too large"),
    "age": (f"117_1_2_{STAMP}.jpg", jpeg(3), "age field is '117'"),
    "name": ("holiday.jpg", jpeg(3), "has 1 fields"),
    ".DS_Store": (".DS_Store", b"\0", "not a picture"),
    "macOS": (f"__MACOSX/._{NAME}", b"\0", "not a picture: metadata of macOS"),
    "not text": ("26_1_2_\udcff.jpg", jpeg(3), "datetime field"),
    "comma and line": ('a,"b"\nc.jpg', jpeg(3), "has 1 fields"),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_an_odd_file_is_rejected_and_the_import_goes_on(tmp_path, store, kind, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 2**23)
    name, data, reason = ODD_FILES[kind]
    source = write_folder(tmp_path / "f", {**FACES, f"sub/{name}": data})
    for faces in (load_faces(source, store), load_faces(source, store)):
        assert len(faces) == 5
        ((file, given),) = reasons(faces).items()
        assert file == f"sub/{name}".replace("\udcff", r"\udcff").replace("\n", r"\n")
        assert reason in given


@pytest.mark.parametrize("kind", ["folder", "tar", "zip"])
def test_copies_in_other_folders_count_once(tmp_path, store, kind):
    name = min(FACES)
    smaller = jpeg(picture(116), quality=40)
    files = {
        f"utkface_aligned_cropped/UTKFace/{name}": FACES[name],
        f"crop_part1/{name}": FACES[name],
        f"UTKFace/{name}": FACES[name],
        f"zoom/{name}": smaller,
    }
    source = WRITE[kind](tmp_path / f"f.{kind}", files)
    faces = load_faces(source, store)
    assert len(faces) == 1
    np.testing.assert_array_equal(faces.images[0], pixels(FACES[name]))
    assert reasons(faces) == {
        f"crop_part1/{name}": f"duplicate of UTKFace/{name}",
        f"utkface_aligned_cropped/UTKFace/{name}": f"duplicate of UTKFace/{name}",
        f"zoom/{name}": f"another version of UTKFace/{name}",
    }
