"""Files that are either the previous state or the next, never half of one."""

import errno
import glob
import gzip
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agegender_lib.errors import InputError
from agegender_lib.plain_yaml import load_plain

#: What names of files begin with that are not whole yet.
WRITING = ".writing-"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    The temporary name keeps the suffix, because Keras decides the format by it. A process that is killed in the block
    leaves the temporary file, see :func:`clear_left_over`.

    Raises
    ------
    InputError
        If there is no space left, or the folder may not be written.
    """
    path = Path(path)
    with _disk_trouble(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{WRITING}{path.stem}-", suffix=path.suffix)
        os.close(handle)
    temporary = Path(name)
    try:
        with _disk_trouble(path, temporary):
            yield temporary
        # mkstemp makes files private; what others may read follows the user's umask
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def clear_left_over(folder: Path, stem: str = "*") -> None:
    """Remove what killed processes were just writing in a folder.

    Parameters
    ----------
    folder : Path
        Of which the caller holds the lock, because what another process is writing now looks the same.
    stem : str
        Only what was to become a file with this name, without suffix.
    """
    name = stem if stem == "*" else glob.escape(stem)
    for left_over in Path(folder).glob(f"{WRITING}{name}-*"):
        left_over.unlink(missing_ok=True)


def check_writable(folder: Path, cure: str) -> None:
    """Try whether a folder can be written, or made where it is not there yet; nothing is left behind.

    Raises
    ------
    InputError
        If not; ``cure`` says what to do then.
    """
    there = folder = Path(folder).absolute()
    while not there.exists():
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(4096))
    except OSError as error:
        if is_full(error, there):
            raise no_room(there) from None
        raise InputError(f"{folder} cannot be written ({error.strerror}): {cure}") from None


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether an error comes of a full disk; libraries say it in many ways, and some not at all."""
    seen: BaseException | None = error
    while seen is not None:
        if (isinstance(seen, OSError) and seen.errno in _FULL) or "No space left on device" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    try:
        # numpy, for one, only says how much of an array it could write
        return isinstance(error, OSError) and error.errno is None and shutil.disk_usage(folder).free < 2**20
    except OSError:
        return False


def no_room(folder: Path, needed: int = 0) -> InputError:
    """The error to raise where a disk is full: what to free, and that the same command goes on.

    Parameters
    ----------
    folder : Path
        On that disk.
    needed : int
        Bytes that are known to be needed.
    """
    megabytes = max(1, math.ceil(needed / 2**20))
    return InputError(
        f"no space left in {folder}: free at least {megabytes:,} MB there and run the same command again"
    )


@contextmanager
def _disk_trouble(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Say in one sentence that a disk is full or a folder closed."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if is_full(error, path.parent):
            # as much as came of it, or as its last state had
            sizes = [file.stat().st_size for file in (path, temporary) if file and file.exists()]
            raise no_room(path.parent, max(sizes, default=0)) from error
        if temporary is None and isinstance(error, OSError) and error.errno in _REFUSED:
            raise InputError(
                f"{path} cannot be written ({error.strerror}): allow writing in {path.parent}"
            ) from error
        raise


def copy_file(source: Path, target: Path) -> Path:
    """Copy a file's content to ``target``, atomically; returns ``target``."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return Path(target)


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_csv(path: Path, table, **options) -> None:
    """Write a DataFrame as CSV without its index, atomically; one that ends in ``.gz`` is packed."""
    text = table.to_csv(index=False, lineterminator="\n", **options)
    with replacing(path) as temporary:
        if Path(path).suffix == ".gz":
            # neither name nor time, so that the same table is the same file
            with temporary.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                packed.write(text.encode())
        else:
            temporary.write_text(text, encoding="utf-8", newline="\n")


def yaml_file(given: str | Path, folder: Path) -> Path:
    """The YAML file that is meant: a path with its suffix, or the name of one in ``folder``."""
    path = Path(given)
    return path if path.suffix in (".yaml", ".yml") else folder / f"{given}.yaml"


def read_yaml(path: Path, what: str) -> Any:
    """The content of a YAML file; ``what`` says in an error what it was to be, such as "study".

    Raises
    ------
    InputError
        If it cannot be read, or is no plain YAML, see :func:`load_plain`.
    """
    try:
        return load_plain(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())[:300]
        raise InputError(f"the {what} {path} cannot be read ({problem}): mend it") from None
