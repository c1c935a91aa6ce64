"""What a UTKFace file name says about the face in it."""

import re
from typing import NamedTuple

from agegender_lib.errors import InputError

GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian", "Others")
OLDEST = 116

# UTKFace holds names with a stray space (`24_0_1_20170116220224657 .jpg.chip.jpg`) and without the first dot
# (`55_0_0_20170116232725357jpg.chip.jpg`): the fields before them are clear, so both are read.
_ENDING = re.compile(r"[ .]*(jpe?g|png|webp)([ .]+chip[ .]*(jpe?g|png|webp))? *\Z", re.IGNORECASE | re.ASCII)

#: What file systems take. Archives can hold far longer names, and a pattern that begins with any number of dots goes
#: over half a million of them for hours.
LONGEST_NAME = 255
_LONGEST_SHOWN = 300


class FaceName(NamedTuple):
    """The four fields of a file name: age in years, codes of gender and race, and the time of collection."""

    age: int
    gender: int
    race: int
    timestamp: str


def parse_name(name: str) -> FaceName:
    """Read the labels in a file name `[age]_[gender]_[race]_[datetime].jpg.chip.jpg`.

    Plain endings (`.jpg`, `.jpeg`, `.png`, `.webp`), capitals, a stray space and a missing dot are accepted.

    Returns
    -------
    FaceName
        Age 0 to 116 years; gender 0 (male) or 1 (female); race 0 to 4, an index into ``RACES``; timestamp as
        written, for most faces ``yyyymmddHHMMSSFFF``.

    Raises
    ------
    InputError
        When the name is of another form or longer than ``LONGEST_NAME``, or a field is missing or out of range.

    Examples
    --------
    >>> parse_name("26_1_2_20170116184039763.jpg.chip.jpg")
    FaceName(age=26, gender=1, race=2, timestamp='20170116184039763')
    """
    if len(name) > LONGEST_NAME:
        raise InputError(f"{name[:40]!r}... is a name of {len(name)} characters, more than any file system takes")
    ending = _ENDING.search(name)
    if ending is None:
        raise InputError(f"{name!r} does not end in .jpg, .png or .webp, so it is not taken for a face")
    fields = [field.strip(" ") for field in name[: ending.start()].split("_")]
    if len(fields) == 3 and _is_number(fields[2]) and len(fields[2]) > 3:
        raise InputError(f"{name!r}: the race field is missing, expected [age]_[gender]_[race]_[datetime]")
    if len(fields) != 4:
        raise InputError(f"{name!r} has {len(fields)} fields, expected the four of [age]_[gender]_[race]_[datetime]")
    age = _code(name, "age", fields[0], OLDEST)
    gender = _code(name, "gender", fields[1], len(GENDERS) - 1)
    race = _code(name, "race", fields[2], len(RACES) - 1)
    if not _is_number(fields[3]):
        raise InputError(f"{name!r}: the datetime field is {fields[3]!r}, expected digits only")
    return FaceName(age, gender, race, fields[3])


def name_problem(path: str) -> str | None:
    """Why a file's name says nothing of a face; None where it does."""
    try:
        parse_name(base_name(path))
    except InputError as error:
        return str(error)
    return None


def base_name(path: str) -> str:
    """The file's own part of a path as an archive writes it."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def printable(path: str) -> str:
    """A path as tables and messages show it: of bounded length, without what a terminal takes for a command."""
    if len(path) > _LONGEST_SHOWN:
        path = f"{path[: _LONGEST_SHOWN // 2]}...{path[-_LONGEST_SHOWN // 2 :]}"
    # File names need not be text: what could not be decoded is shown by its code.
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _code(name: str, field: str, text: str, largest: int) -> int:
    # The length is checked first: int() refuses thousands of digits with an error of its own.
    if not _is_number(text) or len(text) > 3 or int(text) > largest:
        raise InputError(f"{name!r}: the {field} field is {text!r}, expected a whole number from 0 to {largest}")
    return int(text)
