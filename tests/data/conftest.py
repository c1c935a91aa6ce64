"""What tests of data share."""

import pytest


@pytest.fixture
def store(tmp_path):
    """Where decoded faces are kept."""
    return tmp_path / "cache"
