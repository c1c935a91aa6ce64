"""Folders, tars and zips: bounded, never unpacked, and refused as a whole when they are not to be trusted."""

import tarfile

import pytest
from tiny_faces import FACES, everything_below, jpeg, write_folder, write_tar, write_zip

from agegender_lib.data import load_faces
from agegender_lib.errors import InputError


@pytest.mark.parametrize("member", ["../evil.jpg", "a/../../evil.jpg"])
@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_an_archive_reaching_outside_is_refused(tmp_path, store, write, member):
    source = write(tmp_path / ("f.zip" if write is write_zip else "f.tar"), {**FACES, member: jpeg(3)})
    before = everything_below(tmp_path)
    with pytest.raises(InputError, match="leads outside the archive") as refusal:
        load_faces(source, store)
    assert repr(member) in str(refusal.value)
    assert everything_below(tmp_path) == sorted([*before, store])


def test_missing_empty_and_unsupported_sources(tmp_path, store):
    (tmp_path / "empty").mkdir()
    (tmp_path / "faces.rar").write_bytes(b"Rar!")
    (tmp_path / "notes.zip").write_bytes(b"no archive at all")
    write_tar(tmp_path / "empty.tar", {})
    only_text = write_folder(tmp_path / "text", {"a.txt": b"", "b.jpg": b""})
    for source, message in {
        tmp_path / "nowhere": "nowhere does not exist",
        tmp_path / "empty": "holds no files",
        tmp_path / "empty.tar": "holds no files",
        tmp_path / "faces.rar": "not a supported source",
        tmp_path / "notes.zip": "damaged",
        only_text: r"no usable face among its 2 files \(a.txt: not a picture .*; b.jpg: 'b.jpg' has 1 fields",
    }.items():
        with pytest.raises(InputError, match=message):
            load_faces(source, store)
        assert everything_below(store) == []


def test_damaged_gzip_and_zip_are_refused(tmp_path, store):
    whole = write_tar(tmp_path / "f.tar.gz", FACES, "w:gz").read_bytes()
    (tmp_path / "f.tar.gz").write_bytes(whole[:-2000])
    source = write_zip(tmp_path / "f.zip", FACES)
    data = bytearray(source.read_bytes())
    data[3000] ^= 0xFF
    source.write_bytes(data)
    cut = write_tar(tmp_path / "cut.tar", FACES)  # right after a face, as if there were no others
    with tarfile.open(cut) as archive:
        third = archive.getmembers()[2].offset
    cut.write_bytes(cut.read_bytes()[:third])
    for file in (tmp_path / "f.tar.gz", source, cut):
        with pytest.raises(InputError, match="damaged"):
            load_faces(file, store)
