"""Balanced sampling: every race group as often as the others of its source, whichever epoch a training is in."""

import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from made_runs import watch

from agegender_lib.data import load_sources, render_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import metrics_by_group, read_run
from agegender_lib.models import load_model
from agegender_lib.reporting.profiles import model_settings
from agegender_lib.training import configure, features, train
from agegender_lib.training.batches import Batches, race_quotas

PLANTED = {
    ("utk", "White"): 200,
    ("utk", "Asian"): 34,
    ("utk", "Others"): 6,
    ("fair", "White"): 21,
    ("fair", "Black"): 9,
}
EQUAL = {
    ("utk", "White"): 80,
    ("utk", "Asian"): 80,
    ("utk", "Others"): 80,
    ("fair", "White"): 15,
    ("fair", "Black"): 15,
}


@pytest.fixture
def planted():
    rows = pd.DataFrame([group for group, size in PLANTED.items() for _ in range(size)], columns=["source", "race"])
    return rows.sample(frac=1, random_state=1).reset_index(drop=True)


def order_of(table, epoch, seed=3):
    batches = Batches(None, np.arange(len(table)), {}, 10, seed, quotas=race_quotas(table))
    batches.start_epoch(epoch)
    assert len(batches) == 27
    return batches.order


def test_groups_of_a_source_are_seen_equally_often_and_all_of_their_faces(planted):
    seen = Counter()
    for epoch in range(3):
        order = order_of(planted, epoch)
        counts = Counter(planted.iloc[order].itertuples(index=False, name=None))
        assert counts == EQUAL
        seen.update(order.tolist())
        # within a group nobody is seen two times more than another, at any time
        times = pd.Series([seen[row] for row in planted.index]).groupby([planted["source"], planted["race"]])
        assert (times.max() - times.min()).max() <= 1
    assert len(seen) == len(planted)


def test_the_order_depends_on_seed_and_epoch_only(planted):
    orders = {(seed, epoch): order_of(planted, epoch, seed) for seed in (3, 4) for epoch in (0, 1)}
    np.testing.assert_array_equal(orders[3, 1], order_of(planted, 1))  # as after a resume
    assert len({order.tobytes() for order in orders.values()}) == 4
    # groups do not follow one another
    assert len(planted["race"].iloc[orders[3, 0][:10]].unique()) > 1


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
