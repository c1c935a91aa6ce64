"""File names: the odd ones of UTKFace, and what is refused."""

import pytest

from agegender_lib.data import GENDERS, RACES, parse_name
from agegender_lib.errors import InputError


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("100_1_0_20170112215032192.jpg.chip.jpg", (100, 1, 0, "20170112215032192")),
        ("26_0_4_20170116184039763.JPEG", (26, 0, 4, "20170116184039763")),
        # Odd names that UTKFace and the coursework's subset really hold.
        ("24_0_1_20170116220224657 .jpg.chip.jpg", (24, 0, 1, "20170116220224657")),
        ("55_0_0_20170116232725357jpg.chip.jpg", (55, 0, 0, "20170116232725357")),
        ("14_0_0_2017011022340900.jpg.chip.jpg", (14, 0, 0, "2017011022340900")),
        ("24_0_1 _20170116220224657.jpg", (24, 0, 1, "20170116220224657")),
        # The ends of the ranges.
        ("0_0_0_1.jpg", (0, 0, 0, "1")),
        ("116_1_4_1.jpg", (116, 1, 4, "1")),
    ],
)
def test_clear_names_are_read(name, fields):
    assert parse_name(name) == fields


@pytest.mark.parametrize("name", ["61_1_20170109142408075", "39_1_20170116174525125"])
def test_missing_race_is_named(name):
    with pytest.raises(InputError, match="race field is missing"):
        parse_name(name + ".jpg.chip.jpg")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("117_0_0_20170116184039763.jpg", "age field is '117', expected a whole number from 0 to 116"),
        ("-1_0_0_20170116184039763.jpg", "age field is '-1'"),
        ("_0_0_20170116184039763.jpg", "age field is ''"),
        ("9" * 5000 + "_0_0_20170116184039763.jpg", "a name of 5026 characters"),
        ("26_2_0_20170116184039763.jpg", "gender field is '2', expected a whole number from 0 to 1"),
        ("26_0_5_20170116184039763.jpg", "race field is '5', expected a whole number from 0 to 4"),
        ("26_0_0_yesterday.jpg", "datetime field is 'yesterday'"),
        ("26_0_0_2017_1.jpg", "has 5 fields"),
        ("holiday.jpg", "has 1 fields"),
        ("26_0_0_20170116184039763.gif", "does not end in .jpg"),
    ],
)
def test_unclear_names_are_refused_with_the_reason(name, reason):
    with pytest.raises(InputError) as refusal:
        parse_name(name)
    assert reason in str(refusal.value)


def test_zero_is_male_and_codes_have_names():
    assert GENDERS[parse_name("30_0_2_1.jpg").gender] == "male"
    assert GENDERS[parse_name("30_1_2_1.jpg").gender] == "female"
    assert RACES[parse_name("30_1_2_1.jpg").race] == "Asian"
