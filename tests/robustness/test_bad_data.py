"""Names, JPEGs, folders and archives of any kind: every file is a face or listed with a reason, or all is refused."""

import gzip
import io
import os
import re
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_faces import FACES, NAME, bomb, jpeg, picture, reasons, write_folder, write_tar, write_zip
from watched import check_sentence, outcome, watched

from agegender_lib.data import load_faces
from agegender_lib.data.decode import NotAFace, decode_face
from agegender_lib.data.filenames import parse_name, printable
from agegender_lib.errors import InputError
from tests.robustness import bad_inputs as bad

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged notes in pictures

# The watch is not blind


def _unpickles():
    import pickle

    pickle.loads(pickle.dumps(Path))


@pytest.mark.parametrize(
    "act",
    [
        lambda: subprocess.run([sys.executable, "-c", ""]),
        lambda: os.system("true"),
        lambda: socket.create_connection(("127.0.0.1", 9), 0.1),
        _unpickles,
    ],
)
def test_the_watch_sees_what_is_swallowed(act):
    def swallowing():
        try:
            act()
        except OSError:
            pass

    with pytest.raises(AssertionError, match=r"subprocess|os\.|socket|pickle"):
        outcome(swallowing)


@pytest.mark.parametrize(
    "sentence", ["two\nlines", "\x1b[2Jgone", "x" * 4000, " ", "Traceback (most", "\udcff"]
)
def test_what_is_no_sentence_is_a_fault(sentence):
    def refusing():
        # longer than an InputError lets it become
        raise ValueError(sentence)

    with pytest.raises(AssertionError):
        outcome(refusing, ValueError)


# Names


@bad.cases(8)
@given(bad.names)
def test_names(name):
    found, refusal = outcome(lambda: parse_name(name))
    if not refusal:
        assert 0 <= found.age <= 116 and found.gender in (0, 1) and found.race in range(5)
        fields = [int(field) for field in re.split(r"[_.]|jpe?g", name, flags=re.IGNORECASE)[:4]]
        assert fields == [found.age, found.gender, found.race, int(found.timestamp)]
        end = r"[ .]*jpe?g([ .]+chip[ .]*jpe?g)? *"
        assert re.fullmatch(rf"[ 0-9_]+{end}", name, re.ASCII | re.IGNORECASE)


def test_a_name_of_half_a_million_dots_is_refused_at_once():
    with pytest.raises(InputError, match=r"a name of 500,?003 characters") as refusal:
        parse_name("." * 500_000 + "jpg")
    assert len(str(refusal.value)) < 200


def test_names_are_shown_without_what_moves_a_terminal(tmp_path):
    assert printable("a\x1b[2Jb\r\udcff\u202e") == r"a\x1b[2Jb\r\udcff\u202e"
    assert printable("é b/ü.jpg") == "é b/ü.jpg"
    assert len(printable("x" * 10**6)) < 400
    folder = write_folder(tmp_path / "f", {**FACES, "red\x1b[31m.jpg": b"x"})
    assert list(reasons(load_faces(folder, tmp_path / "cache"))) == [r"red\x1b[31m.jpg"]


@pytest.mark.parametrize("path", ["~nobody-of-this-name/faces", "x" * 300, "x\0y", "a/" * 3000])
def test_a_path_that_cannot_be_is_refused(tmp_path, path):
    with pytest.raises(InputError):
        load_faces(path, tmp_path)


def test_a_message_has_a_bound():
    assert str(InputError("short")) == "short"
    assert len(str(InputError("x" * 10**6))) < 2100


# JPEGs


@bad.cases(3)
@given(bad.jpegs)
def test_jpegs(data):
    found, refusal = outcome(lambda: decode_face(data), NotAFace)
    if not refusal:
        pixels, rendered = found
        assert pixels.shape == (128, 128, 3) and pixels.dtype == "uint8" and rendered is False


def test_a_jpeg_of_thousands_of_scans_is_not_decoded():
    with pytest.raises(NotAFace, match=r"a JPEG of 80,0\d\d scans, expected at most 100"):
        decode_face(bad.many_scans(960_000))
    assert decode_face(bad.save(picture(3), progressive=True))[0].shape == (128, 128, 3)


@pytest.mark.parametrize("side", [9_000, 10_000, 13_000, 30_000])
@pytest.mark.filterwarnings("error")
def test_a_huge_picture_is_refused_by_its_size_without_a_warning(side):
    with pytest.raises(NotAFace, match=f"size {side}x{side}"):
        decode_face(bomb(side))


# Folders and archives

_places = st.sampled_from(("", "", "", "a/", "a/b/", "UTKFace/", "__MACOSX/", ".hidden/", "d/" * 60, "é/"))
_member_names = st.builds(
    lambda place, name: (
        place + (re.sub(r"[\0/\ud800-\udfff]", "", name[:400]).strip(".") or "x").replace(":", "")
    ),
    _places,
    st.one_of(bad.good_names, bad.names),
)
_contents = st.one_of(st.sampled_from(bad.faces()), st.sampled_from(bad.faces()), bad.jpegs)
trees = st.lists(st.tuples(_member_names, _contents), max_size=6)
kinds = st.sampled_from(("folder", "tar", "tar.gz", "zip"))
#: What else can stand in each, besides files.
_TAR = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, b"Z")
specials = st.sets(st.integers(0, len(_TAR) - 1), max_size=2)


def write(place: Path, kind: str, files, extra=()) -> tuple[Path, list[str]]:
    """A folder or archive of the files, and the paths of all that is to be listed."""
    if kind == "folder":
        return _folder(place / "faces", files, extra)
    path = place / f"faces.{kind}"
    return path, _zip(path, files, extra) if kind == "zip" else _tar(path, kind, files, extra)


def _folder(folder, files, extra):
    folder.mkdir()
    members = set()
    for name, data in files:
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        except OSError:  # not every name can lie on a disk
            continue
        members.add(name)
    links = ("nowhere", folder, folder.parent, "/etc/passwd")
    for number in extra:
        name = folder / f"{number}_0_0_7.jpg"
        if number == 4:
            (folder / "empty").mkdir(exist_ok=True)
        elif not os.path.lexists(name):
            os.mkfifo(name) if number == 5 else os.symlink(links[number], name)
            members.add(name.name)
    return folder, sorted(members)


def _tar(path, kind, files, extra):
    members = [name for name, _ in files]
    with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0
            archive.addfile(member, io.BytesIO(data))
        for number in extra:
            member = tarfile.TarInfo(f"{number}_0_0_7.jpg")
            member.type, member.linkname = _TAR[number], "x"
            archive.addfile(member)
            members += [] if member.isdir() else [member.name]
    return members


def _zip(path, files, extra):
    members = [name for name, _ in files]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data)
        if 0 in extra:
            link = zipfile.ZipInfo("a link.jpg")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "x")
            members.append(link.filename)
        if 1 in extra:
            archive.writestr(zipfile.ZipInfo("a folder/"), b"")
    if 2 in extra and members:  # say that one is encrypted
        data = bytearray(path.read_bytes())
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)
    return members


def check_import(source: Path, cache: Path, members: list[str] | None = None) -> str:
    """Import, and count: nothing is lost, nothing is there twice; returns the refusal, if it is one."""
    faces, refusal = outcome(lambda: load_faces(source, cache))
    if refusal:
        return refusal
    rejected = faces.rejected
    assert len(faces) == len(faces.images) > 0 and faces.table["file"].is_unique
    assert (rejected["reason"].str.strip() != "").all() and (rejected["file"] != "").all(), rejected
    for reason in (*rejected["reason"], *rejected["file"]):
        check_sentence(reason)
    if members is not None:
        assert len(faces) + len(rejected) == len(members), (faces.table, rejected, members)
        if all(member.isascii() and member.isprintable() and 0 < len(member) < 300 for member in members):
            lost = Counter(members) - Counter(rejected["file"])
            bases = Counter(member.replace("\\", "/").rpartition("/")[2] for member in lost.elements())
            assert bases == Counter(faces.table["file"]), (bases, faces.table)
    again = load_faces(source, cache)
    assert list(again.table["file"]) == list(faces.table["file"])
    assert list(again.rejected["file"]) == list(rejected["file"])
    return ""


@bad.cases(1)
@given(kinds, trees, specials)
def test_nothing_is_lost(kind, files, extra):
    """Of trees whose files are known, each is in the table or among the rejected, once, with a reason."""
    with TemporaryDirectory() as place:
        source, members = write(Path(place), kind, files, extra)
        refusal = check_import(source, Path(place) / "cache", members)
        assert not refusal or "holds no" in refusal
        if refusal and members:
            assert f"among its {len(members)} files" in refusal


def test_the_count_sees_a_lost_and_a_doubled_file(tmp_path):
    source = write_zip(tmp_path / "f.zip", {**FACES, "x.txt": b""})
    assert check_import(source, tmp_path / "cache", [*FACES, "x.txt"]) == ""
    for members in ([*FACES], [*FACES, "x.txt", "y.txt"], [*FACES, "y.txt"]):
        with pytest.raises(AssertionError):
            check_import(source, tmp_path / "cache", members)


_ARCHIVES = ("tar", "tar.gz", "zip")


@bad.cases(2)
@given(st.data(), st.sampled_from(_ARCHIVES), st.sampled_from((*_ARCHIVES, "tgz", "ZIP", "rar", "")))
def test_damaged_archives_and_such_of_another_ending(data, kind, ending):
    with TemporaryDirectory() as place:
        source, _ = write(Path(place), kind, [*FACES.items(), ("notes.txt", b"x")])
        content = data.draw(bad.maybe_damaged(source.read_bytes()))
        source = Path(place) / f"given.{ending}"
        source.write_bytes(content)
        check_import(source, Path(place) / "cache")


_OUTSIDE = (
    "../x.jpg", "/tmp/x.jpg", "a/../../x.jpg", "..", "../" * 50 + "etc/passwd", "//x.jpg", "..\\x.jpg", "C:\\x.jpg",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "symbolic", "hard", "zip", "zip link"])
@pytest.mark.parametrize("leads", _OUTSIDE)
def test_what_leads_outside_an_archive_brings_nothing_in(tmp_path, kind, leads):
    place = tmp_path / "place"
    place.mkdir()
    write_folder(tmp_path, {"x.jpg": jpeg(3)})
    file = {**FACES, leads: b"x"}
    if kind == "zip":
        path = write_zip(place / "f.zip", file)
    elif kind == "plain":
        path = write_tar(place / "f.tar", file)
    elif kind == "zip link":
        path = write_zip(place / "f.zip", FACES)
        with zipfile.ZipFile(path, "a") as archive:
            link = zipfile.ZipInfo("26_0_0_1.jpg")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, leads)
    else:
        path = write_tar(place / "f.tar", FACES)
        with tarfile.open(path, "a") as archive:
            link = tarfile.TarInfo("26_0_0_1.jpg")
            link.type = tarfile.SYMTYPE if kind == "symbolic" else tarfile.LNKTYPE
            link.linkname = leads
            archive.addfile(link)
    with pytest.raises(InputError, match="outside"), watched():
        load_faces(path, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_hidden_files_and_folders_with_content_are_listed_and_folders_are_not(tmp_path):
    hidden = {".DS_Store": b"\0", f"__MACOSX/._{NAME}": b"\0", "Thumbs.db": b"x", ".git/config": b"x"}
    path = write_zip(tmp_path / "f.zip", {**FACES, **hidden, "full/": b"x", "empty/": b""})
    assert Counter(reasons(load_faces(path, tmp_path / "cache")).keys()) == Counter([*hidden, "full/"])
    (write_folder(tmp_path / "f", {**FACES, **hidden}) / "empty").mkdir()
    assert reasons(load_faces(tmp_path / "f", tmp_path / "cache")).keys() == hidden.keys()


def test_a_tar_of_another_compression_is_refused_and_gzip_is_known_by_its_content(tmp_path):
    with tarfile.open(tmp_path / "f.tar", "w:bz2") as archive:
        archive.addfile(tarfile.TarInfo(NAME), io.BytesIO())
    with pytest.raises(InputError, match="damaged"):
        load_faces(tmp_path / "f.tar", tmp_path / "cache")
    (tmp_path / "plain.tar").write_bytes(gzip.compress(write_tar(tmp_path / "g.tar", FACES).read_bytes()))
    assert len(load_faces(tmp_path / "plain.tar", tmp_path / "cache")) == 5
