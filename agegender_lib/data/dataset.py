"""The faces a notebook or a command works on: the user's, or drawn ones where the user names none."""

from pathlib import Path

from agegender_lib import folders
from agegender_lib.data.faceset import FaceSet
from agegender_lib.data.importer import load_faces
from agegender_lib.data.synthetic import render_faces

SYNTHETIC_FACES = 1200
SEED = 0  #: of the drawn faces; one set for everybody


def load_dataset(
    source: str | Path = "", synthetic_faces: int = SYNTHETIC_FACES, cache: str | Path = folders.CACHE
) -> FaceSet:
    """Load labelled faces, or draw stand-ins when there are none to load.

    Parameters
    ----------
    source : str or Path
        A folder or an archive, see `load_faces`; empty for drawn faces.
    synthetic_faces : int
        How many faces to draw; of no effect with a source.
    cache : str or Path
        Where decoded and drawn faces are kept.
    """
    if not str(source):
        source = render_faces(Path(cache) / f"rendered-{synthetic_faces}", synthetic_faces, SEED)
    return load_faces(source, cache)
