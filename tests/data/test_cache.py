"""The cache: a source is decoded once, and nothing half-written is believed."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_faces import FACES, WRITE, everything_below, pixels, reasons, write_folder

from agegender_lib.data import cache, decode, importer, load_faces


@pytest.fixture
def decodes(monkeypatch):
    """Counts the images decoded."""
    count = []

    def counting(data):
        count.append(1)
        return decode.decode_face(data)

    monkeypatch.setattr(importer, "decode_face", counting)
    return count


@pytest.mark.parametrize("kind", ["folder", "tar", "zip"])
def test_an_unchanged_source_is_decoded_once(tmp_path, store, decodes, monkeypatch, kind):
    monkeypatch.setattr(importer, "_BATCH", 2)
    write = WRITE[kind]
    source = write(tmp_path / f"f.{kind}", {**FACES, "notes.txt": b"", "copy/" + min(FACES): FACES[min(FACES)]})
    first = load_faces(source, store)
    assert len(decodes) == 5  # a copy is not decoded again either
    second = load_faces(source, store)
    assert len(decodes) == 5
    pd.testing.assert_frame_equal(second.table, first.table)
    pd.testing.assert_frame_equal(second.rejected, first.rejected)
    np.testing.assert_array_equal(second.images, first.images)
    assert (second.fingerprint, second.name) == (first.fingerprint, first.name)


@pytest.mark.parametrize("sign", ["time", "size"])
@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_changed_source_is_read_again(tmp_path, store, decodes, kind, sign):
    name = min(FACES)
    changed = FACES[name][:-2] + (b"\0\0" if sign == "time" else b"\xff\xd9" + bytes(20_000))
    source = WRITE[kind](tmp_path / f"f.{kind}", FACES)
    file = source / name if kind == "folder" else source
    was = file.stat()
    before = load_faces(source, store)

    WRITE[kind](source, {**FACES, name: changed})
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns + (1_000_000 if sign == "time" else 0)))
    assert (file.stat().st_size == was.st_size) == (sign == "time")
    after = load_faces(source, store)
    assert after.fingerprint != before.fingerprint


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path, store, monkeypatch):
    """As after `chmod`, or when a mounted drive failed for a moment: nothing of either shows in sizes and times."""
    folder, closed = write_folder(tmp_path / "f", FACES), min(FACES)
    read = Path.read_bytes
    with monkeypatch.context() as failing:

        def fail(file):
            if file.name == closed:
                raise PermissionError(13, "Permission denied")
            return read(file)

        failing.setattr(Path, "read_bytes", fail)
        for _ in range(2):
            faces = load_faces(folder, store)
            assert len(faces) == 4 and reasons(faces) == {closed: "cannot be read (Permission denied)"}
    faces = load_faces(folder, store)
    assert len(faces) == 5 and reasons(faces) == {}


def damage_images(entry: Path) -> None:
    data = (entry / "images.npy").read_bytes()
    (entry / "images.npy").write_bytes(data[: len(data) // 2])


def damage_table(entry: Path) -> None:
    lines = (entry / "table.csv").read_text().splitlines(keepends=True)
    (entry / "table.csv").write_text("".join(lines[:-1]))


def other_version(entry: Path) -> None:
    meta = (entry / "meta.json").read_text()
    (entry / "meta.json").write_text(meta.replace(f'"version": {cache.VERSION}', '"version": -1'))


@pytest.mark.parametrize(
    "damage",
    [
        damage_images,
        damage_table,
        other_version,
        lambda entry: (entry / "meta.json").write_text('{"name": "f", "finger'),
    ],
)
def test_a_half_written_entry_is_not_believed(tmp_path, store, decodes, damage):
    folder = write_folder(tmp_path / "f", FACES)
    load_faces(folder, store)
    (entry,) = store.iterdir()
    names = [file.name for file in everything_below(entry)]
    assert names == ["images.npy", "meta.json", "rejected.csv", "table.csv"]
    damage(entry)
    faces = load_faces(folder, store)
    assert len(decodes) == 10 and len(faces) == 5
    np.testing.assert_array_equal(faces.images[0], pixels(FACES[min(FACES)]))
    load_faces(folder, store)
    assert len(decodes) == 10
