"""Batches: faces with their own labels, in every epoch's order, blended in pairs, or as many of every race group."""

import itertools
import shutil
from collections import Counter

import keras
import numpy as np
import pandas as pd
import pytest
from made_runs import tiny, watch

from agegender_lib.data import load_sources, render_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import metrics_by_group, read_run
from agegender_lib.models import load_model
from agegender_lib.reporting.profiles import model_settings
from agegender_lib.training import configure, features, train
from agegender_lib.training.batches import Batches, race_quotas
from agegender_lib.training.losses import age_distributions


def batches(seed=5, **options):
    """50 flat faces, every second of 100, each of its own grey, whose targets say which one it is."""
    images = np.arange(0, 200, 2, dtype="uint8")[:, None, None, None] * np.ones((1, 8, 8, 3), "uint8")
    ages = np.arange(50)
    wanted = {
        "age_output": ages[:, None].astype("float32"),
        "age_distribution": age_distributions(ages, (2.5, 0.03)),
        "who": np.eye(50, dtype="float32"),
    }
    return Batches(images, 2 * ages, wanted, 16, seed, **options)


def seen_in(epoch, seed=5):
    """Who is seen in an epoch, in order, after checking that each comes with its own pixels and age."""
    some, seen = batches(seed), []
    some.start_epoch(epoch)
    for images, wanted in (some[index] for index in range(len(some))):
        who = wanted["who"].argmax(axis=1)
        assert (images == 4 * who[:, None, None, None]).all()
        assert np.array_equal(wanted["age_output"][:, 0], who)
        seen += who.tolist()
    return seen


def test_labels_stay_with_their_faces_in_every_order():
    epochs = [seen_in(epoch) for epoch in range(4)]
    # 50 faces make three whole batches of 16
    assert all(len(who) == len(set(who)) == 48 for who in epochs)
    # the two faces left out are not always the same two
    assert set().union(*epochs) == set(range(50))
    assert seen_in(3, seed=None) == list(range(50))  # in validation nobody is left out


BALANCED = {"quotas": [(np.arange(20), 25), (np.arange(20, 50), 25)]}


@pytest.mark.parametrize("options", [{}, {"mixup": 0.4}, BALANCED], ids=["plain", "blended", "balanced"])
def test_an_epoch_depends_on_its_number_and_the_seed_only(options):
    def pixels(seed, *epochs):
        some = batches(seed, **options)
        for epoch in epochs:
            some.start_epoch(epoch)
        return [some[index][0][:, 0, 0, 0].tolist() for index in range(len(some))]

    # a resumed training starts at its epoch, without the ones before
    assert pixels(1, 3, 0, 2) == pixels(1, 2)
    others = [pixels(seed, epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert all(one != other for one, other in itertools.combinations(others, 2))


def test_blended_faces_and_targets_share_one_weight():
    mixed, whole, shares = batches(mixup=0.4), batches(), []
    for index in range(len(mixed)):
        (images, wanted), (plain, labels) = mixed[index], whole[index]
        assert images.dtype == np.uint8 and images.shape == plain.shape == (16, 8, 8, 3)
        assert np.ptp(images, axis=(1, 2, 3)).max() == 0  # each is still flat
        # how much of every face is in it: of itself, and of one more of its batch
        who, faces = wanted["who"], labels["who"].argmax(axis=1)
        assert who.sum(axis=1) == pytest.approx(1) and who.min() >= 0
        assert set(np.flatnonzero(who.any(axis=0))) <= set(faces)
        for name, rows in mixed.targets.items():
            np.testing.assert_allclose(wanted[name], who @ rows, atol=2e-3)
        # four levels of grey a face: the pixels say the same, to their rounding
        assert images[:, 0, 0, 0].astype(float) == pytest.approx(4 * who @ np.arange(50), abs=0.51)
        two = (who > 0).sum(axis=1) == 2
        assert two.any() and (two | ((who > 0).sum(axis=1) == 1)).all()
        shares += who[np.arange(16), faces][two].tolist()
    # Beta(0.4, 0.4) prefers the ends, and has no favourite
    shares = np.array(shares)
    assert (np.abs(shares - 0.5) > 0.4).mean() > 0.35 and 0.25 < shares.mean() < 0.75


def test_validation_faces_are_never_blended(drawn, tmp_path, monkeypatch):
    made = []
    watch(monkeypatch, Batches, "__init__", lambda self, *_: made.append((len(self.rows), self.seed, self.mixup)))
    monkeypatch.setattr(keras.Model, "fit", lambda *arguments, **settings: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tiny(validation_size=100, seed=4, mixup=0.2), drawn, runs=tmp_path, name="run")
    assert made == [(500, 4, 0.2), (100, None, 0.0)]


PLANTED = {
    ("utk", "White"): 200,
    ("utk", "Asian"): 34,
    ("utk", "Others"): 6,
    ("fair", "White"): 21,
    ("fair", "Black"): 9,
}
EQUAL = {(source, race): 80 if source == "utk" else 15 for source, race in PLANTED}


@pytest.fixture
def planted():
    rows = pd.DataFrame([group for group, size in PLANTED.items() for _ in range(size)], columns=["source", "race"])
    return rows.sample(frac=1, random_state=1).reset_index(drop=True)


def test_groups_of_a_source_are_seen_equally_often_and_all_of_their_faces(planted):
    seen, some = Counter(), Batches(None, np.arange(len(planted)), {}, 10, 3, quotas=race_quotas(planted))
    assert len(some) == 27
    for epoch in range(3):
        some.start_epoch(epoch)
        counts = Counter(planted.iloc[some.order].itertuples(index=False, name=None))
        assert counts == EQUAL
        # groups do not follow one another
        assert len(planted["race"].iloc[some.order[:10]].unique()) > 1
        seen.update(some.order.tolist())
        # within a group nobody is seen two times more than another, at any time
        times = pd.Series([seen[row] for row in planted.index]).groupby([planted["source"], planted["race"]])
        assert (times.max() - times.min()).max() <= 1
    assert len(seen) == len(planted)


def two_sources(folder):
    """Drawn faces under UTKFace's names, and others with a table of ranges and other names of races."""
    utk, drawn = render_faces(folder / "utk", 60, 5), render_faces(folder / "drawn", 60, 6)
    (folder / "fair").mkdir()
    lines = ["file,age,gender,race"]
    for number, path in enumerate(sorted(drawn.glob("*.jpg"))):
        shutil.copy(path, folder / "fair" / f"{number}.jpg")
        low = int(path.name.partition("_")[0]) // 10 * 10
        sex = ("Male", "Female")[int(path.name.split("_")[1])]
        lines.append(f"{number}.jpg,{low}-{low + 9},{sex},{'Black' if number < 12 else 'East Asian'}")
    (folder / "fair" / "labels.csv").write_text("\n".join(lines))
    return f"{utk} + {folder / 'fair'}"


def test_model_p_trains_on_balanced_races_of_two_sources(tiny_b, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "KEPT", tmp_path / "features")
    faces = load_sources(two_sources(tmp_path), tmp_path / "cache")
    assert "age_low" in faces.table
    # its own settings, whatever a profile holds out for the report
    assert model_settings("quick", "model_p") == {} and configure("model_p").sampling == "race"
    config = configure(
        "model_p",
        architecture=dict(backbone="tiny", dense=8, image_size=64),
        stages=[
            dict(epochs=1, learning_rate=0.01, trainable="heads", cached_features=True),
            dict(epochs=1, learning_rate=0.01, layer_decay=0.8),
        ],
        validation_size=15,
        batch_size=10,
        precision="float32",
    )
    drawn = []
    watch(monkeypatch, Batches, "start_epoch", lambda self, _: drawn.append((self.seed, self.rows[self.order])))
    folder = train(config, faces, tiny_b[1], runs=tmp_path / "runs")
    run = read_run(folder)
    table = faces.table
    held_out = table["source"][run.predictions["split"] == "validation"]
    assert held_out.value_counts().to_dict() == {"utk": 15, "fair": 15}
    judged = metrics_by_group(run.validation, "source").set_index("source")
    assert judged["count"].to_dict() == {"fair": 15, "utk": 15}
    # ages of UTKFace's kind are numbers
    assert judged["age_in_range"].notna().to_dict() == {"fair": True, "utk": False}
    with pytest.raises(InputError, match="all from one"):
        metrics_by_group(run.validation.drop(columns="source"), "source")
    drawn = [rows for seed, rows in drawn if seed is not None]
    assert set(drawn[-1]) <= set(np.flatnonzero(run.predictions["split"] == "train"))
    for rows in drawn:
        counts = table.iloc[rows].groupby(["source", "race"]).size()
        assert counts.groupby("source").sum().to_dict() == {"utk": 45, "fair": 45}
        assert (counts.groupby("source").max() - counts.groupby("source").min()).max() <= 1
    assert list(run.history["stage"]) == ["1", "2"] and run.metrics["validation"]["images"] == 30
    assert load_model(folder / "model.keras").name.startswith("age_gender_P")
