"""Which photographs are meant by files, folders and archives; each is opened when its turn comes."""

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from agegender_lib.data.archives import ENDINGS, list_folder, read_files
from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError
from agegender_lib.photos.pictures import SUFFIXES, Source

_LISTED = "listed"


class Listed(NamedTuple):
    """A photograph that is to be read."""

    #: As it is shown and written.
    name: str
    #: The file, or the archive that it lies in.
    path: Path
    #: Its path in that archive, or "".
    member: str
    #: Bytes of ``path``, and when it was written, in seconds since 1970.
    bytes: int
    modified: int


def list_photos(given: list[str]) -> list[Listed]:
    """The photographs that are meant, each once; what is passed over in folders and archives is said.

    Of a folder its pictures and archives and those of the folders in it, sorted; of an archive its pictures.
    """
    found: dict[tuple[Path, str], Listed] = {}
    for name in given:
        try:
            listed = _meant(name)
        except InputError as error:
            if len(given) == 1:
                raise
            print(f"left out: {error}", file=sys.stderr)
            continue
        found |= {(one.path, one.member): one for one in listed if (one.path, one.member) not in found}
    if not found:
        raise InputError("nothing of what was given holds a picture: the reasons stand above")
    return list(found.values())


def _meant(name: str) -> list[Listed]:
    if os.path.isdir(name):
        listed = _in_folder(Path(name))
    elif _is_archive(name):
        listed = _in_archive(Path(name))
    else:
        listed = [_listed(Path(name), name=name)]
    if not listed:
        raise InputError(f"{printable(name)} holds no picture: give one with {', '.join(SUFFIXES)} files")
    return listed


def contents(photos: list[Listed]) -> Iterator[Source | InputError]:
    """What the reader takes of each photograph, in this order: its path, its bytes, or why there are none."""
    for path, group in groupby(photos, lambda one: one.path):
        members = dict.fromkeys(one.member for one in group)
        if members == {"": None}:
            yield path
        else:
            yield from _members(path, members)


def _members(archive: Path, left: dict[str, None]) -> Iterator[bytes | InputError]:
    problem = "is no longer there"
    try:
        for member, content in read_files(archive, lambda path: None if path in left else "not asked for"):
            if member in left:
                del left[member]
                yield content if isinstance(content, bytes) else InputError(f"cannot be read: {content}")
    except InputError as error:
        problem = str(error)
    yield from (InputError(problem) for _ in left)


def _in_folder(folder: Path) -> list[Listed]:
    found: list[Listed] = []
    for file in list_folder(folder, lambda error: _left_out(error.filename, f"cannot be read ({error.strerror})")):
        if os.path.isdir(file):
            _left_out(file, "is a link to a folder, which is not followed: give it as well")
        elif not os.path.isfile(file):
            _left_out(file, "is no file")
        elif file.name.startswith("._"):
            _left_out(file, "is a note that macOS puts beside a file")
        elif _is_archive(file):
            try:
                found += _in_archive(file)
            except InputError as error:
                _left_out(file, f"cannot be read: {error}")
        elif file.suffix.lower() in SUFFIXES:
            found.append(_listed(file))
        else:
            _left_out(file, "has no picture's ending")
    return found


def _in_archive(archive: Path) -> list[Listed]:
    found = []
    for member, reason in read_files(archive, lambda path: _LISTED):
        if reason != _LISTED:
            _left_out(archive / member, f"is {reason}")
        elif PurePosixPath(member).name.startswith("._"):
            _left_out(archive / member, "is a note that macOS puts beside a file")
        elif PurePosixPath(member).suffix.lower() in SUFFIXES:
            found.append(_listed(archive, member))
        else:
            _left_out(archive / member, "has no picture's ending")
    return found


def _is_archive(path: str | Path) -> bool:
    return str(path).lower().endswith(ENDINGS) and os.path.isfile(path)


def _listed(path: Path, member: str = "", name: str = "") -> Listed:
    try:
        status = path.stat()
        size, modified = status.st_size, int(status.st_mtime)
    except (OSError, ValueError):  # said when it is to be read
        size = modified = 0
    return Listed(name or str(path / member if member else path), path, member, size, modified)


def _left_out(path: str | Path, reason: str) -> None:
    print(f"left out: {printable(str(path))} {reason}", file=sys.stderr)
