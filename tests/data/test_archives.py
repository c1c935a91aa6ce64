"""Folders, tars and zips: bounded, never unpacked, and refused as a whole when they are not to be trusted."""

import gzip
import os
import tarfile
import zipfile

import pytest
from tiny_faces import (
    FACES,
    NAME,
    STAMP,
    WRITE,
    everything_below,
    jpeg,
    reasons,
    write_folder,
    write_tar,
    write_zip,
)

from agegender_lib.data import archives, load_faces
from agegender_lib.errors import InputError


@pytest.fixture
def store(tmp_path):
    return tmp_path / "cache"


@pytest.mark.parametrize("kind", ["folder", "tar", "zip"])
def test_a_huge_file_is_not_read(tmp_path, store, monkeypatch, kind):
    monkeypatch.setattr(archives, "LARGEST_FILE", 50_000)
    files = {**FACES, NAME: jpeg(3) + bytes(50_000)}
    source = WRITE[kind](tmp_path / f"f.{kind}", files)
    assert reasons(load_faces(source, store)) == {NAME: "larger than 1 MB, not read"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path, store, monkeypatch, kind):
    source = WRITE[kind](tmp_path / f"f.{kind}", {**FACES, "zeros.txt": bytes(5_000_000)})
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 5_000_000)
    with pytest.raises(InputError, match="unpacks to more than"):
        load_faces(source, store)
    assert everything_below(store) == []


def test_links_and_devices(tmp_path, store):
    folder = write_folder(tmp_path / "f", FACES)
    (folder / "around").symlink_to(".", target_is_directory=True)
    (folder / f"26_1_2_{STAMP}.jpg").symlink_to("nowhere")
    os.mkfifo(folder / f"27_1_2_{STAMP}.jpg")
    assert reasons(load_faces(folder, store)) == {
        "around": "a link to a folder, which is not followed",
        f"26_1_2_{STAMP}.jpg": "cannot be read (No such file or directory)",
        f"27_1_2_{STAMP}.jpg": "not a regular file",
    }
    with tarfile.open(tmp_path / "f.tar", "w") as archive:
        archive.add(folder, "f")
    with zipfile.ZipFile(write_zip(tmp_path / "f.zip", FACES), "a") as archive:
        link = zipfile.ZipInfo("sub/26_1_2_1.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, f"../{min(FACES)}")
    in_tar = load_faces(tmp_path / "f.tar", store)
    assert len(in_tar) == 5 and list(in_tar.rejected["reason"]) == ["a link or a device, not a file"] * 3
    assert reasons(load_faces(tmp_path / "f.zip", store)) == {"sub/26_1_2_1.jpg": "a link, not a file"}


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
        only_text: r"no usable face among its 2 files \(a.txt: not a JPEG; b.jpg: 'b.jpg' has 1 fields",
    }.items():
        with pytest.raises(InputError, match=message):
            load_faces(source, store)
        assert everything_below(store) == []


@pytest.mark.parametrize("part", ["cut in a member", "cut between members", "garbage header"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_damaged_tar_is_refused_not_read_in_part(tmp_path, store, part, mode):
    plain = write_tar(tmp_path / "f.tar", FACES).read_bytes()
    second = 512 + -(-len(next(iter(FACES.values()))) // 512) * 512  # where the second header begins
    damaged = {
        "cut in a member": plain[: second + 700],
        "cut between members": plain[:second],
        "garbage header": plain[:second] + b"\x55" * 512 + plain[second + 512 :],
    }[part]
    source = tmp_path / ("f.tar" if mode == "w" else "f.tar.gz")
    if mode == "w":
        source.write_bytes(damaged)
    else:
        source.write_bytes(gzip.compress(damaged))
    with pytest.raises(InputError, match="damaged"):
        load_faces(source, store)
    assert everything_below(store) == []


def test_damaged_gzip_and_zip_are_refused(tmp_path, store):
    whole = write_tar(tmp_path / "f.tar.gz", FACES, "w:gz").read_bytes()
    (tmp_path / "f.tar.gz").write_bytes(whole[:-2000])
    source = write_zip(tmp_path / "f.zip", FACES)
    data = bytearray(source.read_bytes())
    data[3000] ^= 0xFF
    source.write_bytes(data)
    for file in (tmp_path / "f.tar.gz", source):
        with pytest.raises(InputError, match="damaged"):
            load_faces(file, store)
