"""The label-noise floor: of known size where noise was planted, none where none was."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.evaluation import errors_on_duplicates, label_noise


def labels(noise, wrong=0.0, groups=2000, size=2, lone=500, seed=0):
    """Photographs labelled ``size`` times: ages with ``noise(rng, shape)`` years, genders wrong with a probability."""
    rng = np.random.default_rng(seed)
    age = rng.integers(30, 60, groups)[:, None] + noise(rng, (groups, size))
    gender = rng.integers(2, size=groups)[:, None] ^ (rng.random((groups, size)) < wrong)
    twice = pd.DataFrame(
        {"age": age.ravel(), "gender": gender.ravel(), "duplicate_group": np.arange(groups).repeat(size)}
    )
    others = {"age": rng.integers(1, 90, lone), "gender": rng.integers(2, size=lone), "duplicate_group": -1}
    return pd.concat([twice, pd.DataFrame(others)], ignore_index=True)


def normal(rng, shape):
    return rng.normal(0, 4, shape)


def laplace(rng, shape):
    return rng.laplace(0, 3, shape)


def blunders(rng, shape):
    """Nearly all labels exact, some far off."""
    return 30.0 * (rng.random(shape) < 0.02)


def coin(rng, shape):
    """Always three years off, to either side."""
    return 3.0 * rng.choice([-1, 1], shape)


def quantities(table):
    return label_noise(table).set_index("quantity")


@pytest.mark.parametrize(
    ("noise", "row", "floor"),
    [
        (normal, "age_mae_floor", 4 * np.sqrt(2 / np.pi)),
        (laplace, "age_mae_floor_laplace", 3),
        (blunders, "age_mae_floor_least", 0.6),
        (coin, "age_mae_floor_most", 3),
    ],
)
def test_the_floor_is_the_error_of_a_perfect_reader(noise, row, floor):
    table = labels(noise)
    found = quantities(table)
    assert found.loc[row, "value"] == pytest.approx(floor, rel=0.07)
    # what the perfect reader really gets wrong lies between the bounds, whatever the noise
    truth = np.abs(noise(np.random.default_rng(1), 100_000))
    truth = np.abs(truth - np.median(truth)).mean() if noise is blunders else truth.mean()
    least, most = (found.loc[f"age_mae_floor_{end}"] for end in ("least", "most"))
    assert least["low"] <= truth <= most["high"] and least["value"] < most["value"]


def test_by_hand():
    """One pair two years apart and one triple of ages 10, 10 and 16 with one other gender."""
    table = pd.DataFrame(
        {"age": [30, 32, 10, 10, 16, 99], "gender": [0, 0, 1, 1, 0, 1], "duplicate_group": [0, 0, 1, 1, 1, -1]}
    )
    found = quantities(table)["value"]
    assert found["age_gap"] == pytest.approx((2 + 2 + 3 + 3 + 6) / 5)
    assert found["gender_disagreement"] == pytest.approx((0 + 0 + 0.5 + 0.5 + 1) / 5)
    assert found["age_mae_floor"] == pytest.approx(found["age_gap"] / np.sqrt(2))


def test_ranges_differ_by_the_years_between_them():
    pair = pd.DataFrame({"age": [24.5, 44.5], "age_low": [20, 40], "age_high": [29, 49], "gender": 0})
    assert quantities(pair.assign(duplicate_group=0))["value"]["age_gap"] == 10
    assert quantities(pair.assign(duplicate_group=0, age_high=[39, 49]))["value"]["age_gap"] == 0


def test_without_duplicates_there_is_nothing_to_say():
    table = labels(normal).query("duplicate_group < 0")
    nothing = label_noise(table)
    assert nothing.empty and "pairs" in nothing


def answers(table, error, seed=3):
    """A model that is off by a normal error with this mean size, and right in 90 of 100 genders."""
    rng = np.random.default_rng(seed)
    count = len(table)
    right = rng.random(count) < 0.9
    return table.assign(
        file=[f"{row}.jpg" for row in range(count)],
        split="validation",
        race=0,
        age_predicted=table["age"] + rng.normal(0, 1, count) * np.asarray(error) * np.sqrt(np.pi / 2),
        p_female=np.where(right == (table["gender"] == 1), 0.9, 0.1),
    )


def test_errors_on_duplicated_photographs_stand_beside_the_others():
    table = labels(normal, groups=500, lone=1000).assign(age=lambda t: t["age"].clip(0).round())
    error = np.where(table["duplicate_group"] >= 0, 3, 6)
    found = errors_on_duplicates(answers(table, error)).set_index("faces")
    assert found["images"].to_dict() == {"duplicated": 1000, "others": 1000}
    assert found["age_mae"].to_list() == pytest.approx([3, 6], rel=0.1)
    assert found["age_mae_high"]["duplicated"] < found["age_mae_low"]["others"]
    assert ((found["gender_accuracy_low"] < 0.9) & (found["gender_accuracy_high"] > 0.9)).all()
    only = errors_on_duplicates(answers(table[table["duplicate_group"] < 0], 5))
    assert list(only["faces"]) == ["others"]
    assert errors_on_duplicates(answers(table, error)[:0]).empty
