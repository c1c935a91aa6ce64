"""A large set of faces stays on disk: what is allocated does not grow with it, or far less than a copy would."""

import tracemalloc
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from agegender_lib.data import FaceSet, duplicate_groups
from agegender_lib.evaluation import gaps, permutation, summarise
from agegender_lib.evaluation.permutation import shuffled_blocks

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


def test_the_measure_sees_a_copy(mapped):
    with pytest.raises(AssertionError, match="MiB"), at_most(100):
        np.asarray(mapped[np.arange(FACES)])


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


class Brightness:
    """A network that answers with the mean of the picture, in per cent and as a share."""

    def predict_on_batch(self, batch):
        mean = np.array([face.mean() for face in batch])[:, None]
        return [mean, 100 * mean]


def test_predictions_need_a_batch(mapped):
    from agegender_lib.models import predict

    rows = np.random.default_rng(4).permutation(FACES)[:2000]
    with at_most(5 * 50 * 128 * 128 * 3 * 4 / MIB):
        found = predict(Brightness(), mapped, 50, rows=rows)
    assert len(found) == len(rows)
    for place in (0, 1, 51, -1):
        assert found["age_predicted"].iloc[place] == pytest.approx(
            mapped[rows[place]].mean() / 2.55, rel=1e-4
        )


def test_features_go_to_their_file_and_are_read_from_it(faces, tmp_path, monkeypatch):
    from agegender_lib.training import features

    wide = 8000  # numbers of a face: 183 MiB for all faces and mirror images

    def answer(batch):
        return np.repeat(batch.mean(axis=(1, 2, 3))[:, None], wide, axis=1)

    base = SimpleNamespace(output_shape=(None, wide), predict_on_batch=answer)
    monkeypatch.setattr(features, "_upto_features", lambda network: base)
    monkeypatch.setattr(features, "_fingerprint", lambda base, faces: "print")
    for _ in range(2):
        with at_most(130):  # a hundred faces as floats, both sides of them, and their features
            found = features.backbone_features(None, faces, tmp_path)
        assert found.shape == (FACES, 2, wide) and found.dtype == np.float32
        np.testing.assert_allclose(found[2999, :, 5], faces.images[2999].mean() / 255, rtol=1e-4)
        assert [path.name for path in tmp_path.iterdir()] == ["print.npy"]
        monkeypatch.setattr(base, "predict_on_batch", None)  # the second time they are read


def answers(count, seed=0):
    rng = np.random.default_rng(seed)
    age, gender = rng.integers(3, 90, count), rng.integers(2, size=count)
    return pd.DataFrame(
        {
            "file": [f"{number}.jpg" for number in range(count)],
            "split": "validation",
            "age": age,
            "gender": gender,
            "race": rng.integers(5, size=count),
            "duplicate_group": np.where(rng.random(count) < 0.1, rng.integers(count // 30, size=count), -1),
            "age_predicted": age + 5 * rng.standard_normal(count),
            "p_female": np.where(rng.random(count) < 0.9, gender, 1 - gender) * 0.8 + 0.1,
        }
    )


def test_metrics_and_gaps_need_a_part_of_the_resamples_at_a_time(monkeypatch):
    many = answers(8000)
    for module in (permutation, __import__("agegender_lib.evaluation.bootstrap", fromlist=["CHUNK"])):
        monkeypatch.setattr(module, "CHUNK", 400_000)
    whole = 400 * 8000 * 8 / MIB  # what one array of all resamples would take: 24 MiB
    with at_most(1.4 * whole):  # several arrays of an eighth
        gaps(many, ["race"], resamples=400)
    with at_most(1.4 * whole):
        summarise(many, resamples=400)


def test_it_does_not_matter_how_many_shuffles_fit_into_memory(monkeypatch):
    few = answers(300, seed=6)
    given = (few["race"].to_numpy(), few["duplicate_group"].to_numpy(), few["gender"].to_numpy(), 50, 7)
    first, table = np.concatenate(list(shuffled_blocks(*given))), gaps(few, resamples=50)
    monkeypatch.setattr(permutation, "CHUNK", 7 * 300)
    blocks = list(shuffled_blocks(*given))
    assert [len(block) for block in blocks] == [7] * 7 + [1]
    np.testing.assert_array_equal(np.concatenate(blocks), first)
    pd.testing.assert_frame_equal(gaps(few, resamples=50), table)
