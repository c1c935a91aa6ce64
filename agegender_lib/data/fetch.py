"""A file from the network: verified, resumable, and never half there."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from agegender_lib.data.web import Transient, get, patiently
from agegender_lib.errors import InputError

CHUNK = 64 * 1024  # bytes


def fetch(
    url: str,
    path: str | Path,
    sha256: str | None = None,
    size: int | None = None,
    check: Callable[[Path], object] | None = None,
) -> Path:
    """Bring a file to `path`, which exists afterwards only if the file is whole and verified.

    The bytes gather in a `.part` file beside it, which a later call continues with a Range request. Its name
    holds the start of the checksum, so that pieces of two versions never meet; without a checksum nothing
    could tell them apart, and every call begins anew. A file that is there and matches is not fetched again.

    Parameters
    ----------
    url : address, http or https; redirects are followed.
    path : the file to write; missing folders are made.
    sha256 : its announced checksum, 64 hexadecimal digits.
    size : its announced size in bytes.
    check : called with the path of the verified but not yet renamed file; raises `InputError` to refuse it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        No network, an error status, a wrong size or checksum, a refused file, or no room;
        also if another file is already there under this name.
    """
    path = Path(path)
    if path.is_file():
        if problem := _difference(path, sha256, size):
            raise InputError(f"{path} is another file than the one announced: {problem}; move it away")
        return path

    part = part_path(path, sha256)
    again = "run the same again" + (" and it goes on from there" if sha256 else "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if sha256 is None:
            part.unlink(missing_ok=True)
        patiently(lambda: _receive(url, part, path.name, size), url)
        _verify(part, url, sha256, size, check)
        os.replace(part, path)
    except KeyboardInterrupt as stop:
        stop.args = (f"interrupted; what came of {path.name} is in {part}: {again}",)
        raise
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{part} cannot be written: {reason}; make room, then {again}") from error
    return path


def part_path(path: Path, sha256: str | None = None) -> Path:
    """Where the bytes of an unfinished download gather."""
    return path.with_name(f"{path.name}.{sha256[:8].lower()}.part" if sha256 else f"{path.name}.part")


def _receive(url: str, part: Path, name: str, size: int | None) -> None:
    """Append to `part` what is missing of it."""
    start = part.stat().st_size if part.exists() else 0
    if size is not None and 0 < size <= start:
        return  # all of it is there, from a call that was killed before it could verify
    with get(url, start) as response:
        if response.status_code == 416:
            return  # nothing beyond what is there; the checksum will tell whether it is right
        if response.status_code != 206:  # no ranges here: the whole file comes again
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else size
        with (
            open(part, "ab" if start else "wb") as file,
            tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, unit_divisor=1024) as bar,
        ):
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                file.write(chunk)
                bar.update(len(chunk))
    if length is None and size is not None and part.stat().st_size < size:
        raise Transient("the connection was cut")


def _verify(
    part: Path, url: str, sha256: str | None, size: int | None, check: Callable[[Path], object] | None
) -> None:
    """Refuse and remove a file that is whole and wrong: there is nothing in it to go on from."""
    try:
        if problem := _difference(part, sha256, size):
            raise InputError(f"{url} sent another file than the one announced: {problem}; run the same again")
        if check is not None:
            check(part)
    except InputError:
        part.unlink()
        raise


def _difference(path: Path, sha256: str | None, size: int | None) -> str | None:
    """What sets a file apart from the announced one, if anything does."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"it has {found:,} bytes where {size:,} are announced"
    if sha256 is not None:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256.lower():
            return f"its sha256 is {digest[:12]}... where {sha256[:12].lower()}... is announced"
    return None
