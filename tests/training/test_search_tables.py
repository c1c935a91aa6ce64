"""A search as tables: kept beside the report, shown for its own space and faces only, and drawn."""

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import optuna
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from agegender_lib import folders
from agegender_lib.plots import save_figure
from agegender_lib.plots import search as plots
from agegender_lib.plots.style import ReportFigure
from agegender_lib.reporting.report_folder import ReportFolder
from agegender_lib.training.search import read_space, search_or_stored, study, tables
from agegender_lib.training.search.study import about, agree, database_file, open_study
from agegender_lib.training.search.tables import found_by

RATE, BATCH = "stages.0.learning_rate", "batch_size"
SPACE = """
model: model_a
base:
  architecture: {variant: original, filters: [4, 4], split_after: 2, features: global, dense: 8}
  stages: [{epochs: 6, learning_rate: 0.002}]
  ensemble_size: 1
parameters:
  stages.0.learning_rate: {low: 0.001, high: 0.1, log: true}
  batch_size: {choices: [8, 16]}
"""


@pytest.fixture(scope="module", autouse=True)
def trusted():
    """Spaces whose networks are not tried out, which would take all of the time; test_search.py tries them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agegender_lib.training.search.space._try_out", lambda space: None)
        yield


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    file = tmp_path_factory.mktemp("space") / "space.yaml"
    file.write_text(SPACE)
    return file


@pytest.fixture(scope="module")
def searched(space, drawn):
    """What a search leaves of so many complete and pruned trials, and one that failed."""

    def make(complete, pruned=0, only=(RATE, BATCH)):
        study = optuna.create_study(study_name="space")
        agree(study, about(read_space(space), drawn, "pretrained"))
        rng = np.random.default_rng(0)
        kinds = {RATE: FloatDistribution(1e-3, 1e-1, log=True), BATCH: CategoricalDistribution([8, 16])}
        for number in range(complete + pruned):
            rate = float(10 ** rng.uniform(-3, -1))
            done = number < complete
            rows = {epoch: 8 + rate * 30 - epoch / 10 for epoch in range(1, 7 if done else 3)}
            facts = {"age_mae": 6.0, "gender_accuracy": 0.9, "epochs": len(rows), "run": f"r{number}"}
            params = {RATE: rate, BATCH: [8, 16][number % 2]}
            trial = create_trial(
                state=TrialState.COMPLETE if done else TrialState.PRUNED,
                value=rows[len(rows)],
                params={path: params[path] for path in only},
                distributions={path: kinds[path] for path in only},
                intermediate_values=rows,
                user_attrs={**facts, "worker": "host-1", "seconds": 3.5, "note": "" if done else "pruned"},
            )
            study.add_trial(create_trial(state=TrialState.FAIL)) if number == 1 else None
            study.add_trial(trial)
        return study

    return make


def test_the_tables_are_what_was_searched(searched):
    study = searched(5, pruned=1)
    found = found_by(study)
    # the failed one keeps its number to itself
    assert list(found.trials["trial"]) == [0, 2, 3, 4, 5, 6]
    assert list(found.trials["state"]) == ["complete"] * 5 + ["pruned"]
    finished = [trial for trial in study.trials if trial.state != TrialState.FAIL]
    assert list(found.trials["value"]) == [trial.value for trial in finished]
    assert list(found.trials[RATE]) == [float(f"{trial.params[RATE]:.4g}") for trial in finished]
    assert not {"worker", "seconds"} & set(found.trials)
    for number, rows in found.epochs.groupby("trial"):
        assert dict(zip(rows["epoch"], rows["value"], strict=True)) == study.trials[number].intermediate_values
    shares = found.importances.set_index("setting")["importance"]
    assert shares.sum() == pytest.approx(1) and shares[RATE] > shares[BATCH]
    assert found_by(searched(3)).importances.empty


def test_a_kept_search_comes_back_and_is_kept_as_the_same_bytes(searched, space, drawn, tmp_path, monkeypatch):
    found = found_by(searched(5, pruned=1))
    ReportFolder(tmp_path / "a", drawn).save_search(found)
    kept = tmp_path / "a" / "results" / "search"
    monkeypatch.setattr(folders, "RUNS", tmp_path)
    monkeypatch.setattr(tables, "KEPT", kept)
    again = search_or_stored(drawn, space, 4, train_missing=False)
    for name in ("trials", "epochs", "importances"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name), rtol=1e-5, check_dtype=False)
    ReportFolder(tmp_path / "b", drawn).save_search(again)
    for path in kept.iterdir():
        assert (tmp_path / "b" / "results" / "search" / path.name).read_bytes() == path.read_bytes()
    assert list(plots.search_figures(again)) == list(plots.search_figures(found))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_kept_search_is_shown_for_its_own_space_and_faces_only(searched, space, drawn, tmp_path, monkeypatch):
    ReportFolder(tmp_path, drawn).save_search(found_by(searched(5)))
    kept = tmp_path / "results" / "search"
    new = searched(1)
    monkeypatch.setattr(folders, "RUNS", tmp_path)
    monkeypatch.setattr(tables, "KEPT", kept)
    monkeypatch.setattr(study, "run_search", lambda *args, **options: new)
    wider = tmp_path / "space.yaml"
    wider.write_text(SPACE.replace("0.1", "0.2"))

    def shown(faces=drawn, space=space, train_missing=False):
        return len(search_or_stored(faces, space, 4, train_missing).trials)

    assert shown() == 5 and shown(train_missing=True) == 5
    others = replace(drawn, fingerprint="0" * 64)
    assert shown(others) == 0 and shown(others, train_missing=True) == 1
    assert shown(space=wider) == 0 and shown(space=wider, train_missing=True) == 1
    # a search that was begun goes on, and is shown where it is this one
    agree(open_study("space", None, tmp_path, 1, 6), about(read_space(space), drawn, "pretrained"))
    assert shown() == 0 and shown(others) == 0 and shown(train_missing=True) == 1
    database_file("space", tmp_path).unlink()
    (kept / "about.json").unlink()
    assert shown() == 0 and shown(train_missing=True) == 1


def test_a_search_is_drawn_in_the_project_s_style(searched, tmp_path):
    found = found_by(searched(12, pruned=3))
    before = dict(mpl.rcParams.copy(), backend="")
    figures = plots.search_figures(found)
    assert list(figures) == ["search_history", "search_epochs", "search_slices", "search_importances"]
    assert dict(mpl.rcParams.copy(), backend="") == before and not plt.get_fignums()
    for name, figure in figures.items():
        assert isinstance(figure, ReportFigure) and figure._repr_png_().startswith(b"\x89PNG")
        ax = figure.axes[0]
        assert to_hex(ax.get_facecolor()) == "#ffffff" and not ax.spines["top"].get_visible()
        first, again = (save_figure(figure, name, tmp_path / part) for part in "ab")
        assert first[0].read_bytes() == again[0].read_bytes()
    complete = found.trials[found.trials["state"] == "complete"]
    history = figures["search_history"].axes[0]
    assert list(history.lines[0].get_ydata()) == list(np.minimum.accumulate(complete["value"]))
    assert history.collections[0].get_offsets().tolist() == complete[["trial", "value"]].to_numpy().tolist()
    epochs = figures["search_epochs"].axes[0]
    best = max(epochs.lines, key=lambda line: line.get_zorder())
    number = complete.loc[complete["value"].idxmin(), "trial"]
    assert list(best.get_ydata()) == list(found.epochs.loc[found.epochs["trial"] == number, "value"])
    assert len(epochs.lines) == 15 and sum(line.get_marker() == "x" for line in epochs.lines) == 3
    slices = figures["search_slices"].axes
    assert [ax.get_xlabel() for ax in slices] == ["batch size", "learning rate", ""]
    assert slices[1].collections[0].get_offsets().tolist() == complete[[RATE, "value"]].to_numpy().tolist()
    bars = [bar.get_width() for bar in figures["search_importances"].axes[0].patches]
    assert bars == list(found.importances["importance"][::-1])
