"""A few hundred cases of what ``python -m tests.fuzz`` does by thousands, and every fault it found."""

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tiny_faces import FACES, NAME, bomb, jpeg, picture, reasons, write_folder, write_tar, write_zip

from agegender_lib.data import archives as reading
from agegender_lib.data import load_faces
from agegender_lib.data.decode import NotAFace, decode_face
from agegender_lib.data.filenames import parse_name, printable
from agegender_lib.errors import InputError
from agegender_lib.plain_yaml import load_plain
from tests.fuzz import archives, pictures, settings, targets
from tests.fuzz.guard import PLANTED, SECRET, Sandbox
from tests.fuzz.names import NAMES

# the sandbox is emptied before every case, so the same one will do
few = {"derandomize": True, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path / "sandbox")


def fault_of(sandbox, target, case):
    return targets.run_case(targets.TARGETS[target], case, sandbox).fault


# The watch is not blind: each of these is what a case must not do


def _writes(folder):
    (folder.parent / "outside" / "x").write_text("x")


def _writes_here(folder):
    Path("relative").write_text("x")


def _renames(folder):
    (folder.parent / "outside" / SECRET).rename(folder / "x")


def _removes(folder):
    (folder.parent / "outside" / SECRET).unlink()


def _reads(folder):
    (folder.parent / "outside" / SECRET).read_text()


def _runs(folder):
    subprocess.run([sys.executable, "-c", ""])


def _imports(folder):
    __import__(PLANTED)


def _unmarshals(folder):
    import marshal

    marshal.loads(marshal.dumps(_runs.__code__))


def _unpickles(folder):
    import pickle

    pickle.loads(pickle.dumps(Path))


def _connects(folder):
    import socket

    socket.create_connection(("127.0.0.1", 9), 0.1)


def _hangs(folder):
    while True:
        pass


def _hoards(folder):
    bytearray(60_000_000)[::4096] = b"x" * len(range(0, 60_000_000, 4096))


def _raises(folder):
    raise KeyError("x")


# fmt: off
BAD = (
    _writes, _writes_here, _renames, _removes, _reads, _runs, _imports, _unmarshals, _unpickles, _connects,
    _hangs, _raises,
)
# fmt: on


@pytest.mark.parametrize("act", BAD)
def test_the_watch_sees_what_nobody_may_do(sandbox, act):
    def swallowing(_, folder):
        try:
            act(folder)
        except Exception:  # as Keras would
            if act is _raises:
                raise
        return ""

    target = targets.Target(st.none(), lambda *_: None, swallowing, 1, seconds=0.3, megabytes=40)
    assert targets.run_case(target, None, sandbox).fault


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux says what a case's peak is"
)
def test_the_watch_sees_memory(sandbox):
    target = targets.Target(
        st.none(), lambda *_: None, lambda _, folder: _hoards(folder) or "", 1, megabytes=40
    )
    assert "MB" in targets.run_case(target, None, sandbox).fault


def test_the_watch_lets_a_case_work_in_its_folder(sandbox):
    def act(_, folder):
        (folder / "x").write_text("x")
        (folder / "x").rename(folder / "y")
        (folder / "y").unlink()
        return "refused in a sentence"

    outcome = targets.run_case(targets.Target(st.none(), lambda *_: None, act, 1), None, sandbox)
    assert (outcome.fault, outcome.refusal) == ("", "refused in a sentence")


@pytest.mark.parametrize(
    "sentence", ["two\nlines", "\x1b[2Jgone", "x" * 4000, " ", "MemoryError: no", "Traceback (most"]
)
def test_what_is_no_sentence_is_a_fault(sandbox, sentence):
    target = targets.Target(st.none(), lambda *_: None, lambda *_: sentence, 1)
    assert targets.run_case(target, None, sandbox).fault


# Cases by the hundred


@examples(max_examples=200, **few)
@given(NAMES)
def test_file_names(name):
    refusal = targets._parse(name, None)
    assert not refusal or not targets._unfit(refusal)


@examples(max_examples=80, **few)
@given(targets.SEEDS)
def test_jpegs(sandbox, seed):
    assert not fault_of(sandbox, "JPEGs", seed)


@examples(max_examples=80, **few)
@given(targets.SEEDS)
def test_pictures(sandbox, seed):
    assert not fault_of(sandbox, "pictures", seed)


@examples(max_examples=60, **few)
@given(targets.SEEDS)
def test_sources(sandbox, seed):
    assert not fault_of(sandbox, "sources", seed)


@examples(max_examples=80, **few)
@given(targets.SEEDS, st.sampled_from(("folder", "tar", "tar.gz", "zip")))
def test_nothing_is_lost(sandbox, seed, kind):
    """Of trees whose files are known, each is in the table or among the rejected, once, with a reason."""
    folder = sandbox.emptied()
    source = archives.a_tree(Random(seed), folder, kind)
    refusal = targets.check_import(source, folder / "cache")  # counts
    assert not refusal or "holds no" in refusal
    if refusal and source.members:
        assert f"among its {len(source.members)} files" in refusal


def test_the_count_sees_a_lost_and_a_doubled_file(tmp_path):
    source = archives.Source(write_zip(tmp_path / "f.zip", {**FACES, "x.txt": b""}), [*FACES, "x.txt"])
    assert targets.check_import(source, tmp_path / "cache") == ""
    for members in ([*FACES], [*FACES, "x.txt", "y.txt"], [*FACES, "y.txt"]):
        with pytest.raises(AssertionError):
            targets.check_import(archives.Source(source.path, members), tmp_path / "cache")


def test_hidden_files_and_folders_with_content_are_listed_and_folders_are_not(tmp_path):
    hidden = {".DS_Store": b"\0", f"__MACOSX/._{NAME}": b"\0", "Thumbs.db": b"x", ".git/config": b"x"}
    path = write_zip(tmp_path / "f.zip", {**FACES, **hidden, "full/": b"x", "empty/": b""})
    assert Counter(reasons(load_faces(path, tmp_path / "cache")).keys()) == Counter([*hidden, "full/"])
    (write_folder(tmp_path / "f", {**FACES, **hidden}) / "empty").mkdir()
    assert reasons(load_faces(tmp_path / "f", tmp_path / "cache")).keys() == hidden.keys()


# What was found


@pytest.mark.parametrize(
    "make", [bomb_ for bomb_ in archives.BOMBS if bomb_ is not archives.tar_of_many_members]
)
def test_a_bomb_is_refused_in_little_time_and_memory(sandbox, make):
    outcome = targets.run_case(targets.TARGETS["bombs"], archives.BOMBS.index(make), sandbox)
    assert not outcome.fault and outcome.refusal


@pytest.mark.parametrize("make", [archives.tar_of_many_members, archives.zip_of_many_entries])
def test_an_archive_of_too_many_files_is_refused(tmp_path, monkeypatch, make):
    monkeypatch.setattr(reading, "MOST_FILES", 1000)
    with pytest.raises(InputError, match="holds more than 1,000 files"):
        load_faces(make(tmp_path), tmp_path / "cache")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_an_honest_archive_is_no_bomb_however_large(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(reading, "SMALL", 1000)
    monkeypatch.setattr(reading, "MOST_EXPANSION", 3)  # below the size of these archives, times 3
    path = tmp_path / f"f.{kind}"
    write_zip(path, FACES) if kind == "zip" else write_tar(path, FACES, "w:gz")
    assert len(load_faces(path, tmp_path / "cache")) == 5
    labels = {"labels.csv": b"file,age\n" * 100_000}
    write_zip(path, {**FACES, **labels}) if kind == "zip" else write_tar(path, {**FACES, **labels}, "w:gz")
    with pytest.raises(InputError, match="unpacks to more than"):
        load_faces(path, tmp_path / "cache")


def test_a_name_that_ends_in_a_line_break_is_none_of_a_face():
    for name in ("26_1_2_1.jpg\n", "26_1_2_1.jpg.chıp.jpg", "26_1_2_1.jpg.chip.jpg\r"):
        with pytest.raises(InputError):
            parse_name(name)


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


def test_a_jpeg_of_thousands_of_scans_is_not_decoded():
    with pytest.raises(NotAFace, match=r"a JPEG of 80,0\d\d scans, expected at most 100"):
        decode_face(pictures.many_scans(960_000))
    memory = io.BytesIO()
    picture(3).save(memory, "JPEG", progressive=True)
    assert decode_face(memory.getvalue())[0].shape == (128, 128, 3)


@pytest.mark.parametrize("side", [9_000, 10_000, 13_000, 30_000])
@pytest.mark.filterwarnings("error")
def test_a_huge_picture_is_refused_by_its_size_without_a_warning(side):
    with pytest.raises(NotAFace, match=f"size {side}x{side}"):
        decode_face(bomb(side))


def test_zip_members_of_another_compression_are_listed(tmp_path):
    path = write_zip(tmp_path / "f.zip", FACES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("26_1_2_1.jpg", jpeg(3), zipfile.ZIP_BZIP2)
        archive.writestr("27_1_2_1.jpg", jpeg(3), zipfile.ZIP_LZMA)
        archive.writestr("28_1_2_1.jpg", jpeg(3), zipfile.ZIP_STORED)
    faces = load_faces(path, tmp_path / "cache")
    assert len(faces) == 6 and reasons(faces).keys() == {"26_1_2_1.jpg", "27_1_2_1.jpg"}
    assert faces.rejected["reason"].str.contains("only stored and deflated").all()


def test_a_tar_of_another_compression_is_refused(tmp_path):
    with tarfile.open(tmp_path / "f.tar", "w:bz2") as archive:
        archive.addfile(tarfile.TarInfo(NAME), io.BytesIO())
    with pytest.raises(InputError, match="damaged"):
        load_faces(tmp_path / "f.tar", tmp_path / "cache")
    (tmp_path / "plain.tar").write_bytes(gzip.compress(write_tar(tmp_path / "g.tar", FACES).read_bytes()))
    assert (
        len(load_faces(tmp_path / "plain.tar", tmp_path / "cache")) == 5
    )  # gzip under the name of a plain one


# YAML


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 2001-13-01", "holds a timestamp"),
        ("a: " + "9" * 5000, "a value that cannot be read"),
        ("[" * 3000, "nested too deep"),
        (settings.LAUGHS, "once its aliases are written out"),
        ("x: &x " + "y" * 50_000 + "\nz: [" + "*x, " * 100 + "]", "once its aliases are written out"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {<<: *a}", "contains itself"),
        ("a: 1\nb: 2\na: 3", "line 3 names 'a' again"),
        ("? [a]\n: b", "a list or a mapping for a name"),
        ("a: !!python/object/apply:os.system ['x']", "holds a python/object/apply:os.system"),
        ("a: !!binary aGk=", "holds a binary"),
        ("a: !!set {b, c}", "holds a set"),
        ("x" * 200_001, "200,001 characters"),
    ],
)
def test_yaml_that_hurts_is_refused(text, reason):
    with pytest.raises(yaml.YAMLError) as refusal:
        load_plain(text)
    assert reason in " ".join(str(refusal.value).split())


def test_plain_yaml_is_read_as_ever():
    text = "a: [1, 2.5, true, null, 'x']\n8: {b: &b {c: 1}, d: *b}\n0.0020: yes\ne: {<<: *b, f: 2}\n"
    b = {"c": 1}
    assert load_plain(text) == {
        "a": [1, 2.5, True, None, "x"],
        "8": {"b": b, "d": b},
        "0.0020": True,
        "e": {"c": 1, "f": 2},
    }
    assert load_plain("") is None
    for kind in ("profile", "study", "space"):
        for file in settings._real(kind):
            assert load_plain(file.decode()) == yaml.safe_load(file)


def test_a_message_has_a_bound():
    assert str(InputError("short")) == "short"
    assert len(str(InputError("x" * 10**6))) < 2100
