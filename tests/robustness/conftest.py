"""Bad input must not hang: a test of it ends after minutes, or, where it draws thousands of inputs, after hours."""

from pathlib import Path

import hypothesis
import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    seconds = 600 * max(1, hypothesis.settings.default.max_examples / 100)
    for item in items:
        if item.path.parent == HERE and item.path.name.startswith("test_bad"):
            item.add_marker(pytest.mark.timeout(seconds))
