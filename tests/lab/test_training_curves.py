"""Learning curves laid over each other: of which trainings, as far as they are."""

import os

import numpy as np
import pytest
from explorer_tools import faces_of, history_of, write_run
from matplotlib.colors import to_hex

from agegender_lib import lab, plots
from agegender_lib.errors import InputError
from agegender_lib.plots.style import COLOURS


@pytest.fixture(scope="module")
def faces():
    return faces_of()


def lines(figure, kind):
    """By panel, the y values of the curves of this kind."""
    return [[list(line.get_ydata()) for line in ax.lines if line.get_gid() == kind] for ax in figure.axes]


def test_every_training_has_its_curves_and_its_best_epoch():
    tables = {"ModelF 1, made": history_of(4), "other": history_of(7), "ModelA 2, made": history_of(5)}
    tables["other"].loc[2, "val_age_mae"] = 0.5
    figure = plots.overlaid_curves(tables)
    columns = ("gender_loss", "gender_accuracy", "age_loss", "age_mae")
    for column, train, validation in zip(columns, lines(figure, "train"), lines(figure, "validation"), strict=True):
        assert train == [list(table[column]) for table in tables.values()]
        assert validation == [list(table[f"val_{column}"]) for table in tables.values()]
    rings = [line for line in figure.axes[3].lines if line.get_marker() == "o"]
    assert [ring.get_xydata().ravel().tolist() for ring in rings] == [[4, 1], [3, 0.5], [5, 1]]
    colours = [to_hex(line.get_color()) for line in figure.axes[0].lines if line.get_gid() == "validation"]
    assert colours[0] == COLOURS["ModelF"].lower() and colours[2] == COLOURS["ModelA"].lower()
    assert len(set(colours)) == 3


def test_trainings_are_found_with_the_newest_first_and_as_far_as_they_are(faces, tmp_path):
    old = write_run(tmp_path / "model_a-1", faces)
    new = write_run(tmp_path / "model_f-2", faces, epochs=2, finished=False, model="model_f", of=9)
    os.utime(old / "history.csv", (1, 1))
    os.utime(old / "config.json", (1, 1))
    begun = write_run(tmp_path / "model_a-3", faces, epochs=0, finished=False)
    os.utime(begun / "config.json", (2, 2))
    (tmp_path / "notes").mkdir()
    (tmp_path / "other" / "config.json").parent.mkdir()
    (tmp_path / "other" / "config.json").write_text("[]")
    found = lab.list_runs([tmp_path, tmp_path / "gone", old])
    assert found["folder"].tolist() == [new, begun, old]
    assert found["run"].tolist() == ["ModelF 2, made", "ModelA 3, made", "ModelA 1, made"]
    assert found["epochs"].tolist() == ["2 of 9", "0 of 10", "3 of 10"]
    assert found["state"].iloc[1:].tolist() == ["no epoch is finished yet", "finished"]
    best = found[["age_mae", "gender_accuracy"]]
    np.testing.assert_allclose(best, [[1, 0.9], [np.nan, np.nan], [1, 0.9]])
    assert lab.list_runs([tmp_path / "gone"]).empty


def test_the_curves_of_the_trainings_named_are_drawn_as_far_as_they_are(faces, tmp_path):
    folders = [write_run(tmp_path / f"model_a-{n}", faces, epochs=n, finished=False) for n in (0, 2, 4)]
    figure = lab.training_curves(folders)
    assert [len(curve) for curve in lines(figure, "validation")[0]] == [2, 4]
    (folders[1] / "part").write_text(history_of(5).to_csv(index=False))
    os.replace(folders[1] / "part", folders[1] / "history.csv")
    assert [len(curve) for curve in lines(lab.training_curves(folders), "validation")[0]] == [5, 4]
    assert "No epoch" in lab.training_curves(folders[:1]).texts[0].get_text()
    with pytest.raises(InputError, match="is not a run folder"):
        lab.training_curves([tmp_path])
