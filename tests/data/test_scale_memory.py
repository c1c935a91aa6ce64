"""A large set of faces stays on disk: what is allocated does not grow with it, or far less than a copy would."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from agegender_lib.data import FaceSet, duplicate_groups

FACES = 3000
MIB = 2**20


@contextmanager
def at_most(mib):
    """What is allocated inside, NumPy's arrays included and mapped files not, stays within so many MiB."""
    tracemalloc.start()
    try:
        yield
        most = tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()
    assert most <= mib, f"{most:.0f} MiB"


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """3,000 mapped images, 141 MiB, of noise that differs in coarse squares too."""
    rng = np.random.default_rng(1)
    file = tmp_path_factory.mktemp("mapped") / "images.npy"
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (FACES, 128, 128, 3))
    coarse = rng.integers(0, 256, (FACES, 8, 8, 3), dtype=np.uint8)
    images[:] = np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)
    images.flush()
    return np.load(file, mmap_mode="r")


@pytest.fixture(scope="module")
def faces(mapped):
    table = pd.DataFrame({"file": [f"{number}.jpg" for number in range(FACES)], "age": 30, "gender": 1})
    return FaceSet(table.assign(race=0, duplicate_group=-1), mapped, table[:0], "f" * 64, "mapped", True)


def test_duplicates_need_thumbnails_and_a_block(mapped, monkeypatch):
    monkeypatch.setattr("agegender_lib.data.duplicates._BLOCK", 64)
    with at_most(12 + 8 + 20):  # thumbnails; their waves; a block as floats, with room
        groups = duplicate_groups(mapped)
    assert (groups == -1).all()


def test_an_epoch_of_batches_needs_a_batch(mapped):
    from agegender_lib.training.batches import Batches

    rows = np.random.default_rng(2).permutation(FACES)
    batches = Batches(mapped, rows, {"age": rows}, 50, seed=3)
    seen = []
    with at_most(3 * 50 * 128 * 128 * 3 / MIB):
        for index in range(len(batches)):
            images, targets = batches[index]
            seen += targets["age"].tolist()
            assert (images[7] == mapped[targets["age"][7]]).all()
    assert sorted(seen) == list(range(FACES))
