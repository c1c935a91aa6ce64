"""A training killed at any moment goes on to the same weights, to the last bit, and no two train the same thing."""

import math
import os
import shutil
from dataclasses import replace
from importlib import import_module

import keras
import pytest
from kill_checks import UNFINISHED, broken, differences, left_over
from kill_points import kill_points
from made_runs import tiny

from agegender_lib.errors import InputError
from agegender_lib.lock import Busy, alone
from agegender_lib.training import Stage, ablations, features, train
from agegender_lib.training.ablations import AblationRun, AblationStudy

trainings = import_module("agegender_lib.training.train")  # not the function, which goes by the same name


def test_a_training(tiny_b, few, tmp_path, monkeypatch):
    config, weights = tiny_b
    config = replace(
        config, stages=(Stage(1, 0.01, trainable="heads", cached_features=True), Stage(2, 0.01)), ema_momentum=0.5
    )
    work = tmp_path / "work"
    # the features are kept where this test looks
    monkeypatch.setattr(features, "KEPT", work / "features")
    fits, real = [], keras.Model.fit

    def counted(self, *given, epochs, initial_epoch, **named):
        fits.append(epochs - initial_epoch)
        return real(self, *given, epochs=epochs, initial_epoch=initial_epoch, **named)

    monkeypatch.setattr(keras.Model, "fit", counted)

    def training():
        keras.utils.clear_session()  # else layers without a name of their own get other numbers every time
        train(config, few, weights, work / "runs", "run")

    states, written = kill_points(work, tmp_path / "states", training)
    assert fits == [1, 2] and len(states) > 30
    for name in written:
        assert any(UNFINISHED.search(part) for part in name.split("/")), f"{name} is written in place"
    for state in states:
        assert broken(state) == []
    assert left_over(states[-1]) == [] and not (states[-1] / "runs/run/checkpoint.npz").exists()

    # of the moments between two new files the last one, which has all that a temporary file can hold
    last = {}
    for state in states:
        last[tuple(sorted(path.name + str(path.stat().st_mtime_ns) for path in whole(state)))] = state
    assert len(last) > 12
    for state in [*last.values()][::4]:  # kill_anywhere.py has the time for the others
        shutil.rmtree(work)
        shutil.copytree(state, work)
        fits.clear()
        kept = len((work / "runs/run/history.csv").read_text().splitlines()) - 1 if history(work) else 0
        training()
        # the checkpoint may be an epoch ahead of the history
        assert 3 - kept - 1 <= sum(fits) <= 3 - kept
        assert differences(work, states[-1]) == [] and left_over(work) == []


def whole(state):
    return [path for path in (state / "runs" / "run").glob("*") if not UNFINISHED.search(path.name)]


def history(work):
    return (work / "runs/run/history.csv").exists()


@pytest.fixture
def quick(monkeypatch):
    """Trainings that learn nothing, because compiling them would take all of the time; counts them."""
    begun = []

    def fit(graph, network, config, faces, split, state, folder, on_epoch=None):
        begun.append(folder)
        state.history = [{"epoch": 1}]
        for row in state.history if on_epoch else ():
            on_epoch(row)

    monkeypatch.setattr(trainings, "fit", fit)
    monkeypatch.setattr(trainings, "_save", lambda *_: None)
    monkeypatch.setattr(trainings, "_conclude", lambda folder, *_: (folder / "metrics.json").write_text("{}"))
    monkeypatch.setattr(trainings, "ORPHANED", 0.0)
    return begun


def test_two_trainings_of_the_same_folder_are_one_too_many(few, tmp_path, quick):
    seen = []

    def second(row):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        with pytest.raises(Busy, match=f"training .*run is being worked on by process {os.getpid()} on "):
            train(tiny(), few, runs=tmp_path, name="run")
        with pytest.raises(InputError, match="other settings"):
            train(tiny(seed=2), few, runs=tmp_path, name="run")
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        seen.append(row["epoch"])

    folder = train(tiny(), few, runs=tmp_path, name="run", on_epoch=second)
    assert seen == [1] and quick == [folder]
    # a finished training needs nobody's leave
    with alone(tmp_path / ".run.lock", "it"):
        assert train(tiny(), few, runs=tmp_path, name="run") == folder


def test_a_study_leaves_to_another_worker_what_that_one_has(few, tmp_path, monkeypatch, capsys):
    choices = [AblationRun("size", str(seed), seed, seed == 1, tiny(seed=seed)) for seed in (1, 2, 3)]
    asked = []

    def training(config, faces, weights, runs, wait):
        asked.append((config.seed, math.isinf(wait)))
        # another process has the first, and finishes or leaves it while this one waits
        if config.seed == 1 and not math.isinf(wait):
            raise Busy("the training is being worked on by process 7")
        return tmp_path / str(config.seed)

    monkeypatch.setattr(ablations, "train", training)
    monkeypatch.setattr(ablations, "check_stages", lambda *_: None)
    monkeypatch.setattr(ablations, "build_network", lambda *_: None)
    table = ablations.run_study(AblationStudy("s", {"size": "?"}, tuple(choices)), few, tmp_path / "runs")
    assert asked == [(1, False), (2, False), (3, False), (1, True)]
    assert [folder.name for folder in table["folder"]] == ["1", "2", "3"]
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "1/3  size: 1, seed 1", "  another process is training this one: later", "2/3  size: 2, seed 2",
        "3/3  size: 3, seed 3", "1/3  size: 1, seed 1",
    ]  # fmt: skip
