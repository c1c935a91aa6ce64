"""Searches: workers share them, killed trials go on, bad ones end early, and mistakes show before the first trial."""

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
import yaml
from made_runs import watch

from agegender_lib import folders
from agegender_lib.data import load_faces
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.lock import alone
from agegender_lib.training.batches import Batches
from agegender_lib.training.identity import run_name
from agegender_lib.training.search import load_search, run_search, search_table
from agegender_lib.training.search import study as search
from agegender_lib.training.search.space import SPACE, Parameter, Space, read_space
from agegender_lib.training.search.study import objective_value

BASE = {
    "architecture": dict(
        variant="original", filters=[16, 16], split_after=2, features="global", dense=8, image_size=32
    ),
    "stages": [dict(epochs=6, learning_rate=0.01)],
    "validation_size": 20,
    "batch_size": 8,
    "test_time_augmentation": False,
    "ensemble_size": 1,
    "precision": "float32",
}
RATE, WEIGHT = "stages.0.learning_rate", "gender_weight"


@pytest.fixture(scope="module")
def few(few_source):
    return load_faces(*few_source)


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    """Databases that do not wait for the disk: a killed process loses nothing by that, only a killed machine."""

    def hurry(connection, record):
        connection.execute("PRAGMA synchronous=OFF")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", hurry)
    monkeypatch.setattr(search, "_PAUSE", 0.2)
    yield
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", hurry)


def written(path, base=None, **parameters):
    """A file with a search space."""
    content = {"model": "model_a", "base": {**BASE, **(base or {})}, "parameters": parameters}
    path.write_text(yaml.safe_dump(content))
    return path


def space_of(**parameters):
    """A space as it is read from such a file, without trying out its networks."""
    return Space("model_a", BASE, tuple(Parameter(path, **given) for path, given in parameters.items()))


WEIGHT_SPACE = space_of(gender_weight=dict(low=1, high=9))


class FakeTraining:
    """In place of `train`: the age error is the gender weight and falls by a tenth of a year per epoch, but the last.

    As `train` does, it goes on after the rows that are there, beside no other process, and reports no row of a
    training that was finished; `disturb` is called before each new row.
    """

    def __init__(self):
        self.begun, self.disturb = [], lambda config, epoch: None

    def __call__(self, config, faces, weights, runs, on_epoch, wait):
        folder = Path(runs) / run_name(config, faces, weights)
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder.with_name(f".{folder.name}.lock"), folder.name, wait):
            path = folder / "history.csv"
            rows = pd.read_csv(path).to_dict("records") if path.exists() else []
            if len(rows) < config.epochs:
                self.train(config, folder, rows, on_epoch)
        return folder

    def train(self, config, folder, rows, on_epoch):
        self.begun.append((folder.name, len(rows)))
        for row in rows:
            on_epoch(row)
        for epoch in range(len(rows) + 1, config.epochs + 1):
            self.disturb(config, epoch)
            last = 0.4 if epoch == config.epochs else 0
            age_mae = config.gender_weight + 1 - epoch / 10 + last
            rows.append({"epoch": epoch, "seconds": 2.0, "val_age_mae": age_mae, "val_gender_accuracy": 0.9})
            # whole or not at all, as trainings do: another worker may be reading it
            write_csv(folder / "history.csv", pd.DataFrame(rows))
            on_epoch(rows[-1])


@pytest.fixture
def fake(monkeypatch):
    training = FakeTraining()
    monkeypatch.setattr(search, "train", training)
    # there is nothing to clear, and it takes its time
    monkeypatch.setattr(search.keras.utils, "clear_session", lambda: None)
    return training


def test_the_shipped_space_is_understood():
    space = read_space()
    assert SPACE.is_file() and space.model == "model_a"
    config = space.configure({"stages.0.learning_rate": 0.004, "architecture.dropout": 0.1, "mixup": 0.3})
    assert config.stages[0].learning_rate == 0.004 and config.stages[0].epochs == 8
    network = {"image_size": 48, "widths": [24, 48, 96, 192], "stem": 24}
    assert config.architecture == {**network, "dropout": 0.1} and config.mixup == 0.3
    # the base is not written to
    assert space.configure({}).stages[0].learning_rate == 0.002 and "dropout" not in space.base["architecture"]
    assert len({parameter.path for parameter in space.parameters}) >= 8


GOOD = {"mixup": {"low": 0, "high": 1}}


@pytest.mark.parametrize(
    ("parameters", "base", "message"),
    [
        ({"mixup": {"low": 1, "high": 0}}, {}, r"mixup is {.*} \(.*low.* <= .*high.*\): give it as {low: 0.001"),
        ({"mixup": {"choices": [0.1, 0.1]}}, {}, "a choice is there twice"),
        ({"mixup": {"low": 0, "high": 1, "log": True}}, {}, "`low > 0` must hold for `log=True`"),
        # YAML takes a number for one only with a point before its exponent
        ({"mixup": {"low": "1e-3", "high": 1}}, {}, "low is '1e-3': give a number .* as {low: 0.001, high: 1.0e-2}"),
        ({"mixup": {"low": -1, "high": 1}}, {}, "mixup = -1.0: mixup is -1.0: give a number of at least 0"),
        ({"batchsize": {"choices": [3]}}, {}, "did you mean batch_size"),
        ({"optimizer": {"choices": ["adam", "sgd"]}}, {}, "optimizer = 'sgd': .*choose one of adamw"),
        ({"stages.1.learning_rate": {"low": 0, "high": 1}}, {}, "no 1 in stages, which has 1 entries"),
        ({"stage.0.learning_rate": {"low": 0, "high": 1}}, {}, "no stage in base: fix stage.0.learning_rate"),
        ({"architecture.drop": {"low": 0, "high": 1}}, {}, "architecture.drop = 0.0: model_a cannot be built .*drop"),
        ({"augmentation.spin": {"low": 0, "high": 1}}, {}, "augmentation .* is not understood: .*spin"),
        ({"architecture": {"choices": [{}]}, "architecture.dense": {"choices": [8]}}, {}, "lies inside architecture"),
        (GOOD, {"colour": 1}, "base: 'colour' is not a setting"),
        (GOOD, {"ensemble_size": 2}, "set ensemble_size to 1"),
        (GOOD, {"patience": 3}, "judges the last epoch: set patience to null"),
        ({}, {}, "give a mapping with at least one setting to search"),
    ],
)  # fmt: skip
def test_a_space_that_makes_no_sense_is_refused(tmp_path, parameters, base, message):
    with pytest.raises(InputError, match=rf"the search space .*space\.yaml: .*{message}"):
        read_space(written(tmp_path / "space.yaml", base, **parameters))


def test_a_search_finishes_so_many_trials_and_tabulates_them(few, tmp_path, fake):
    space = space_of(gender_weight=dict(low=1, high=9), optimizer=dict(choices=("adam", "adamw")))
    study = run_search(few, space, trials=4, runs=tmp_path)
    table = search_table(study)
    assert list(table["state"]) == ["complete"] * 4 and list(table["trial"]) == [0, 1, 2, 3]
    # the last epoch counts, not the best
    assert table["age_mae"].to_numpy() == pytest.approx(table[WEIGHT] + 0.8)
    assert table["value"].to_numpy() == pytest.approx(table[WEIGHT] + 0.8 + 2.0)
    assert (table["gender_accuracy"] == 0.9).all() and (table["epochs"] == 6).all()
    assert (table["seconds"] == 12).all() and table["resumes"].isna().all() and (table["note"] == "").all()
    for row in table.to_dict("records"):
        config = space.configure({key: row[key] for key in (WEIGHT, "optimizer")})
        assert row["run"] == run_name(config, few) and (tmp_path / row["run"]).is_dir()
    kept = pd.read_csv(tmp_path / "search" / "model_a.csv", keep_default_na=False)
    assert list(kept.columns) == list(table.columns) and list(kept["run"]) == list(table["run"])
    assert study.user_attrs["rendered"] and study.user_attrs["data"] == few.name
    # the same call has nothing left to do, a larger one goes on
    run_search(few, space, trials=4, runs=tmp_path)
    assert len(fake.begun) == 4
    assert len(search_table(run_search(few, space, trials=5, runs=tmp_path))) == 5
    assert len(search_table(load_search(runs=tmp_path))) == 5


def test_the_same_seed_draws_the_same_even_by_another_worker(few, tmp_path, fake):
    space = space_of(gender_weight=dict(low=1, high=9), mixup=dict(low=0, high=1))
    straight = search_table(run_search(few, space, trials=13, runs=tmp_path / "a", seed=3))
    for trials in (2, 12, 13):
        again = search_table(run_search(few, space, trials=trials, runs=tmp_path / "b", seed=3))
    other = search_table(run_search(few, space, trials=2, runs=tmp_path / "c", seed=4))
    columns = ["state", "value", "run", WEIGHT, "mixup"]
    pd.testing.assert_frame_equal(again[columns], straight[columns])
    assert straight["mixup"].nunique() == 13
    assert not set(other["mixup"]) & set(straight["mixup"])


def test_a_bad_trial_is_pruned_and_a_good_one_is_not(few, tmp_path, fake):
    study = run_search(few, WEIGHT_SPACE, trials=5, runs=tmp_path)
    values = search_table(study)[WEIGHT]
    # however bad, the first five are what others are compared with
    assert (search_table(study)["state"] == "complete").all()
    for weight in (values.max(), values.min()):
        study.enqueue_trial({WEIGHT: float(weight) + 0.01})
    table = search_table(run_search(few, WEIGHT_SPACE, trials=7, runs=tmp_path))
    bad, good = table.iloc[5], table.iloc[6]
    assert bad["state"] == "pruned" and "pruned after epoch 2: behind the median" in bad["note"]
    assert bad["epochs"] == 2 and bad["age_mae"] == pytest.approx(values.max() + 0.01 + 0.8)
    assert good["state"] == "complete" and good["epochs"] == 6
    # its folder could be gone on with
    assert len(pd.read_csv(tmp_path / bad["run"] / "history.csv")) == 2


def test_settings_are_trained_once(few, tmp_path, fake):
    space = space_of(gender_weight=dict(choices=(1.0, 2.0)))
    table = search_table(run_search(few, space, trials=6, runs=tmp_path))
    assert list(table["state"]) == ["complete"] * 6 and len(fake.begun) == 2
    assert table.groupby(WEIGHT)[["value", "run", "epochs", "seconds"]].nunique().max().max() == 1
    # the epochs of trainings that were there are reported, also to a study that knows nothing of them
    study = run_search(few, space, study="second", trials=1, runs=tmp_path)
    assert len(fake.begun) == 2 and sorted(study.trials[0].intermediate_values) == [1, 2, 3, 4, 5, 6]


def test_an_interrupted_trial_is_the_next_worker_s_first(few, tmp_path, fake, recwarn):

    def stop(config, epoch):
        if epoch == 4:
            raise KeyboardInterrupt

    fake.disturb = stop
    with pytest.raises(KeyboardInterrupt):
        run_search(few, WEIGHT_SPACE, trials=2, runs=tmp_path)
    fake.disturb = lambda config, epoch: None
    study = run_search(few, WEIGHT_SPACE, trials=2, runs=tmp_path)
    table = search_table(study)
    assert list(table["state"]) == ["failed", "complete", "complete"]
    assert table["run"][0] == table["run"][1] != table["run"][2] and table["resumes"][1] == 0
    assert fake.begun[:2] == [(table["run"][0], 0), (table["run"][0], 3)]
    assert list(study.trials[1].intermediate_values) == [1, 2, 3, 4, 5, 6]
    assert not [w for w in recwarn if "already reported" in str(w.message)]


def test_settings_that_do_not_fit_together_end_their_trial_but_not_for_ever(few, tmp_path, fake):
    refusals = iter([True, False, True, True, True])

    def refuse(config, epoch):
        if epoch == 1 and next(refusals):
            raise InputError("these do not fit: choose others")

    fake.disturb = refuse
    with pytest.raises(InputError, match="these do not fit"):
        run_search(few, WEIGHT_SPACE, trials=9, runs=tmp_path)
    table = search_table(load_search(runs=tmp_path))
    assert list(table["state"]) == ["failed", "complete", "failed", "failed", "failed"]
    assert table["note"][0] == "these do not fit: choose others"


def test_what_cannot_be_searched_is_refused_before_the_first_trial(few, tmp_path, fake):
    wrong = {
        "trials is 0": dict(trials=0),
        "the study's name is '../a'": dict(study="../a"),
        "the database given as storage cannot be used .*nosuch": dict(storage="nosuch://me:secret@host/x"),
    }
    for message, arguments in wrong.items():
        with pytest.raises(InputError, match=message) as refusal:
            run_search(few, WEIGHT_SPACE, **{"runs": tmp_path / "runs", **arguments})
        assert "secret" not in str(refusal.value)
    with pytest.raises(InputError, match="validation"):
        large = written(tmp_path / "large.yaml", {"validation_size": 60}, gender_weight=dict(low=1, high=9))
        run_search(few, large, runs=tmp_path / "runs")
    with pytest.raises(InputError, match=r"there is no study 'model_a' .*: run the search first"):
        load_search(runs=tmp_path / "runs")
    assert not fake.begun and not list(tmp_path.rglob("*.db"))


def test_a_study_keeps_to_its_space_and_faces(few, tmp_path, fake):
    run_search(few, WEIGHT_SPACE, trials=1, runs=tmp_path)
    wider = space_of(gender_weight=dict(low=1, high=10))
    with pytest.raises(InputError, match="was begun with other space: give another study name"):
        run_search(few, wider, trials=2, runs=tmp_path)
    with pytest.raises(InputError, match="was begun with other faces"):
        run_search(replace(few, fingerprint="0" * 64), WEIGHT_SPACE, trials=2, runs=tmp_path)
    assert len(fake.begun) == 1


WORKER = """
    import sys, time
    from pathlib import Path

    import agegender_lib.training, agegender_lib.plots, agegender_lib.pipeline.cli

    # it takes time, and only searches need it
    assert "optuna" not in sys.modules

    import pytest
    import sqlalchemy
    from made_runs import watch

    from agegender_lib.data import load_faces
    from agegender_lib.training.fit import Progress
    from agegender_lib.training.search import study as search

    source, cache, space, runs, kind = sys.argv[1:]
    runs = Path(runs)
    search._PAUSE = 0.2
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", lambda c, r: c.execute("PRAGMA synchronous=OFF"))

    if kind == "sleeps":
        def sleep(self, row):
            if row["epoch"] == 2:
                print("two epochs are done", flush=True)
                time.sleep(600)

        watch(pytest.MonkeyPatch(), Progress, "row", sleep)
        search.HEARTBEAT, search.GRACE = 1, 4
        search.run_search(load_faces(source, cache), space, trials=1, runs=runs)
    else:
        sys.path.insert(0, kind)
        from test_search import FakeTraining

        class Watched(FakeTraining):
            def train(self, config, folder, rows, on_epoch):
                marks = runs / "marks"
                with (marks / "begun").open("a") as file:
                    file.write(folder.name + "\\n")
                (marks / f"worker-{search.os.getpid()}").touch()
                # nobody goes ahead before both are here
                for _ in range(600):
                    if len(list(marks.glob("worker-*"))) == 2:
                        break
                    time.sleep(0.1)
                time.sleep(0.3)
                super().train(config, folder, rows, on_epoch)

        search.train = Watched()
        search.run_search(load_faces(source, cache), space, trials=8, runs=runs)
"""


def worker(tmp_path, few_source, space, kind, number=0):
    errors = (tmp_path / f"errors-{number}.txt").open("w")
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), *map(str, few_source), space, tmp_path, kind],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folders.ROOT, folders.ROOT / "tests/helpers")))},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def test_two_workers_share_a_study(few, few_source, tmp_path):
    # six settings for eight trials: some are suggested twice
    space = written(tmp_path / "space.yaml", optimizer=dict(choices=["adam", "adamw"]), mixup=dict(choices=[0, 1, 2]))
    (tmp_path / "marks").mkdir()
    kind = str(Path(__file__).parent)
    workers = [worker(tmp_path, few_source, space, kind, number) for number in range(2)]
    for number, process in enumerate(workers):
        said = process.communicate()[0]
        assert process.returncode == 0, said + (tmp_path / f"errors-{number}.txt").read_text()[-3000:]
    table = search_table(load_search(runs=tmp_path))
    finished = table[table["state"].isin(["complete", "pruned"])]
    # whoever is at work when the last trial ends finishes one more
    assert len(finished) in (8, 9) and len(table) == len(finished)
    assert finished["worker"].nunique() == 2
    begun = Counter((tmp_path / "marks" / "begun").read_text().split())
    # no two at once, and none again
    assert max(begun.values()) == 1 and set(begun) == set(finished["run"])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_worker_s_trial_goes_on_where_it_was(few, few_source, tmp_path, monkeypatch):
    space = written(
        tmp_path / "space.yaml", {"stages": [dict(epochs=4, learning_rate=0.01)]}, gender_weight=dict(low=1, high=9)
    )
    child = worker(tmp_path, few_source, space, "sleeps")
    said = next((line for line in child.stdout if "two epochs" in line), None)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert said, (tmp_path / "errors-0.txt").read_text()[-3000:]
    before = search_table(load_search(runs=tmp_path))
    assert list(before["state"]) == ["running"]
    killed = (tmp_path / before["run"][0] / "history.csv").read_text()
    assert killed.count("\n") == 3

    begun = []
    watch(monkeypatch, Batches, "start_epoch", lambda self, epoch: begun.append(epoch) if self.seed else None)
    monkeypatch.setattr(search, "HEARTBEAT", 1)
    monkeypatch.setattr(search, "GRACE", 4)
    study = run_search(few, space, trials=1, runs=tmp_path)
    table = search_table(study)
    assert list(table["state"]) == ["failed", "complete"]
    assert table["run"][0] == table["run"][1] and table[WEIGHT][0] == table[WEIGHT][1]
    assert table["resumes"][1] == 0 and table["worker"][0] != table["worker"][1]
    # Batches begins at 0 when it is made; only the third and fourth epoch were trained here
    assert set(begun) == {0, 2, 3} and begun.count(0) == 1
    history = (tmp_path / table["run"][0] / "history.csv").read_text()
    assert history.startswith(killed) and history.count("\n") == 5
    assert (tmp_path / table["run"][0] / "metrics.json").is_file()
    reported = study.trials[1].intermediate_values
    rows = pd.read_csv(tmp_path / table["run"][0] / "history.csv").to_dict("records")
    assert reported == pytest.approx({row["epoch"]: objective_value(row) for row in rows})
    assert table["value"][1] == pytest.approx(reported[4])


def test_the_verb_searches_and_says_what_it_found(agegender, few_source, tmp_path, fake):
    space = written(tmp_path / "space.yaml", gender_weight=dict(low=1, high=9))
    command = ("search", "--data", few_source[0], "--space", space, "--runs", tmp_path / "runs", "--study", "mine")
    code, out, _ = agegender(*command, "--trials", 2)
    assert code == 0 and "drawn faces" in out
    table = search_table(load_search("mine", runs=tmp_path / "runs"))
    best = table.loc[table["value"].idxmin()]
    assert f"best: trial {best['trial']}, run folder {tmp_path / 'runs' / best['run']}" in out

    def interrupted(config, epoch):
        raise KeyboardInterrupt

    fake.disturb = interrupted
    code, _, complaint = agegender(*command, "--trials", 3)
    assert code == 130 and "the same command goes on" in complaint
