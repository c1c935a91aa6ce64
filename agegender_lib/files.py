"""Files that are either the previous state or the next, never half of one."""

import glob
import gzip
import hashlib
import json
import mmap
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agegender_lib.errors import InputError

if TYPE_CHECKING:
    import numpy as np

#: Prefix of unfinished files.
WRITING = ".writing-"
#: Bytes that :func:`shortened` leaves of a name; file systems allow 255.
_LONGEST = 200
#: Names of files need not be text: what is not is written by its code.
_TEXT: dict[str, str] = {"encoding": "utf-8", "errors": "backslashreplace"}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    The temporary name keeps the suffix, because Keras decides the format by it. A process that is killed in the block
    leaves the temporary file, see :func:`clear_left_over`.
    """
    path = Path(path)
    # not mkstemp, whose files nobody else may read
    temporary = path.with_name(f"{_writing(path.stem)}-{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """The same of a folder, which is not there yet or empty; the caller holds a lock, or is alone anyway."""
    temporary = folder.with_name(f"{WRITING}{folder.name}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
        temporary.mkdir(parents=True)
        yield temporary
        if folder.exists():
            folder.rmdir()  # not every system renames over an empty folder
        temporary.rename(folder)
    except OSError as error:
        raise not_written(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def not_written(path: Path, error: OSError) -> InputError:
    """What is said where a file or folder cannot be written."""
    cure = f"make room, or allow writing in {path.parent}, and run the same command again"
    return InputError(f"{path} cannot be written ({error}): {cure}")


def shortened(stem: str) -> str:
    """A file's name, of any bytes, cut so that there is room for what is put before and behind it."""
    return os.fsdecode(os.fsencode(stem)[:_LONGEST])


def _writing(stem: str) -> str:
    """The name while it is written; the name itself may be as long as the file system allows."""
    return WRITING + shortened(stem)


def clear_left_over(folder: Path, stem: str = "*") -> None:
    """Remove what killed processes were just writing in a folder, or only what was to become a file of this stem.

    The caller holds the folder's lock, because what another process is writing now looks the same.
    """
    name = f"{WRITING}*" if stem == "*" else glob.escape(_writing(stem))
    for left_over in Path(folder).glob(f"{name}-*"):
        left_over.unlink(missing_ok=True)


def check_writable(folder: Path, cure: str) -> None:
    """Try whether a folder can be written, or made where it is not there yet; ``cure`` says what to do if not."""
    there = Path(folder).absolute()
    while not there.exists():
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}): {cure}") from None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy_file(source: Path, target: Path) -> Path:
    """Copy a file's content to ``target``, atomically; returns ``target``."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return Path(target)


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", **_TEXT)


def write_csv(path: Path, table, **options) -> None:
    """Write a DataFrame as CSV without its index, atomically; one that ends in ``.gz`` is packed."""
    text = table.to_csv(index=False, lineterminator="\n", **options)
    with replacing(path) as temporary:
        if Path(path).suffix == ".gz":
            # neither name nor time, so that the same table is the same file
            with temporary.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                packed.write(text.encode(**_TEXT))
        else:
            temporary.write_text(text, newline="\n", **_TEXT)


def write_array(path: Path, dtype: str, shape: tuple[int, ...], blocks: Iterable) -> None:
    """Write an .npy file of arrays that follow each other along the first axis and need not be in memory together.

    Not a mapped file: where the disk is full, writing to one ends the process without a word.
    """
    import numpy as np  # not for who only asks for --help

    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.asarray(block, dtype).tobytes())


def read_rows(array: "np.ndarray", rows: "slice | np.ndarray") -> "np.ndarray":
    """A copy of some rows of an array that may be memory-mapped.

    What was read of a mapped file is given back to the system, where it stays as long as there is room: else a process
    that has read all faces once takes as much memory as they do.
    """
    import numpy as np

    found = np.array(array[rows])
    while isinstance(array, np.ndarray):
        array = array.base
    if isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        array.madvise(mmap.MADV_DONTNEED)
    return found


def yaml_file(given: str | Path, folder: Path) -> Path:
    """The YAML file that is meant: a path with its suffix, or the name of one in ``folder``."""
    path = Path(given)
    return path if path.suffix in (".yaml", ".yml") else folder / f"{given}.yaml"


class _Loader(yaml.SafeLoader):
    """Names, which stand before a colon, are texts as they are written, and none is given twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    names = set()
    for name, _ in node.value:
        if name.tag != "tag:yaml.org,2002:merge":
            name.tag = "tag:yaml.org,2002:str"
        if str(name.value) in names:  # PyYAML would forget the first in silence
            raise yaml.YAMLError(f"line {name.start_mark.line + 1} names {name.value!r} again")
        names.add(str(name.value))
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
# settings hold no dates: what looks like one is a text
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


def read_yaml(path: Path, what: str) -> Any:
    """The content of a YAML file; ``what`` says in an error what it was to be, such as "study"."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except Exception as error:  # PyYAML checks no values: 1:2:x and a number of 5,000 digits fail in Python itself
        problem = " ".join(str(error).split())[:300]
        raise InputError(f"the {what} {path} cannot be read ({problem}): fix it") from None
