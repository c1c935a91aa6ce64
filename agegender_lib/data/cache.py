"""Decoded faces on disk, so that a source is decoded once.

An entry is a folder ``<name>-<first 12 digits of the fingerprint>`` in the cache:

    images.npy      uint8 [n, 128, 128, 3]
    table.csv       a row per face
    rejected.csv    a row per file of the source that could not be used
    meta.json       source, fingerprint, name, rendered, notes, number of faces, VERSION

The source in meta.json is a hash of its full path and of sizes and modification times, and of those of a table of
labels that was given; ``outside`` has those of tables that were found beside it. While these stay the same its entry is
used without reading a face. A source some of whose files could not be read is read again the next time. So is
one whose faces came from another source meanwhile: an entry belongs to the last. A killed import leaves no entry.
"""

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agegender_lib.data.archives import UNREADABLE, list_folder
from agegender_lib.errors import InputError
from agegender_lib.lock import alone

VERSION = 2  #: raise it when an import would give other pixels, rows or groups for the same files
_WORK = ".import-faces"
_TEXT = {"file": str, "timestamp": str, "reason": str, "split": str, "source": str}


@dataclass(frozen=True)
class FaceSet:
    """Labelled faces: a table, their pixels in the same order, and what could not be used.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per face, sorted by file name: file (str), age (int, years), gender (int; 0 male, 1 female),
        race (int, index into ``RACES``), timestamp (str), duplicate_group (int; -1 = none). Of other sets than UTKFace
        race is a name (str; "unlabelled" where there is none), gender may be -1 (not labelled) and timestamp is absent;
        where ages are ranges there are age_low and age_high (years), and age (float) is the middle; split (str) where
        the labels have one; source (str), the set's name, where several are one.
    images : uint8 [n, 128, 128, 3]
        RGB, a read-only memory map.
    rejected : pandas.DataFrame
        A row per file of the source that is not in the table: file (its path in the source) and reason.
    fingerprint : str
        64 hex digits that name this very set of faces, wherever it was read from.
    name : str
        The source's name without folders and endings, e.g. ``train_val``.
    synthetic : bool
        Whether at least one face is drawn rather than photographed.
    notes : tuple of str
        In words, where the labels come from and which pictures were resized.
    """

    table: pd.DataFrame
    images: np.ndarray
    rejected: pd.DataFrame
    fingerprint: str
    name: str
    synthetic: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)


def source_key(source: Path, labels: Path | None = None) -> str:
    """Hash of a source's place, and of size and modification time of the archive, or of every file in the folder.

    With a table of ``labels``, of that, too.
    """
    digest = hashlib.sha256(os.fsencode(source.resolve()))
    if labels:
        digest.update(source_key(labels).encode())
    for file in list_folder(source) if source.is_dir() else [source]:
        status = file.stat() if file.exists() else file.lstat()  # a dead link
        digest.update(os.fsencode(file.relative_to(source)))
        digest.update(f"|{status.st_size}|{status.st_mtime_ns}|".encode())
    return digest.hexdigest()[:16]


def find_entry(cache: Path, key: str) -> FaceSet | None:
    """The faces of an unchanged source, or None when they have to be read (again)."""
    return next(filter(None, (open_entry(file.parent, key) for file in cache.glob("[!.]*/meta.json"))), None)


def open_entry(folder: Path, key: str | None = None) -> FaceSet | None:
    """Open a cache entry, of this source if one is named; None when it is absent, incomplete or of another version."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        if meta["version"] != VERSION or meta["source"] != (key or meta["source"]):
            return None
        if key and any(_changed(Path(path), then) for path, then in meta["outside"].items()):
            return None
        images = np.load(folder / "images.npy", mmap_mode="r")
        table, rejected = (
            pd.read_csv(folder / f"{name}.csv", dtype=_TEXT, keep_default_na=False) for name in ("table", "rejected")
        )
        faces = FaceSet(
            table, images, rejected, meta["fingerprint"], meta["name"], meta["rendered"], tuple(meta["notes"])
        )
        complete = meta["images"] == len(table) == len(images)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    return faces if complete else None


def _changed(table: Path, key: str) -> bool:
    return not table.exists() or source_key(table) != key


@contextmanager
def work_folder(cache: Path) -> Iterator[Path]:
    """A hidden folder in the cache for one process to write an entry in; gone afterwards unless it was renamed."""
    folder = cache / _WORK  # not mkdtemp, whose folders nobody else may read
    try:
        with alone(cache / f"{_WORK}.lock", f"importing faces into {cache}", math.inf):
            shutil.rmtree(folder, ignore_errors=True)  # what a killed import left
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"the cache folder {cache} cannot be written ({error.strerror or error}): make room, or allow writing "
            "there, and run the same command again"
        ) from None


def save_entry(
    cache: Path, key: str, work: Path, table: pd.DataFrame, rejected: pd.DataFrame, meta: dict[str, Any]
) -> FaceSet:
    """Complete the entry whose images.npy already lies in ``work``, move it into place and open it."""
    entry = cache / f"{meta['name']}-{meta['fingerprint'][:12]}"
    for name, rows in (("table", table), ("rejected", rejected)):
        rows.to_csv(work / f"{name}.csv", index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    meta = {**meta, "source": key, "images": len(table), "version": VERSION}
    (work / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
    if open_entry(entry):  # the same faces from another source; who has them open needs them where they are
        (entry / "meta.json").unlink()
        for name in ("rejected.csv", "meta.json"):
            os.replace(work / name, entry / name)
    else:
        shutil.rmtree(entry, ignore_errors=True)
        work.rename(entry)
    opened = open_entry(entry, key)
    if opened is None:
        raise InputError(f"the cache entry {entry} cannot be read back; delete it and import again")
    if rejected["reason"].str.startswith(UNREADABLE).any():
        (entry / "meta.json").unlink()  # only for now
    return opened
