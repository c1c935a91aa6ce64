"""The fall on another set of faces: each planted cause closes the gap in its own step, and in no other."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.evaluation import gaps, groups_beside, race_gap_power, shift_steps
from agegender_lib.evaluation.fairness.dataset_shift import power_of_gap
from agegender_lib.evaluation.statistics import bootstrap
from agegender_lib.runs import predictions_table

CLOSES = {
    "children": {
        "without children under 10",
        "weighted to one composition",
        "from 10, frontal, aligned, one composition",
    },
    "frame": {"aligned alike", "from 10, frontal, aligned, one composition"},
    "pose": {"frontal faces", "from 10, frontal, aligned, one composition"},
    "sharpness": {"weighted to one sharpness"},
    "people": {"weighted to one composition", "from 10, frontal, aligned, one composition"},
    "nothing": set(),
}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)


def one_set(seed, cause, hit, count=3000):
    """A set of faces: all genders right but, by the cause, of half of the faces that it ``hit``."""
    rng = np.random.default_rng(seed)
    age, race = rng.integers(10, 70, count), rng.integers(5, size=count)
    sharpness, gender, wrong = rng.random(count), rng.integers(2, size=count), rng.random(count) < 0.5
    many = rng.random(count) < (0.6 if hit else 0.1)
    causes = {
        "children": many, "people": many, "sharpness": many, "pose": many, "frame": np.full(count, hit),
        "nothing": np.full(count, hit),
    }  # fmt: skip
    if cause == "children":
        age = np.where(many, rng.integers(10, size=count), age)
    if cause == "people":
        race, gender = np.where(many, 1, 2 * (race // 2)), np.where(many, 1, gender)
    if cause == "sharpness":
        sharpness = np.where(many, sharpness - 1, sharpness)
    found = {}
    for version, cured in (("given", None), ("aligned", "frame")):
        fooled = causes[cause] & wrong & (cause != cured)
        table = predictions_table(age, age + 0.5, gender, np.where(fooled, 1 - gender, gender), race)
        found[version] = table.assign(sharpness=sharpness, frontal=(cause != "pose") | ~many)
    return found


@pytest.mark.parametrize("cause", CLOSES)
def test_a_planted_cause_closes_the_gap_in_its_own_step(cause):
    steps = shift_steps(one_set(1, cause, False), one_set(2, cause, True))
    table = steps[steps["measure"] == "gender_accuracy"].set_index("step")
    first = table.iloc[0]
    expected = 0.25 if cause in ("children", "people", "sharpness", "pose") else 0.5
    assert first["gap_low"] < expected < first["gap_high"] and abs(first["gap"] - expected) < 0.05
    assert first[["closed", "closed_low", "closed_high"]].eq(0).all()
    closed = set(table.index[table["closed_low"] > 0.1])
    assert closed == CLOSES[cause]
    assert (table.loc[[*closed], "gap"].abs() < 0.05).all()
    others = table.drop([*closed, table.index[0]])
    assert (others["closed"].abs() < 0.04).all()
    assert (table["source"] - table["target"] - table["gap"]).abs().max() < 1e-12
    # every age is in the range of its own label
    assert steps.loc[steps["measure"] == "age_in_range", ["source", "target"]].eq(1).all(axis=None)


def test_strata_that_the_source_lacks_are_told_and_races_are_broadened():
    names = np.array(["East Asian", "Middle Eastern", "Black", "White"])
    source, target = one_set(1, "frame", False), one_set(2, "frame", True)
    for table in target.values():
        table["race"] = names[np.arange(len(table)) % 4]
    for table in source.values():
        table["race"] = np.array([0, 1, 4])[np.arange(len(table)) % 3]  # White, Black, Others: no Asian
    steps = shift_steps(source, target).set_index(["step", "measure"])
    covered = steps.loc["weighted to one composition", "covered"]
    assert covered.between(0.74, 0.75).all() and (steps.loc["as they are", "covered"] == 1).all()


def test_power_is_how_often_the_test_of_gaps_finds_them():
    accuracies, counts, rng, found = np.array([0.9, 0.8, 0.88]), np.array([150, 90, 60]), np.random.default_rng(3), 0
    race = np.repeat([0, 1, 2], counts)
    for _ in range(60):
        right = rng.random(300) < accuracies[race]
        faces = predictions_table(np.full(300, 30), np.full(300, 30), np.ones(300, int), right * 1.0, race)
        found += gaps(faces, ["race"]).set_index("measure").loc["gender_accuracy", "p"] < 0.05
    power = power_of_gap(accuracies, counts, samples=400)
    # the standard error of 60 samples is six points
    assert 0.2 < power < 0.8 and abs(power - found / 60) < 0.17


def test_a_gap_on_the_target_is_asked_for_at_the_counts_and_at_the_errors_of_the_source():
    def faces(counts, rights):
        parts = [
            predictions_table([30] * n, [30.0] * n, [1] * n, np.arange(n) < right, [race] * n)
            for race, (n, right) in enumerate(zip(counts, rights, strict=True))
        ]
        return pd.concat(parts, ignore_index=True)

    found = race_gap_power(faces([600, 400], [570, 380]), faces([100, 100], [90, 80])).set_index("errors")
    there, here = found.loc["as on the target"], found.loc["as on the source"]
    assert there[["lowest", "highest"]].tolist() == here[["lowest", "highest"]].tolist() == ["Black", "White"]
    assert there["gap"] == pytest.approx(0.1) and there["power"] > 0.9
    # at 95 % on 600 and 400 faces the same ratio of odds, 2.25, is 96.4 and 92.3 %
    white = here["gap"] + (0.95 - 0.6 * here["gap"])
    assert white / (1 - white) / ((white - here["gap"]) / (1 - white + here["gap"])) == pytest.approx(2.25, abs=0.01)
    assert here["power"] < there["power"]


def test_groups_of_two_sets_stand_below_each_other():
    sets = {"ours": one_set(1, "people", False)["given"], "theirs": one_set(2, "people", True)["given"]}
    groups, between = groups_beside(sets)
    women = groups[(groups["grouping"] == "gender") & (groups["gender"] == "female")].set_index("faces")
    for name, table in sets.items():
        own = table[table["gender"] == 1]
        assert women.loc[name, "gender_accuracy"] == pytest.approx((own["p_female"] >= 0.5).mean())
    assert set(groups["grouping"]) == {"gender", "race", "age_band", "race x gender"} and "age_in_range" in groups
    gap = between.set_index(["faces", "grouping", "measure"]).loc["theirs", "gender", "gender_accuracy"]
    assert gap["lowest"] == "female" and gap["p"] < 0.05
