"""The faces a notebook or a command works on: the user's, or drawn ones where the user names none."""

from pathlib import Path

from agegender_lib import folders
from agegender_lib.data.faceset import FaceSet
from agegender_lib.data.importer import load_faces
from agegender_lib.data.synthetic import render_faces

RENDERED_FACES = 1200
SEED = 0  # of the drawn faces; one set for everybody


def open_faces(
    source: str | Path = "", rendered_faces: int = RENDERED_FACES, cache: str | Path = folders.CACHE
) -> FaceSet:
    """Load labelled faces, or draw stand-ins when there are none to load.

    Parameters
    ----------
    source : str or Path
        A folder or an archive, see `load_faces`; empty for drawn faces.
    rendered_faces : int
        How many faces to draw; of no effect with a source.
    cache : str or Path
        Where decoded and drawn faces are kept.
    """
    if not str(source):
        source = render_faces(Path(cache) / f"rendered-{rendered_faces}", rendered_faces, SEED)
    return load_faces(source, cache)
