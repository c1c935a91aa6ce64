"""Files of predictions that grow photo by photo, are whole at every moment, and go on where they ended."""

import csv
import errno
import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from agegender_lib.errors import InputError
from agegender_lib.files import not_written, replacing

#: Of a photo: what was read, by which model. A photo of which all of it is the same need not be read again.
KEY = ("bytes", "modified", "model")
Record = dict[str, Any]


class PredictionFile:
    """A file of texts, one per photo, between a beginning and an end that is written anew after each."""

    between, end = "", ""

    def __init__(self, path: str | Path, beginning: str, again: bool):
        self.path, self._beginning = Path(path), beginning
        self._there: dict[str, tuple[tuple, str]] = {}
        if not again and self.path.is_file():
            self._there = {plain(name): (key, text) for name, key, text in self._read()}

    def has(self, record: Record) -> bool:
        """Whether this photo, as it is now, was read by this model already."""
        key, _ = self._there.get(plain(record["file"]), (None, ""))
        return key == tuple(str(record[name]) for name in KEY)

    def open(self, renewed: Iterable[str]) -> None:
        """Begin to write: what there was stays, except of photos that are read anew."""
        for name in renewed:
            self._there.pop(plain(name), None)
        kept = self.between.join(text for _, text in self._there.values())
        self._first = not kept
        content = (self._beginning + kept).encode("utf-8", "backslashreplace")
        with replacing(self.path) as temporary:
            temporary.write_bytes(content + self.end.encode())
        try:
            self._file = open(self.path, "r+b", buffering=0)
        except OSError as error:
            raise not_written(self.path, error) from error
        self._place = len(content)

    def write(self, record: Record) -> None:
        """Add a photo, unless this kind of file has no place for what is known of it."""
        if not (text := self._text(record)):
            return
        content = (text if self._first else self.between + text).encode("utf-8", "backslashreplace")
        try:
            self._put(content + self.end.encode())
        except OSError as error:
            with suppress(OSError):
                self._put(self.end.encode())
                self._file.truncate()
            raise not_written(self.path, error) from error
        self._place, self._first = self._place + len(content), False

    def close(self) -> None:
        self._file.close()

    def _put(self, content: bytes) -> None:
        self._file.seek(self._place)
        if self._file.write(content) < len(content):  # the next byte would raise it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _text(self, record: Record) -> str:
        raise NotImplementedError

    def _read(self) -> Iterable[tuple[str, tuple, str]]:
        """Name, key and text of each photo that is there as a whole."""
        raise NotImplementedError

    def _content(self, beginning: str) -> str:
        try:
            content = self.path.read_bytes().decode(errors="backslashreplace")  # it may end within a letter
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror}): give another name") from None
        if not beginning.startswith(content[: len(beginning)]):
            raise InputError(f"{self.path} holds something else: give another name, or --again to replace it")
        return content


class JsonFile(PredictionFile):
    """A line per photo: all of them JSON (``.jsonl``), or within one JSON document."""

    between, end = ",\n", "\n]}\n"

    def __init__(self, path: str | Path, about: Record, again: bool):
        beginning = json.dumps(about)[:-1] + ', "photos": [\n'
        if Path(path).suffix == ".jsonl":
            self.between = self.end = beginning = ""
        super().__init__(path, beginning, again)

    def _text(self, record: Record) -> str:
        return json.dumps(record, ensure_ascii=False) + ("" if self.end else "\n")

    def _read(self) -> Iterable[tuple[str, tuple, str]]:
        for line in self._content(self._beginning[:15] or '{"file": ').split("\n"):
            with suppress(ValueError, KeyError, TypeError):  # a line that was cut off, or without faces
                record = json.loads(line.rstrip(","))
                yield record["file"], tuple(str(record[name]) for name in KEY), self._text(record)


class JsonOutput(JsonFile):
    """The document on standard output, in characters that every terminal has."""

    def has(self, record: Record) -> bool:
        return False

    def open(self, renewed: Iterable[str]) -> None:
        print(self._beginning, end="")
        self._first = True

    def write(self, record: Record) -> None:
        print("" if self._first else self.between, json.dumps(record), sep="", end="", flush=True)
        self._first = False

    def close(self) -> None:
        print(self.end, end="")


class CsvFile(PredictionFile):
    """A row per face, and one with face 0 where a photo has none; photos that could not be read have none."""

    def __init__(self, path: str | Path, columns: list[str], again: bool):
        self._columns = columns
        super().__init__(path, _rows([["file", "face", *columns, "notes", "faces", *KEY]]), again)

    def _text(self, record: Record) -> str:
        if "error" in record:
            return ""
        faces = record["faces"] or [{}]
        about = ["; ".join(record["notes"]), len(record["faces"]), *(record[name] for name in KEY)]
        return _rows(
            [record["file"], number if face else 0, *(_number(face.get(name)) for name in self._columns), *about]
            for number, face in enumerate(faces, 1)
        )

    def _read(self) -> Iterable[tuple[str, tuple, str]]:
        photos: dict[str, list[list[str]]] = {}
        for row in csv.reader(io.StringIO(self._content(self._beginning), newline="")):
            if len(row) == len(self._columns) + 7 and row[1] != "face":  # the last may be cut off
                photos.setdefault(row[0], []).append(row)
        for name, own in photos.items():
            with suppress(ValueError):  # of a number that somebody edited
                if len(own) == max(1, int(own[0][-4])):
                    yield name, tuple(own[-1][-3:]), _rows(own)


def plain(name: str) -> str:
    """A name as it stands in a file; what is not text in it by its code."""
    return name.encode("utf-8", "backslashreplace").decode()


def _rows(rows: Iterable[list]) -> str:
    lines = []
    for row in rows:
        text = io.StringIO()
        csv.writer(text).writerow(row)  # ends in both, so that a name with either is quoted
        lines.append(text.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def _number(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) else value
