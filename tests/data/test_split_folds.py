"""Folds: each face in exactly one, stratified, of equal size, and no photograph in two."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.data import age_band, assign_folds, split_faces, split_fold
from agegender_lib.errors import InputError
from tests.data.test_split import faces


@pytest.mark.parametrize(("count", "folds"), [(2000, 5), (2003, 5), (500, 2), (97, 10)])
def test_every_fold_has_its_share(count, folds):
    fold = assign_folds(faces(count, groups=20), folds, seed=3)
    sizes = np.bincount(fold, minlength=folds + 1)
    assert sizes[0] == 0 and sizes.sum() == count and len(sizes) == folds + 1
    assert sizes[1:].max() - sizes[1:].min() <= 1


@pytest.mark.parametrize(("groups", "off"), [(0, 1.5), (40, 2), (300, 3)])
def test_every_stratum_is_spread_over_the_folds(groups, off):
    table = faces(groups=groups)
    strata = pd.crosstab([age_band(table["age"]), table["gender"]], assign_folds(table, 5), dropna=False)
    assert len(strata) == 20
    assert strata.sub(strata.sum(axis=1) / 5, axis=0).abs().max().max() < off


@pytest.mark.parametrize("seed", range(4))
def test_duplicates_never_cross_and_are_spread(seed):
    table = faces(600, groups=100)
    fold = assign_folds(table, 5, seed)
    assert (fold[:200:2] == fold[1:200:2]).all()
    assert all(20 <= (fold[:200] == number).sum() <= 60 for number in range(1, 6))


def test_the_order_of_rows_does_not_matter():
    table = faces(groups=40)
    shuffled = table.sample(frac=1, random_state=5)
    numbers = shuffled["duplicate_group"]
    fold = assign_folds(shuffled.assign(duplicate_group=numbers.where(numbers < 0, 39 - numbers)), 5)
    assert (fold == assign_folds(table, 5)[shuffled.index]).all()


def test_a_single_split_is_the_first_fold():
    table = faces(groups=40)
    single = split_faces(table, seed=7, validation_size=400)
    pd.testing.assert_series_equal(split_fold(table, 1, 5, seed=7), single)
    second = split_fold(table, 2, 5, seed=7)
    assert (second == "validation").sum() == 400
    assert not ((second == "validation") & (single == "validation")).any()


@pytest.mark.parametrize("folds", [1, 31, 2.5])
def test_impossible_numbers_of_folds_are_refused(folds):
    with pytest.raises(InputError, match="whole number from 2 to the 30 faces"):
        assign_folds(faces(30), folds)
