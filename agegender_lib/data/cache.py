"""Decoded faces on disk, so that a source is decoded once.

An entry is a folder ``<name>-<first 12 digits of the fingerprint>`` in the cache:

    images.npy          uint8 [n, 128, 128, 3]
    table.csv           a row per face
    rejected.csv        a row per file of the source that could not be used
    meta.json           fingerprint, name, rendered, number of faces, VERSION
    source-<key>.csv    one per source that was found to hold these faces: what was rejected in that one

The key of a source is a hash of its full path and of sizes and modification times: of the archive, or of
every file in the folder. While these stay the same the source counts as unchanged and its entry is used
without reading a face; a file changed in place with its size and time kept goes unnoticed. Delete the
entry to import anew. A source some of whose files could not be read is read again the next time, because neither a
file's permission nor a drive that failed for a moment shows in its key.

Everything is written to a hidden folder first and renamed when complete, so a killed import leaves no entry. Of two
processes that import the same source one waits and opens the other's entry.
"""

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.files import is_full, no_room
from agegender_lib.lock import Busy, alone

from .archives import UNREADABLE, list_folder
from .faceset import FaceSet

VERSION = 1  # raise it when an import would give other pixels, rows or groups for the same files
_WORK = ".import-"
_TEXT = {"file": str, "timestamp": str, "reason": str}


def source_key(source: Path) -> str:
    """Hash of a source's place, sizes and modification times; see the module's text for the rule."""
    digest = hashlib.sha256(os.fsencode(source.resolve()))
    for file in list_folder(source) if source.is_dir() else [source]:
        status = file.stat() if file.exists() else file.lstat()  # a dead link
        digest.update(os.fsencode(file.relative_to(source)))
        digest.update(f"|{status.st_size}|{status.st_mtime_ns}|".encode())
    return digest.hexdigest()[:16]


def find_entry(cache: Path, key: str) -> FaceSet | None:
    """The faces of an unchanged source, or None when they have to be read (again)."""
    for record in sorted(cache.glob(f"[!.]*/source-{key}.csv")):
        if faces := open_entry(record.parent, record.name):
            return faces
    return None


def open_entry(folder: Path, rejected: str) -> FaceSet | None:
    """Open a cache entry; None when it is absent, incomplete, or written by another version."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        images = np.load(folder / "images.npy", mmap_mode="r")
        table = _read_csv(folder / "table.csv")
        left_out = _read_csv(folder / rejected)
        faces = FaceSet(table, images, left_out, meta["fingerprint"], meta["name"], meta["rendered"])
        complete = meta["version"] == VERSION and meta["images"] == len(table) == len(images)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    return faces if complete else None


@contextmanager
def work_folder(cache: Path, key: str) -> Iterator[Path]:
    """A hidden folder in the cache to write a source's entry in; gone afterwards unless it was renamed.

    One process at a time has a source's; another waits here.
    """
    folder = cache / f"{_WORK}{key}"  # not mkdtemp, whose folders nobody else may read
    with _trouble(cache):
        cache.mkdir(parents=True, exist_ok=True)
    with _trouble(cache), alone(_lock(folder), f"importing faces into {cache}", math.inf):
        _clear(cache)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        except OSError as error:
            if is_full(error, cache):
                # as much again as there was room for
                needed = sum(file.stat().st_size for file in folder.glob("*"))
                raise no_room(cache, needed) from None
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(cache: Path) -> None:
    """Remove what killed imports left: the folders that no process has locked."""
    for left_over in cache.glob(f"{_WORK}*"):
        if left_over.is_dir():
            with suppress(Busy), alone(_lock(left_over), "an import"):
                shutil.rmtree(left_over, ignore_errors=True)


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def _trouble(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error, cache):
            raise no_room(cache) from None
        raise InputError(
            f"the cache folder {cache} cannot be written ({error.strerror or error}): allow writing there"
        ) from None


def save_entry(
    cache: Path,
    key: str,
    work: Path,
    table: pd.DataFrame,
    rejected: pd.DataFrame,
    meta: dict[str, str | bool],
) -> FaceSet:
    """Complete the entry whose images.npy already lies in ``work``, move it into place and open it.

    ``meta`` holds name, fingerprint and rendered.
    """
    entry = cache / f"{meta['name']}-{meta['fingerprint'][:12]}"
    record = f"source-{key}.csv"
    lasting = not rejected["reason"].str.startswith(UNREADABLE).any()
    _write_csv(table, work / "table.csv")
    _write_csv(rejected, work / "rejected.csv")
    if lasting:
        _write_csv(rejected, work / record)
    meta = {**meta, "images": len(table), "version": VERSION}
    (work / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
    # the same faces may be coming from another source at this moment
    with alone(cache / f".{entry.name}.lock", f"the cache entry {entry}", math.inf):
        if open_entry(entry, "rejected.csv"):
            # The same faces from another source: only the record is new.
            if lasting:
                os.replace(work / record, entry / record)
        else:
            shutil.rmtree(entry, ignore_errors=True)
            work.rename(entry)
    opened = open_entry(entry, "rejected.csv")
    if opened is None:
        raise InputError(f"the cache entry {entry} cannot be read back; delete it and import again")
    return replace(opened, rejected=rejected)


def _write_csv(table: pd.DataFrame, file: Path) -> None:
    table.to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _read_csv(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=_TEXT, keep_default_na=False)
