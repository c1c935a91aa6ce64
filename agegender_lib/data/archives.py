"""Files out of a folder, a tar or a zip, one after the other, without unpacking anything to disk."""

import gzip
import io
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import dirname, join, normpath

from agegender_lib.errors import InputError

from .filenames import printable

# The pixels of the larger of both sizes are 120 KB; the rest is for what cameras and editors write beside them.
# Hundreds of files are in memory at a time: with this limit a quarter of a gigabyte, whatever they are.
LARGEST_FILE = 1024 * 1024
# JPEGs hardly shrink any more: an archive of them is about as large as they are. What unpacks to more than this many
# times its size is a bomb, unless that is little in itself (a table of labels, say).
MOST_EXPANSION = 20
SMALL = 64 * 1024 * 1024
# UTKFace with its two other cuts has 60,000 files, twice that with the metadata of a Mac. Each takes a few hundred
# bytes and twenty microseconds, if only to say why it was rejected.
MOST_FILES = 250_000
ENDINGS = (".tar", ".tar.gz", ".tgz", ".zip")

Objection = Callable[[str], str | None]
#: How a reason begins that says something about the moment, not about the file.
UNREADABLE = "cannot be read"
_TOO_LARGE = f"larger than {LARGEST_FILE // 1024**2} MB, not read"


def source_name(source: Path) -> str:
    """Name of a source without folders and archive endings: ``train_val`` for ``data/train_val.tar.gz``."""
    name = source.absolute().name
    if not source.is_dir():
        name = re.sub(r"(\.tar\.gz|\.tar|\.tgz|\.zip)$", "", name, flags=re.IGNORECASE)
    return name.lstrip(".") or "faces"  # hidden folders of the cache are those not complete


def check_source(source: Path) -> None:
    """Raise InputError unless the source exists and is a folder or a file named like a supported archive."""
    try:
        exists = source.exists()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise InputError(f"{source} cannot be opened ({error.strerror}); give another path") from None
    if not exists:
        raise InputError(f"{source} does not exist; give a folder of faces or an archive of one")
    if not source.is_dir() and not (source.is_file() and source.name.lower().endswith(ENDINGS)):
        raise InputError(f"{source} is not a supported source; give a folder or one of {', '.join(ENDINGS)}")


def read_files(source: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    """Read every file of a source, in the order in which they lie there.

    Parameters
    ----------
    source : Path
        A folder (searched recursively), or an archive ending in .tar, .tar.gz, .tgz or .zip.
    objection : callable
        Asked with each path; a file for which it returns a reason is not read.

    Yields
    ------
    path : str
        The file's path inside the source.
    content : bytes or str
        What is in the file, or, as str, the reason why it was not read.

    Raises
    ------
    InputError
        When there is no such source, its kind is not supported, an archive is damaged, or an archive holds a
        member that would lie outside of it: such an archive is refused as a whole.
    """
    check_source(source)
    if source.is_dir():
        yield from _read_folder(source, objection)
    else:
        reader = _read_zip if source.name.lower().endswith(".zip") else _read_tar
        with _damage_reported(source):
            yield from reader(source, objection)


def list_folder(folder: Path) -> list[Path]:
    """Every file below a folder, sorted by path."""

    def complain(error: OSError) -> None:
        raise InputError(f"the folder {error.filename} cannot be read ({error.strerror}); allow reading it")

    found = []
    for here, folders, files in os.walk(folder, onerror=complain):
        # A link to a folder is listed, not followed: it may lead in a circle.
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        found += [Path(here, name) for name in files + links]
    return sorted(found)


def _read_folder(folder: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    for file in list_folder(folder):
        path = file.relative_to(folder).as_posix()
        try:
            status = file.stat()
            if stat.S_ISDIR(status.st_mode):
                yield path, "a link to a folder, which is not followed"
            elif not stat.S_ISREG(status.st_mode):
                yield path, "not a regular file"
            elif reason := objection(path):
                yield path, reason
            elif status.st_size > LARGEST_FILE:
                yield path, _TOO_LARGE
            else:
                yield path, file.read_bytes()
        except OSError as error:
            yield path, f"{UNREADABLE} ({error.strerror})"


def _read_tar(source: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    with open(source, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    opened = gzip.open(source) if packed else open(source, "rb")
    with opened as unpacked, tarfile.open(fileobj=_Bounded(unpacked, source), mode="r:") as archive:
        count, end = 0, 0
        # not `for member in archive`, which keeps every member in memory
        while (member := archive.next()) is not None:
            archive.members.clear()
            _refuse_many(source, count := count + 1)
            # A size below zero leads back, to the same members again for ever (CVE-2025-8194).
            if archive.offset <= end or member.size < 0:
                raise tarfile.ReadError("a member begins before the end of another")
            end = archive.offset
            _refuse_outside(source, member.name, member.name)
            if member.issym():
                _refuse_outside(source, member.name, join(dirname(member.name), member.linkname))
            elif member.islnk():
                _refuse_outside(source, member.name, member.linkname)
            if member.isdir():
                continue
            if not member.isfile():
                yield member.name, "a link or a device, not a file"
            elif reason := objection(member.name):
                yield member.name, reason
            elif member.size > LARGEST_FILE:
                yield member.name, _TOO_LARGE
            else:
                yield member.name, archive.extractfile(member).read()
        # tarfile takes a damaged header in the middle for the end, which would lose the rest in silence.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it breaks off before its end mark")
        # gzip compares its checksum at the very end
        while unpacked.read(LARGEST_FILE):
            pass


class _Bounded(io.RawIOBase):
    """An unpacked tar that nobody reads gigabytes of at once, or goes gigabytes ahead in when it is a bomb."""

    def __init__(self, unpacked: io.BufferedIOBase, source: Path):
        self._unpacked = unpacked
        self._source = source
        self._most = max(SMALL, MOST_EXPANSION * source.stat().st_size)

    def read(self, size: int = -1) -> bytes:
        # Long names and extended headers are read as a whole, however large they claim to be; below zero means all.
        if not 0 <= size <= LARGEST_FILE + tarfile.BLOCKSIZE:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self._refuse_bomb(self._unpacked.tell() + size)
        return self._unpacked.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self._refuse_bomb(place)
        return self._unpacked.seek(place, whence)

    def tell(self) -> int:
        return self._unpacked.tell()

    def _refuse_bomb(self, place: int) -> None:
        if isinstance(self._unpacked, gzip.GzipFile) and place > self._most:
            raise _bomb(self._source, self._most)


def _read_zip(source: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        _refuse_many(source, len(members))
        most = max(SMALL, MOST_EXPANSION * source.stat().st_size)
        if sum(member.file_size for member in members if member.file_size <= LARGEST_FILE) > most:
            raise _bomb(source, most)
        for member in members:
            path = member.filename
            _refuse_outside(source, path, path)
            readable = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            is_link = stat.S_ISLNK(member.external_attr >> 16)
            if is_link and readable:
                with archive.open(member) as file:
                    target = file.read(4096).decode("utf-8", "replace")
                _refuse_outside(source, path, join(dirname(path), target))
            if member.is_dir():
                if member.file_size:
                    yield path, "a folder by its name, but with content"
            elif is_link:
                yield path, "a link, not a file"
            elif reason := objection(path):
                yield path, reason
            elif member.flag_bits & 1:
                yield path, "encrypted"
            elif not readable:
                # zipfile unpacks all of such a member at the first read: a kilobyte of bzip2 can be gigabytes
                yield path, "compressed in an unusual way; only stored and deflated files of a zip are read"
            elif member.file_size > LARGEST_FILE:
                yield path, _TOO_LARGE
            else:
                # Not archive.read(): it would inflate a member that lies about its size before cutting it.
                with archive.open(member) as file:
                    yield path, file.read(member.file_size + 1)


def _refuse_many(source: Path, count: int) -> None:
    if count > MOST_FILES:
        raise InputError(
            f"{source} holds more than {MOST_FILES:,} files; give one of fewer, or a folder of them"
        )


def _bomb(source: Path, most: int) -> InputError:
    return InputError(
        f"{source} unpacks to more than {most // 1024**2:,} MB, far more than faces in an archive of its size do; "
        "none of it was used, unpack it yourself if you trust it and give the folder"
    )


def _refuse_outside(source: Path, member: str, leads_to: str) -> None:
    path = leads_to.replace("\\", "/")
    # The plain name may not climb at all; a link may, as long as it ends inside.
    climbs = ".." in path.split("/") if leads_to == member else normpath(path).split("/")[0] == ".."
    if climbs or path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise InputError(
            f"{source} holds {printable(member)!r}, which leads outside the archive ({printable(leads_to)}); "
            "none of it was used, get it from a source you trust"
        )


@contextmanager
def _damage_reported(source: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # both modules raise whatever a damaged byte leads them to
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"the archive {source} is damaged or unreadable ({problem}); copy or download it again"
        ) from None
