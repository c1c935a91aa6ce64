"""Files of predictions: whole at every moment, and gone on with wherever they ended."""

import csv
import json
import os

import pytest

from agegender_lib.errors import InputError
from agegender_lib.pipeline.prediction_files import CsvFile, JsonFile

NAMES = ["a.jpg", 'new\nline,"x".jpg', "caf\udce9.jpg", "none.jpg", "写真😀.jpg", "two\r.zip/ü.jpg"]
FACES = [1, 2, 3, 0, 1, 2]
COLUMNS = ["left", "age", "warnings"]


def record(number, size=5, model="m.keras 0123"):
    faces = [{"left": 3, "age": None if face else 30.25, "warnings": "x; y"} for face in range(FACES[number])]
    about = {"file": NAMES[number], "bytes": size, "modified": 1_700_000_000, "model": model}
    return {**about, "notes": ["turned", "one of its 3 frames is read"][: number % 3], "faces": faces}


RECORDS = [record(number) for number in range(len(NAMES))]
KINDS = {
    "csv": lambda path, again=False: CsvFile(path, COLUMNS, again),
    "json": lambda path, again=False: JsonFile(path, {"intervals": "80 %"}, again),
    "jsonl": lambda path, again=False: JsonFile(path, {"intervals": "80 %"}, again),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def write(kind, path, records, **options):
    """As a command does: what is there is skipped; the names of those that were written are returned."""
    file = KINDS[kind](path, **options)
    left = [one for one in records if not file.has(one)]
    file.open([one["file"] for one in left])
    for one in left:
        file.write(one)
    file.close()
    return [one["file"] for one in left]


def read(kind, path):
    if kind == "json":
        return json.loads(path.read_text())["photos"]
    if kind == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@kinds
def test_it_holds_what_was_written_at_every_moment(kind, tmp_path):
    path = tmp_path / f"o.{kind}"
    file = KINDS[kind](path)
    file.open([])
    assert read(kind, path) == []
    for count, one in enumerate(RECORDS, 1):
        file.write(one)
        found = read(kind, path)
        if kind == "csv":
            names = [name.encode("utf-8", "backslashreplace").decode() for name in NAMES]
            wanted = [(names[n], str(face)) for n in range(count) for face in (range(1, FACES[n] + 1) or [0])]
            assert [(row["file"], row["face"]) for row in found] == wanted
        else:
            assert found == RECORDS[:count]
            assert os.fsencode(found[-1]["file"]) == os.fsencode(NAMES[count - 1])
    file.close()
    if kind == "csv":
        assert [row["age"] for row in found[:3]] == ["30.2500", "30.2500", ""] and found[2]["notes"] == "turned"
        assert found[6]["faces"] == "0" and found[6]["left"] == ""


@kinds
def test_cut_off_anywhere_it_is_gone_on_with_and_becomes_what_it_would_have_been(kind, tmp_path):
    path = tmp_path / f"o.{kind}"
    write(kind, path, [])
    beginning = len(path.read_bytes().removesuffix(KINDS[kind](path).end.encode()))
    write(kind, path, RECORDS)
    whole = path.read_bytes()
    for end in range(beginning, len(whole), 7):
        path.write_bytes(whole[:end])
        again = write(kind, path, RECORDS)
        # no more than what was cut
        assert again == NAMES[len(NAMES) - len(again) :]
        assert path.read_bytes() == whole, whole[:end][-30:]
    assert write(kind, path, RECORDS) == [] and path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


@kinds
def test_what_changed_is_read_anew_and_the_rest_stays(kind, tmp_path):
    path = tmp_path / f"o.{kind}"
    write(kind, path, RECORDS)
    assert write(kind, path, [record(1, size=6), RECORDS[2]]) == [NAMES[1]]
    assert write(kind, path, [record(2, model="other.keras 4567")]) == [NAMES[2]]
    rows = len(read(kind, path))
    assert rows == (10 if kind == "csv" else 6)  # none twice
    assert write(kind, path, RECORDS) == NAMES[1:3]
    assert write(kind, path, RECORDS[:2], again=True) == NAMES[:2]
    assert len(read(kind, path)) == (3 if kind == "csv" else 2)


@kinds
def test_errors_are_told_and_tried_again(kind, tmp_path):
    path = tmp_path / f"o.{kind}"
    file = KINDS[kind](path)
    file.open([])
    file.write({"file": "a.jpg", "error": "is damaged"})
    file.close()
    assert read(kind, path) == ([] if kind == "csv" else [{"file": "a.jpg", "error": "is damaged"}])
    assert write(kind, path, RECORDS[:1]) == ["a.jpg"]
    assert len(read(kind, path)) == 1


class Full:
    """A file on a disk with room for some bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        # what replaces other bytes needs no more room
        room = max(0, self.room - self.file.tell())
        return self.file.write(content[:room])


@kinds
def test_a_full_disk_leaves_what_was_written_before_and_is_said(kind, tmp_path):
    path = tmp_path / f"o.{kind}"
    write(kind, path, RECORDS[:2])
    size, before = path.stat().st_size, path.read_bytes()
    for room in (size, size + 1, size + 60):
        file = KINDS[kind](path)
        file.open([NAMES[2]])
        file._file = Full(file._file, room)
        with pytest.raises(InputError, match=r"No space left on device.*: make room.* run the same command again"):
            file.write(RECORDS[2])
        file.close()
        assert path.read_bytes() == before
    assert write(kind, path, RECORDS) == NAMES[2:]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("o.csv", b"file,face,left\na.jpg,1,2\n"),
        ("o.csv", b"text"),
        ("o.csv", b"\xff\xfe\0"),
        ("o.json", b'{"photos": []}'),
        ("o.json", b"[]"),
        ("o.jsonl", b'{"name": 1}\n'),
        ("o.jsonl", b"\xff"),
    ],
)
def test_what_is_something_else_is_not_replaced_unless_that_is_asked_for(tmp_path, name, content):
    path, kind = tmp_path / name, name.partition(".")[2]
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"o\.\w+ (holds something else|cannot be read)"):
        write(kind, path, RECORDS)
    assert path.read_bytes() == content
    assert write(kind, path, RECORDS, again=True) == NAMES and len(read(kind, path)) == (10 if kind == "csv" else 6)
    path.write_bytes(b"")
    assert write(kind, path, RECORDS) == NAMES
