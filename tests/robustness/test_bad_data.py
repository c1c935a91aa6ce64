"""Names, JPEGs, folders and archives of any kind: every file is a face or listed with a reason, or all is refused."""

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes import check_sentence, outcome
from tiny_faces import FACES, WRITE, jpeg, write_folder

from agegender_lib.data import load_faces
from agegender_lib.data.decode import NotAFace, decode_face
from agegender_lib.data.filenames import parse_name
from agegender_lib.errors import InputError
from tests.robustness import bad_inputs as bad

# of damaged notes in pictures, and of such that would be too large
pytestmark = [pytest.mark.filterwarnings(f"ignore::{kind}:PIL") for kind in ("UserWarning", "RuntimeWarning")]


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


@pytest.mark.parametrize("path", ["~nobody-of-this-name/faces", "x" * 300, "x\0y"])
def test_a_path_that_cannot_be_is_refused(tmp_path, path):
    with pytest.raises(InputError):
        load_faces(path, tmp_path)


@bad.cases(3)
@given(bad.jpegs)
def test_jpegs(data):
    found, refusal = outcome(lambda: decode_face(data), NotAFace)
    if not refusal:
        assert found.pixels.shape == (128, 128, 3) and found.pixels.dtype == "uint8" and found.synthetic is False


def check_import(source: Path, cache: Path, members: set[str] | None = None) -> str:
    """Import, and count: nothing is lost, nothing is there twice; returns the refusal, if it is one."""
    faces, refusal = outcome(lambda: load_faces(source, cache, allow_rejected=True))
    if refusal:
        return refusal
    rejected = faces.rejected
    assert len(faces) == len(faces.images) > 0 and faces.table["file"].is_unique
    assert (rejected["reason"].str.strip() != "").all() and (rejected["file"] != "").all(), rejected
    for said in (*rejected["reason"], *rejected["file"]):
        check_sentence(said)
    if members is not None:
        assert len(faces) + len(rejected) == len(members), (faces.table, rejected, members)
        if all(member.isascii() and member.isprintable() and len(member) < 300 for member in members):
            lost = Counter(members) - Counter(rejected["file"])
            bases = Counter(member.replace("\\", "/").rpartition("/")[2] for member in lost.elements())
            assert bases == Counter(faces.table["file"]), (bases, faces.table)
    again = load_faces(source, cache)
    assert list(again.table["file"]) == list(faces.table["file"])
    assert list(again.rejected["file"]) == list(rejected["file"])
    return ""


_places = st.sampled_from(("", "", "", "a/", "a/b/", "UTKFace/", "__MACOSX/", ".hidden/", "d/" * 60, "é/"))
_member_names = st.builds(
    lambda place, name: place + (re.sub(r"[\0/:\ud800-\udfff]", "", name[:80]).strip(".") or "x"),
    _places,
    st.one_of(bad.good_names, bad.names),
)
_contents = st.one_of(st.sampled_from(bad.faces()), st.sampled_from(bad.faces()), bad.jpegs)
trees = st.dictionaries(_member_names, _contents, max_size=6)


@bad.cases(1)
@given(st.sampled_from(("folder", "tar", "zip")), trees)
def test_nothing_is_lost(kind, files):
    """Of trees whose files are known, each is in the table or among the rejected, once, with a reason."""
    with TemporaryDirectory() as place:
        if kind == "folder":  # where not every name can lie
            files = {name: data for name, data in files.items() if len(name.rpartition("/")[2].encode()) < 256}
            Path(place, "faces.folder").mkdir()
        source = WRITE[kind](Path(place) / f"faces.{kind}", files)
        refusal = check_import(source, Path(place) / "cache", set(files))
        assert not refusal or "holds no" in refusal
        if refusal and files:
            assert f"among its {len(files)} files" in refusal


@bad.cases(2)
@given(st.data(), st.sampled_from(("tar", "tar.gz", "zip")), st.sampled_from(("tar", "tgz", "zip", "rar", "")))
def test_damaged_archives_and_such_of_another_ending(data, kind, ending):
    with TemporaryDirectory() as place:
        options = {"mode": "w:gz"} if kind == "tar.gz" else {}
        source = WRITE[kind[:3]](Path(place) / f"faces.{kind}", {**FACES, "notes.txt": b"x"}, **options)
        content = data.draw(bad.maybe_damaged(source.read_bytes()))
        source = Path(place) / f"given.{ending}"
        source.write_bytes(content)
        check_import(source, Path(place) / "cache")


_cells = st.one_of(
    st.sampled_from(
        ("", "0", "1", "2", "26", "26.5", "3-9", "(25, 32)", "more than 70", "60+", "-3", "121", "9-3", "nan")
    ),
    st.sampled_from(
        ("1.jpg", "a/2.jpg", "C:\\x\\3.jpg", "3", "male", "F", "Male", "White", "٢٦", "1e5", '"', "\0", "\r")
    ),
    st.text(max_size=6),
)
_headers = st.sampled_from(("file", "image", "age", "age", "gender", "sex", "male", "race", "split", "pixels", "x", ""))
_tables = st.builds(
    lambda header, rows, glue, end: end.join(glue.join(cells) for cells in [["file", "age", *header], *rows]),
    st.lists(_headers, max_size=4),
    st.lists(st.lists(_cells, max_size=6), max_size=6),
    st.sampled_from((",", ",", ";", "\t")),
    st.sampled_from(("\n", "\n", "\r\n", "\n\n")),
)


@bad.cases(3)
@given(_tables.map(str.encode) | st.binary(max_size=200), st.booleans())
def test_tables_of_labels(table, allow_rejected):
    """Of any table, pictures are used or listed, with their rows; or one sentence says why it cannot be used."""
    pictures = {"1.jpg": jpeg(1), "a/2.jpg": jpeg(2), "3.jpg": jpeg(3)}
    with TemporaryDirectory() as place:
        source = write_folder(Path(place) / "faces", {**pictures, "labels.csv": table})
        load = lambda: load_faces(source, Path(place) / "cache", allow_rejected=allow_rejected)  # noqa: E731
        faces, refusal = outcome(load)
        if refusal:
            return
        told = set(faces.rejected["file"])
        assert len(faces) == len(pictures) - len(told & {*pictures}) > 0
        assert faces.table["age"].between(0, 120).all() and faces.table["gender"].isin([-1, 0, 1]).all()
        assert (faces.table["race"] != "").all() and load().table.equals(faces.table)
