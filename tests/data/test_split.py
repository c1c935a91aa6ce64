"""The split: exact, stratified, reproducible, and never with one photograph on both sides."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.data import AGE_BANDS, age_band, assign_folds, given_split, split_faces, split_sources
from agegender_lib.errors import InputError


def faces(count=2000, groups=0, seed=0):
    """A table like the importer's; the first 2 * groups rows are pairs of duplicates with unlike labels."""
    rng = np.random.default_rng(seed)
    group = np.full(count, -1)
    group[: 2 * groups] = np.arange(groups).repeat(2)
    ages = rng.gamma(3, 11, count).astype(int).clip(0, 116)
    return pd.DataFrame(
        {
            "file": [f"{age}_{row}.jpg" for row, age in enumerate(ages)],
            "age": ages,
            "gender": rng.integers(2, size=count),
            "duplicate_group": group,
        }
    )


def test_bands_begin_at_their_edges():
    assert list(age_band([0, 2, 3, 9, 10, 19, 20, 79, 80, 116])) == [
        *["0-2", "0-2", "3-9", "3-9", "10-19", "10-19", "20-29", "70-79", "80+", "80+"]
    ]
    bands = age_band(pd.Series([5.5], index=[7]))
    assert bands.ordered and tuple(bands.categories) == AGE_BANDS and list(bands) == ["3-9"]


@pytest.mark.parametrize(("validation", "count"), [(1, 1), (333, 333), (1999, 1999), (0.2, 400), (0.3333, 667)])
def test_the_validation_count_is_exact(validation, count):
    split = split_faces(faces(groups=40), seed=3, validation_size=validation)
    assert (split == "validation").sum() == count
    assert set(split) == {"train", "validation"} and split.name == "split"


# Where nearly every face has a duplicate, too few single ones are left to even out each stratum.
@pytest.mark.parametrize(("groups", "off"), [(40, 1), (800, 2)])
def test_every_stratum_keeps_its_share(groups, off):
    table = faces(groups=groups)
    split = split_faces(table, seed=2, validation_size=500)
    strata = pd.crosstab([age_band(table["age"]), table["gender"]], split, dropna=False)
    quota = strata.sum(axis=1) * 500 / 2000
    assert len(strata) == 20
    assert (strata["validation"] - quota).abs().max() < off


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_never_cross(seed):
    table = faces(600, groups=100)
    split = split_faces(table, seed=seed, validation_size=150)
    sides = split[:200].groupby(table["duplicate_group"][:200]).nunique()
    assert (sides == 1).all()
    # Groups are held out like everything else, not all kept in training.
    assert 30 <= (split[:200] == "validation").sum() <= 70


def test_each_source_is_split_as_if_it_were_alone():
    parts = {name: faces(600, groups=50, seed=seed).assign(source=name) for seed, name in enumerate("ab")}
    parts["b"] = (
        parts["b"].assign(file="b" + parts["b"]["file"]).replace({"duplicate_group": dict.fromkeys(range(50), -1)})
    )
    both = pd.concat(parts.values()).sample(frac=1, random_state=1).reset_index(drop=True)
    alone = {name: split_faces(part, 4, 150).set_axis(part["file"]) for name, part in parts.items()}
    split = split_sources(both, 4, 150).set_axis(both["file"])
    assert all((split[files.index] == files).all() for files in alone.values())
    # a photograph that is in both does not train where its twin is held out
    held_out = alone["a"].index[(alone["a"] == "validation").to_numpy()][-1]
    twin = alone["b"].index[(alone["b"] == "train").to_numpy()][0]
    both.loc[both["file"].isin([held_out, twin]), "duplicate_group"] = 99
    split = split_sources(both, 4, 150).set_axis(both["file"])
    sides = split.groupby(both.set_index("file")["duplicate_group"].where(lambda group: group >= 0)).agg(set)
    assert not any({"train", "validation"} <= found for found in sides)
    assert (split == "validation").sum() == 300 and set(split[[held_out, twin]]) != {"train", "validation"}
    # a set of one source has no such column
    assert split_sources(faces(), 1, 20).equals(split_faces(faces(), 1, 20))


def labelled(**words):
    """600 faces, the first 100 in pairs, whose labels give a split: each word so many times."""
    table = faces(600, groups=50)
    return table.assign(split=np.repeat(list(words), list(words.values())))


def test_a_split_in_the_labels_is_taken():
    table = labelled(validation=41, train=459, test=100)
    split = split_faces(table, seed=3, validation_size=0.5)
    # the pair of the last held-out face stands on the other side, and does not train
    assert split.value_counts().to_dict() == {"train": 458, "validation": 41, "unused": 101} and split[41] == "unused"
    assert (split == "validation").equals(table["split"] == "validation")
    assert given_split(table)[1].endswith("458 faces train, 41 validate, 101 do neither")
    held = labelled(train=500, test=100)
    assert (split_faces(held, 3, 20) == "validation").equals(held["split"] == "test")
    # folds are drawn all the same
    assert (assign_folds(table, 3) == assign_folds(table.drop(columns="split"), 3)).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"train": 600}, "says train, not both"),
        ({"validation": 300, "test": 300}, "says test, validation, not both"),
        ({"train": 300, "validation": 200, "": 100}, "says nothing, train, validation, not both"),
        ({"0": 500, "1": 100}, "says 0, 1, not both"),
    ],
)
def test_any_other_split_in_the_labels_is_said_and_left(words, said):
    table = labelled(**words)
    assert given_split(table)[0] is None and said in given_split(table)[1]
    assert split_faces(table, 3, 90).equals(split_faces(table.drop(columns="split"), 3, 90))
    assert given_split(faces()) == (None, "")


def test_the_order_of_rows_does_not_matter():
    table = faces(groups=40)
    shuffled = table.sample(frac=1, random_state=5)
    # Group numbers follow the order of rows, so they differ too.
    relabelled = shuffled.assign(duplicate_group=shuffled["duplicate_group"].map(lambda g: 39 - g if g >= 0 else g))
    split = split_faces(relabelled, seed=1, validation_size=500)
    assert split.index.equals(shuffled.index)
    pd.testing.assert_series_equal(split.sort_index(), split_faces(table, seed=1, validation_size=500))


def test_the_seed_decides():
    table = faces()
    first, again, other = (split_faces(table, seed=seed, validation_size=500) for seed in (1, 1, 2))
    assert first.equals(again)
    # Two independent draws of a quarter share a quarter of it.
    both = ((first == "validation") & (other == "validation")).sum()
    assert 80 <= both <= 170


def test_a_known_split_stays_the_same():
    """Guards published results: no other version of a library or machine may draw other faces."""
    table = faces(12)
    table["file"] = [f"{row}.jpg" for row in range(12)]
    table["age"], table["gender"] = 30, 0
    split = split_faces(table, seed=0, validation_size=4)
    assert list(split.index[split == "validation"]) == [2, 8, 9, 10]


def test_only_groups_still_give_an_exact_split():
    table = faces(20, groups=10)
    for count in range(2, 20, 2):
        assert (split_faces(table, seed=0, validation_size=count) == "validation").sum() == count
    with pytest.raises(InputError, match=r"7 of 20 faces cannot be held out .* 6 can"):
        split_faces(table, seed=0, validation_size=7)


@pytest.mark.parametrize("validation", [0, 2000, 1.0, -0.2, True, "1000"])
def test_impossible_counts_are_refused(validation):
    with pytest.raises(InputError, match="validation"):
        split_faces(faces(), validation_size=validation)
