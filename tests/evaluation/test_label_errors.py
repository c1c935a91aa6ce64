"""Label errors: injected ones come first, and where none were injected hardly any are found."""

import numpy as np
import pytest

from agegender_lib.errors import InputError
from agegender_lib.evaluation import estimated_label_errors, injected_label_errors, label_error_scores, top_label_errors
from agegender_lib.runs import predictions_table


def predictor(count=2000, seed=0, bias=0.0, separation=3.0):
    """A decent network's predictions beside true labels: age errors grow with age, genders hardly overlap."""
    rng = np.random.default_rng(seed)
    age = rng.gamma(3, 11, count).astype(int).clip(1, 100)
    gender = rng.integers(2, size=count)
    logit = separation * (2 * gender - 1) + rng.normal(0, 0.8, count)
    read = age + bias + rng.normal(0, 1, count) * (1 + 0.1 * age)
    return predictions_table(age, read, gender, 1 / (1 + np.exp(-logit)))


def flipped(predictions, count=20, seed=5):
    """``predictions`` with so many gender labels turned, and their files."""
    rows = np.random.default_rng(seed).choice(len(predictions), count, replace=False)
    gender = predictions["gender"].to_numpy().copy()
    gender[rows] = 1 - gender[rows]
    return predictions.assign(gender=gender), set(predictions["file"].iloc[rows])


def test_twenty_injected_flips_come_first():
    noisy, injected = flipped(predictor())
    first = top_label_errors(label_error_scores(noisy), "gender", 20)
    assert set(first["file"]) == injected
    assert first["gender_error_score"].is_monotonic_decreasing
    assert list(first["gender_rank"]) == list(range(1, 21))


def test_injected_ages_come_first_at_every_age():
    """Twelve years are a lot for a child and little for the old: the ranking goes by what is typical."""
    clean = predictor()
    age = clean["age"].to_numpy().copy()
    children, old = (np.flatnonzero(rows)[:15] for rows in ((age > 2) & (age < 10), (age > 60) & (age < 80)))
    age[children] += 12
    age[old] += 12
    ranked = label_error_scores(clean.assign(age=age))
    first = set(top_label_errors(ranked, "age", 15)["file"])
    # at eight years an error of twelve is six typical ones, at seventy one and a half
    assert len(first & set(clean["file"].iloc[children])) >= 12
    assert ranked["age_rank"].iloc[old].min() > 15 and ranked["age_rank"].iloc[old].median() > 40
    # and fifty years are a lot for everybody
    age[old] -= 62
    worst = top_label_errors(label_error_scores(clean.assign(age=age.clip(0))), "age", 30)
    assert len(set(worst["file"]) & set(clean["file"].iloc[[*children, *old]])) >= 26


def test_no_wrong_gender_is_found_where_none_was_injected():
    found = estimated_label_errors(predictor()).set_index("label")
    assert found.loc["both", "estimated_errors"] <= 0.002 * 2000 and found.loc["both", "low"] == 0
    assert found["faces"].to_list()[2] == 2000


@pytest.mark.parametrize("count", [20, 100, 300])
def test_injected_wrong_genders_are_counted(count):
    noisy, _ = flipped(predictor(), count)
    both = estimated_label_errors(noisy).set_index("label").loc["both"]
    assert both["estimated_errors"] == pytest.approx(count, rel=0.2)
    assert both["low"] < count < both["high"]
    assert both["share"] == pytest.approx(both["estimated_errors"] / 2000)


def test_the_confident_joint_by_hand():
    """Thresholds: 0.62 for male, the mean of 0.9, 0.9, 0.8, 0.1 and 0.4; 0.7 for female, the mean of 0.9 and 0.5."""
    table = predictor(7).assign(gender=[0, 0, 0, 0, 0, 1, 1], p_female=[0.1, 0.1, 0.2, 0.9, 0.6, 0.9, 0.5], age=5)
    found = estimated_label_errors(table).set_index("label")
    # of the five men three count for their label, one against it, one for neither; of the women one for it, one neither
    assert found["off_diagonal"].to_dict() == {"male": 1, "female": 0, "both": 1}
    assert found["under_10"].to_dict() == {"male": 1, "female": 0, "both": 1}
    assert found["estimated_errors"].to_dict() == {"male": 1.25, "female": 0, "both": 1.25}


def test_injected_errors_tell_a_good_network_from_a_blind_one():
    good = injected_label_errors(predictor(), 50).set_index("task")
    assert good.loc["gender", "hits_at_k"] == 50 and good.loc["gender", "recall_at_5_percent"] == 1
    assert good.loc["age", "hits_at_k"] > 25 and good.loc["age", "recall_at_5_percent"] > 0.7
    rng = np.random.default_rng(2)
    clean = predictor()
    blind = clean.assign(age_predicted=33 + rng.normal(0, 1, 2000), p_female=rng.random(2000))
    lost = injected_label_errors(blind, 50).set_index("task")
    assert lost.loc["gender", "hits_at_k"] < 8 and lost.loc["gender", "recall_at_5_percent"] < 0.2
    assert lost.loc["age", "recall_at_5_percent"] < good.loc["age", "recall_at_5_percent"] / 2


def test_an_age_inside_its_range_is_no_error_however_far_from_the_middle():
    clean = predictor()
    low = clean["age"] // 20 * 20
    ranges = clean.assign(age=low + 9.5, age_low=low, age_high=low + 19)
    read = clean["age_predicted"]
    scores = label_error_scores(ranges)
    inside = read.between(low, low + 20)
    assert 0.7 < inside.mean() < 0.95 and (scores["age_error_score"][inside] == 0).all()
    assert scores["age_error_score"][~inside].min() > 0
    # a range of no width is a number
    numbers = label_error_scores(clean.assign(age_low=clean["age"], age_high=clean["age"]))
    assert numbers["age_error_score"].equals(label_error_scores(clean)["age_error_score"])
    injected = injected_label_errors(ranges, 50).set_index("task")
    assert injected.loc["age", "recall_at_5_percent"] > 0.4


def test_what_cannot_be_ranked_is_refused():
    clean = predictor(50)
    with pytest.raises(InputError, match="one gender label"):
        estimated_label_errors(clean.assign(gender=0))
    with pytest.raises(InputError, match="mixes the splits"):
        label_error_scores(clean.assign(split=["train", "validation"] * 25))
