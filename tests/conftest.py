"""Faces that several test files share, drawn once."""

import pytest

from agegender_lib.data import load_faces, render_faces


@pytest.fixture(scope="session")
def drawn_source(tmp_path_factory):
    """A folder of 600 drawn faces and a cache folder, for tests that load them in another process."""
    folder = tmp_path_factory.mktemp("drawn")
    return render_faces(folder / "faces", 600), folder / "cache"


@pytest.fixture(scope="session")
def drawn(drawn_source):
    """The 600 drawn faces, loaded."""
    return load_faces(*drawn_source)
