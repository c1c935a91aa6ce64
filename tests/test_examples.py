"""The examples in docstrings of the rooms without Keras print what they say."""

import doctest
import importlib
import pkgutil

import agegender_lib

ROOMS = ("data", "runs", "evaluation", "plots")


def test_examples():
    prefixes = tuple(f"agegender_lib.{room}." for room in ROOMS)
    names = [found.name for found in pkgutil.walk_packages(agegender_lib.__path__, "agegender_lib.")]
    counts = [doctest.testmod(importlib.import_module(name)) for name in names if name.startswith(prefixes)]
    assert sum(count.failed for count in counts) == 0 and sum(count.attempted for count in counts) >= 40
