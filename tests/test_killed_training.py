"""A training killed at any moment goes on to the same weights, to the last bit, and trains no epoch twice."""

import agegender_lib.quiet  # noqa: F401  before Keras

# isort: split
import shutil
from dataclasses import replace

import keras
from kill_checks import UNFINISHED, broken, differences, left_over
from kill_points import kill_points

from agegender_lib.training import Stage, features, train


def test_a_training(tiny_b, few, tmp_path, monkeypatch):
    config, weights = tiny_b
    config = replace(
        config, stages=(Stage(1, 0.01, trainable="heads", on_features=True), Stage(2, 0.01)), ema_momentum=0.5
    )
    work = tmp_path / "work"
    # the features are kept where this test looks
    monkeypatch.setattr(features.backbone_features, "__defaults__", (work / "features",))
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
    for state in [*last.values()][::2]:  # kill_anywhere.py has the time for the others
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
