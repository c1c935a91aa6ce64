"""Files out of a folder, a tar or a zip, one after the other, without unpacking anything to disk."""

import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError

#: A photo of 200 megapixels has some 60 MB, a table of labels some 50 bytes a face.
LARGEST_FILE = 128 * 1024 * 1024
#: All of an archive, unpacked; UTKFace with its two other cuts is a twentieth.
LARGEST_ARCHIVE = 8 * 1024**3
ENDINGS = (".tar", ".tar.gz", ".tgz", ".zip")
TABLES = (".csv", ".tsv", ".parquet")

Objection = Callable[[str], str | None]
#: How a reason begins that says something about the moment, not about the file.
UNREADABLE = "cannot be read"


def source_name(source: Path) -> str:
    """Name of a source without folders and archive endings: ``train_val`` for ``data/train_val.tar.gz``."""
    name = source.absolute().name
    if not source.is_dir():
        name = re.sub(rf"({'|'.join(map(re.escape, ENDINGS + TABLES))})$", "", name, flags=re.IGNORECASE)
    return name.lstrip(".") or "faces"  # hidden folders of the cache are those not complete


def check_source(source: Path) -> None:
    """Raise InputError unless the source exists and is a folder or a file named like a supported archive."""
    try:
        exists = source.exists()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise InputError(f"{source} cannot be opened ({error.strerror}); give another path") from None
    if not exists:
        raise InputError(f"{source} does not exist; give a folder of faces or an archive of one")
    if not source.is_dir() and not (source.is_file() and source.name.lower().endswith(ENDINGS + TABLES)):
        raise InputError(f"{source} is not a supported source; give a folder or one of {', '.join(ENDINGS + TABLES)}")


def read_files(source: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    """Read every file of a source, in the order in which they lie there: its path inside the source, and what is in it.

    ``objection`` is asked with each path; a file for which it returns a reason is not read, and that reason is yielded
    instead of its bytes, as is any other. Archives inside a folder, such as the parts of a download, are read as well.

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
        try:
            yield from reader(source, objection)
        except InputError:
            raise
        except Exception as error:  # both modules raise whatever a damaged byte leads them to
            problem = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"the archive {source} is damaged or unreadable ({problem}); copy or download it again"
            ) from None


def _closed(error: OSError) -> None:
    raise InputError(f"the folder {error.filename} cannot be read ({error.strerror}); allow reading it")


def list_folder(folder: Path, closed: Callable[[OSError], None] = _closed) -> list[Path]:
    """Every file below a folder, sorted by path; ``closed`` is told of each folder that cannot be read."""
    found = []
    for here, folders, files in os.walk(folder, onerror=closed):
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
            elif path.lower().endswith(ENDINGS):
                yield from _read_part(file, path, objection)
            else:
                yield path, objection(path) or _content(status.st_size, file.read_bytes)
        except OSError as error:
            yield path, f"{UNREADABLE} ({error.strerror})"


def _read_part(archive: Path, path: str, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    """An archive inside a folder; a damaged one costs its own files only."""
    try:
        for inside, content in read_files(archive, lambda inside: objection(f"{path}/{inside}")):
            yield f"{path}/{inside}", content
    except InputError as error:
        yield path, str(error)


def _read_tar(source: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    with tarfile.open(source) as archive:
        for member in archive:
            if member.size < 0:  # which would lead back, to the same members again for ever
                raise tarfile.ReadError("a member of negative size")
            _check_limits(source, member, member.offset_data + member.size)
            if member.isdir():
                continue
            if content := archive.extractfile(member) if member.isfile() else None:
                yield member.name, objection(member.name) or _content(member.size, content.read)
            else:
                yield member.name, "a link or a device, not a file"
        # tarfile takes a damaged header in the middle for the end, which would lose the rest in silence
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it breaks off before its end mark")
        # gzip compares its checksum at the very end
        while archive.fileobj.read(LARGEST_FILE):
            _check_limits(source, tarfile.TarInfo(), archive.fileobj.tell())


def _read_zip(source: Path, objection: Objection) -> Iterator[tuple[str, bytes | str]]:
    with zipfile.ZipFile(source) as archive:
        size = 0
        for member in archive.infolist():
            path, size = member.filename, size + member.file_size
            _check_limits(source, tarfile.TarInfo(path), size)
            if member.is_dir():
                if member.file_size:
                    yield path, "a folder by its name, but with content"
            elif stat.S_ISLNK(member.external_attr >> 16):
                yield path, "a link, not a file"
            elif member.flag_bits & 1:
                yield path, objection(path) or "encrypted"
            else:
                yield path, objection(path) or _content(member.file_size, partial(archive.read, member))


def _content(size: int, read: Callable[[], bytes]) -> bytes | str:
    return read() if size <= LARGEST_FILE else f"larger than {LARGEST_FILE // 1024**2} MB, not read"


def _check_limits(source: Path, member: tarfile.TarInfo, unpacked: int) -> None:
    """Refuse an archive with this member, at whose end it is so large, if it is not to be trusted."""
    if unpacked > LARGEST_ARCHIVE:
        raise InputError(
            f"{source} unpacks to more than {LARGEST_ARCHIVE // 1024**3} GB, far more than faces do; none of it was "
            "used, unpack it yourself if you trust it and give the folder"
        )
    # Python 3.11.4; nothing is unpacked here, so that older ones may do without
    if hasattr(tarfile, "data_filter"):
        try:
            tarfile.data_filter(member, os.path.join(os.sep, "anywhere"))
        except tarfile.SpecialFileError:
            pass  # is listed
        except tarfile.FilterError:
            raise InputError(
                f"{source} holds {printable(member.name)!r}, which leads outside the archive; none of it was used, "
                "get it from a source you trust"
            ) from None
