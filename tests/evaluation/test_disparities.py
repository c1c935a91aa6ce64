"""Gaps between groups of people: found where planted and as large, not found where nothing is planted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

from agegender_lib.data import AGE_BANDS, RACES
from agegender_lib.errors import InputError
from agegender_lib.evaluation import gaps, metrics_by_group
from agegender_lib.evaluation.statistics import bootstrap
from agegender_lib.runs import predictions_table


def shuffled(*given):
    """All shuffles below each other."""
    return np.concatenate(list(bootstrap.shuffled_blocks(*given)))


def answers(rng, count=300, **columns):
    """A model that treats all alike: errors of 5 years, nine of ten genders right; some columns may be replaced."""
    age, gender = rng.integers(3, 90, count), rng.integers(2, size=count)
    right = rng.random(count) < 0.9
    race = rng.integers(len(RACES), size=count)
    read = age + 5 * rng.standard_normal(count)
    p_female = np.where(right, gender, 1 - gender) * 0.8 + 0.1
    return predictions_table(age, read, gender, p_female, race).assign(**columns)


def too_old(faces, race, years):
    """The same answers, but faces of one race are read as so much older."""
    return faces.assign(age_predicted=faces["age_predicted"] + years * (faces["race"] == race))


def gap(faces, measure, grouping="race"):
    return gaps(faces, [grouping]).set_index("measure").loc[measure]


def test_a_bias_of_three_years_against_one_race_is_found():
    faces = too_old(answers(np.random.default_rng(1), 1000), RACES.index("Indian"), 3)
    found = gap(faces, "age_bias")
    assert found["highest"] == "Indian" and 0 < found["p"] < 0.01 and found["p_within_ages"] < 0.01
    assert found["low"] <= 3 <= found["high"] and found["gap"] > found["critical_value"] > 0
    # the genders were treated alike
    assert gap(faces, "age_bias", "gender")["p"] > 0.05 and gap(faces, "gender_accuracy")["p"] > 0.05


def test_where_all_are_alike_one_gap_in_twenty_is_significant(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 99)
    rng, rows = np.random.default_rng(5), []
    for _ in range(100):
        faces = answers(rng, 180, race=rng.permutation(np.arange(180) % 4))
        rows.append(gaps(faces, ["race"]).set_index("measure"))
    for measure in ("age_mae", "age_bias", "gender_accuracy"):
        for p in ("p", "p_within_ages"):
            values = np.array([row.loc[measure, p] for row in rows])
            # 5 of 100 are expected; a binomial count leaves this range about once in a hundred times
            assert 0 <= (values <= 0.05).sum() <= 11, (measure, p)
            assert 0.4 < values.mean() < 0.62
    # the largest less the smallest of four means is nowhere near 0, and the interval must know it
    bias = [row.loc["age_bias"] for row in rows]
    assert np.median([row["gap"] for row in bias]) > 1 and np.mean([row["low"] == 0 for row in bias]) > 0.88


def test_a_gap_that_ages_make_is_told_from_one_of_race(monkeypatch):
    """Errors grow with age, and one race is old: without ages kept, that looks like unfairness to a race."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 99)
    rng, blunt, careful = np.random.default_rng(6), 0, 0
    for _ in range(40):
        faces = answers(rng, 300)
        old = faces["age"] >= 40
        faces["race"] = np.where(old & (rng.random(300) < 0.7), 0, rng.integers(1, 3, 300))
        faces["age_predicted"] = faces["age"] + np.where(old, 9, 3) * rng.standard_normal(300)
        row = gap(faces, "age_mae")
        assert row["critical_value_within_ages"] > row["critical_value"]
        blunt, careful = blunt + (row["p"] <= 0.05), careful + (row["p_within_ages"] <= 0.05)
    assert blunt >= 38 and careful <= 6
    kept = too_old(faces, 0, 4)
    assert gap(kept, "age_bias")["p_within_ages"] < 0.02


def test_copies_of_faces_are_no_evidence(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 500)
    once = answers(np.random.default_rng(7), 40, race=np.arange(40) % 2)
    copies = once.loc[np.arange(40).repeat(8)].assign(file=[f"{n}.jpg" for n in range(320)])
    groups = np.arange(40).repeat(8)
    # eight copies of each face tell no more than one: an interval wider by the square root of 8
    whole, parts = (gap(copies.assign(duplicate_group=group), "age_bias") for group in (groups, -1))
    ratio = (whole["high"] - whole["gap"]) / (parts["high"] - parts["gap"])
    assert ratio == pytest.approx(8**0.5, rel=0.2)


def test_labels_are_dealt_anew_within_strata_and_duplicates_stay_together(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 400)
    group = np.array([-1, 5, -1, 5, 9, 9, -1, -1, 2, 2, -1, 7])
    strata = np.array([0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1])
    labels = np.array(list("abcdefghijkl"))
    dealt = shuffled(labels, group, strata)
    places = [{"".join(row)[image] for row in dealt} for image in range(12)]
    # lone images (7 is a group of one) of the same stratum swap; of the pairs, those with equal strata
    for images in ("ack", "ghl"):
        assert all(places["abcdefghijkl".index(image)] == set(images) for image in images)
    assert places[1] == places[5] == {"b", "f"} and places[3] == places[4] == {"d", "e"}
    assert places[8] == {"i"} and places[9] == {"j"}
    for row in dealt:
        assert sorted(row) == sorted(labels)
        assert (row[1] == "b") == (row[3] == "d")  # a pair's labels go together
    # every order of three is as likely
    orders = pd.Series(["".join(row[[0, 2, 10]]) for row in dealt]).value_counts()
    assert len(orders) == 6 and orders.between(40, 95).all()
    free = shuffled(labels, group)
    assert {row[0] for row in free} == set("acghkl") and {row[1] for row in free} == set("bei")
    monkeypatch.setattr(bootstrap, "RESAMPLES", 5)
    assert (shuffled(labels, group, strata) == dealt[:5]).all()


def test_gaps_are_those_of_the_group_table_and_of_fairlearn():
    from fairlearn.metrics import MetricFrame  # slow to import

    faces = answers(np.random.default_rng(8), 600)
    groups, table = metrics_by_group(faces, "race"), gaps(faces, ["race"])
    table = table.set_index("measure")
    named = faces["race"].map(dict(enumerate(RACES)))
    frames = {
        "age_mae": MetricFrame(
            metrics=mean_absolute_error, y_true=faces["age"], y_pred=faces["age_predicted"],
            sensitive_features=named,
        ),
        "gender_accuracy": MetricFrame(
            metrics=accuracy_score, y_true=faces["gender"], y_pred=faces["p_female"] >= 0.5,
            sensitive_features=named,
        ),
    }  # fmt: skip
    for measure, frame in frames.items():
        assert table.loc[measure, "gap"] == pytest.approx(frame.difference(), abs=1e-12)
        for end in ("lowest", "highest"):
            name, value = table.loc[measure, [end, f"{end}_value"]]
            assert value == pytest.approx(frame.by_group[name])
            assert value == pytest.approx(groups.set_index("race")[measure][name])
    assert table.loc["age_bias", "gap"] == pytest.approx(np.ptp(groups["age_bias"]))


def test_small_groups_are_left_out_and_listed():
    faces = answers(np.random.default_rng(9), 200, race=[0] * 100 + [1] * 71 + [3] * 29)
    faces.loc[faces["race"] == 3, "age_predicted"] += 50
    found = gap(faces, "age_mae")
    assert found["groups"] == 2 and found["left_out"] == "Indian (29)" and found["highest_value"] < 10
    more = gap(faces.assign(race=[0] * 100 + [1] * 70 + [3] * 30), "age_mae")
    assert more["groups"] == 3 and more["left_out"] == "" and more["highest_value"] > 30
    # fewer than two groups have no gap, and say which there are
    alone = gap(faces.assign(race=[0] * 180 + [1] * 20), "age_mae")
    assert np.isnan(alone[["gap", "low", "high", "p", "critical_value"]].astype(float)).all()
    assert alone["groups"] == 1 and alone["left_out"] == "Black (20)"


def test_the_youngest_do_not_count_where_gender_is_read_from_three_years_on():
    faces = answers(np.random.default_rng(10), 400)
    babies = np.arange(400) < 50
    faces.loc[babies, ["age", "race", "p_female"]] = [1, 2, 0.5]
    faces.loc[babies, "gender"] = 0  # all of them read wrongly
    rows = gaps(faces, ["race", "age_band"]).set_index(["grouping", "measure"])
    assert rows.loc[("race", "gender_accuracy"), "lowest"] == RACES[2]
    older = metrics_by_group(faces[~babies], "race")["gender_accuracy"]
    assert rows.loc[("race", "gender_accuracy_from_3"), "gap"] == pytest.approx(np.ptp(older))
    assert rows.loc[("age_band", "gender_accuracy"), "lowest"] == AGE_BANDS[0]
    apart = rows.loc[("age_band", "gender_accuracy_from_3")]
    assert apart["lowest"] != AGE_BANDS[0] and AGE_BANDS[0] not in apart["left_out"]
    # and stand apart where errors are listed
    young = metrics_by_group(faces, "under_3")
    assert young["under_3"].to_list() == ["below 3", "3 and older"] and young["count"].to_list() == [50, 350]
    assert young["gender_accuracy"].iloc[0] == 0
    assert young["gender_accuracy"].iloc[1] == pytest.approx(
        ((faces["p_female"] >= 0.5) == faces["gender"])[~babies].mean()
    )


def test_what_cannot_be_grouped_is_refused():
    faces = answers(np.random.default_rng(13), 50)
    with pytest.raises(InputError, match=r"Cannot group errors by \['height'\]"):
        gaps(faces, ["height"])
    with pytest.raises(InputError, match="lacks the column"):
        gaps(faces.drop(columns="race"))
