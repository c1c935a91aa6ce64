"""A search kept as JSON is the search that was run, and is shown only for its own space and faces."""

import agegender_lib.quiet  # noqa: F401  before Keras

# isort: split
from dataclasses import replace

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from agegender_lib.errors import InputError
from agegender_lib.plots.search import search_figures
from agegender_lib.training.search import kept as keeping
from agegender_lib.training.search import search_table
from agegender_lib.training.search.kept import read_search, search_or_kept, write_search
from agegender_lib.training.search.space import read_space
from agegender_lib.training.search.study import agree, open_study

SPACE = """
model: model_a
base:
  builder: {variant: original, filters: [4, 4], split_after: 2, features: global, dense: 8}
  stages: [{epochs: 2, learning_rate: 0.002}]
  members: 1
parameters:
  stages.0.learning_rate: {low: 0.0005, high: 0.01, log: true}
  batch_size: {choices: [8, 16]}
"""


@pytest.fixture
def searched(drawn, tmp_path):
    """A study of three complete trials and a pruned one, as a search leaves it."""
    (tmp_path / "space.yaml").write_text(SPACE)
    study = optuna.create_study(study_name="space")
    agree(study, read_space(tmp_path / "space.yaml"), drawn, "none")
    for number, (rate, batch) in enumerate([(0.001, 8), (0.002, 16), (0.004, 8), (0.009, 16)]):
        study.enqueue_trial({"stages.0.learning_rate": rate, "batch_size": batch})
        trial = study.ask(
            {
                "stages.0.learning_rate": optuna.distributions.FloatDistribution(0.0005, 0.01, log=True),
                "batch_size": optuna.distributions.CategoricalDistribution((8, 16)),
            }
        )
        for epoch in (1, 2):
            trial.report(9.0 - number - epoch, epoch)
        facts = {"age_mae": 6.0, "gender_accuracy": 0.9, "epochs": 2, "run": f"r{number}"}
        for key, value in {**facts, "worker": "host-1", "seconds": 3.5}.items():
            trial.set_user_attr(key, value)
        if number == 1:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, 7.0 - number)
    return study, tmp_path


def test_what_is_kept_is_what_was_searched(searched):
    study, folder = searched
    write_search(study, folder / "study.json")
    again = read_search(folder / "study.json", "space")
    kept = search_table(study).drop(columns=["worker", "seconds"])
    pd.testing.assert_frame_equal(search_table(again).drop(columns=["worker", "seconds"]), kept)
    assert again.best_params == study.best_params and again.user_attrs == study.user_attrs
    assert [t.intermediate_values for t in again.trials] == [t.intermediate_values for t in study.trials]
    assert list(search_figures(again)) == list(search_figures(study))
    # neither who searched nor when is told
    write_search(again, folder / "again.json")
    assert (folder / "again.json").read_bytes() == (folder / "study.json").read_bytes()
    assert b"host-1" not in (folder / "study.json").read_bytes()


def test_a_kept_search_is_shown_for_its_own_space_and_faces_only(searched, drawn, monkeypatch):
    study, folder = searched
    write_search(study, folder / "study.json")
    monkeypatch.setattr(keeping, "run_search", lambda *args, **options: "searched anew")

    def found(faces=drawn, train_missing=False):
        return search_or_kept(
            faces, folder / "space.yaml", 4, train_missing, runs=folder, kept=folder / "study.json"
        )

    assert found().best_value == study.best_value and found(train_missing=True).best_value == study.best_value
    others = replace(drawn, fingerprint="0" * 64)
    assert not found(others).trials and found(others, train_missing=True) == "searched anew"
    (folder / "space.yaml").write_text(SPACE.replace("0.01", "0.02"))
    assert not found().trials and found(train_missing=True) == "searched anew"
    database = open_study("space", None, folder, 30, 1, 2)
    assert not found().trials and not database.trials, "what was begun is shown, and not gone on with"
    (folder / "search" / "space.db").unlink()
    (folder / "study.json").unlink()
    assert not found().trials and found(train_missing=True) == "searched anew"


def test_a_kept_search_that_cannot_be_read_is_refused(tmp_path):
    for content in ("{", "[]", '{"attributes": {}}', '{"attributes": {}, "trials": [{"state": "LOST"}]}'):
        (tmp_path / "study.json").write_text(content)
        with pytest.raises(InputError, match=r"study\.json cannot be read"):
            read_search(tmp_path / "study.json", "space")
