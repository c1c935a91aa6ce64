"""Faces on the workers of a cluster: from the cache that all of them see, or else sent to each of them once."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from agegender_lib import cluster
from agegender_lib.data.cache import FaceSet, open_entry
from agegender_lib.errors import InputError

#: A folder in a cache, and the fingerprint of the faces in it.
Entry = tuple[Path, str]


def shared_faces(client: cluster.Client, faces: FaceSet) -> tuple[Entry | None, dict[str, FaceSet]]:
    """The cache entry that all workers can open these faces from, or else the faces as an argument of all tasks."""
    folder = Path(getattr(faces.images, "filename", None) or "nowhere").parent
    there = open_entry(folder)  # a part of an entry's faces is not the entry
    if there is not None and len(there) == len(faces) and there.table.equals(faces.table):
        entry = folder.resolve(), faces.fingerprint
        if all(cluster.everywhere(client, _sees, entry)):
            return entry, {}
    return None, {"faces": replace(faces, images=np.array(faces.images))}


def open_shared(entry: Entry) -> FaceSet:
    """On a worker: the faces of an entry that it sees."""
    faces = open_entry(entry[0])
    if faces is None or faces.fingerprint != entry[1]:
        raise InputError(
            f"a worker does not see the faces in {entry[0]}, as those before it did: start it where that folder is "
            "mounted, or run the same command again"
        )
    return faces


def _sees(entry):
    faces = open_entry(entry[0])
    return faces is not None and faces.fingerprint == entry[1]
