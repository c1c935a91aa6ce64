"""A table of labels, a row per face, whatever its columns are called: file, age, gender, race and split."""

import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agegender_lib.data import parquet
from agegender_lib.data.filenames import RACES, printable
from agegender_lib.data.label_values import (
    OLDEST_LABEL,
    OPEN_YEARS,
    UNLABELLED,
    read_ages,
    read_genders,
    read_races,
    read_splits,
)
from agegender_lib.errors import InputError

#: By role, the names that its column has in known sets, the first that is there counts; lower case, _ between words.
NAMES = {
    "file": "file filename file_name path filepath file_path image_path img_path image_name img_name image_file image "
    "img photo picture image_id img_id",
    "age": "age age_label age_years years real_age age_range age_group",
    "gender": "gender sex gender_label male female",
    "race": "race ethnicity ethnic_group race_label",
    "split": "split subset partition set usage",
    "pixels": "pixels",
}
_KAGGLE = {"age", "ethnicity", "gender", "img_name"}
_FAIRFACE = {"file", "age", "gender", "race", "service_test"}
_CHUNK = 512  # rows of pixels in memory at a time

#: A table inside an archive, or one on disk.
Content = bytes | Path
#: Of a table that holds the pictures itself: the number of each row, from 0, and its picture or why there is none.
Pictures = Callable[[], Iterator[tuple[int, bytes | str]]]


@dataclass(frozen=True)
class LabelTable:
    """A table of labels, read.

    ``rows`` has a row per face: ``row`` (its number, as a spreadsheet counts: 1 is the header), ``file``, ``age``
    (years; of a range the middle), ``age_low, age_high``, ``gender`` (0 male, 1 female, -1 not labelled), ``race``,
    maybe ``split``, and ``problem``: why it cannot be used, or "". ``words`` say what was found.
    """

    name: str
    rows: pd.DataFrame
    words: str
    pictures: Callable[[], Iterator[tuple[str, bytes | str]]] | None = None


def read_label_table(name: str, content: Content) -> LabelTable:
    """Read a .csv, .tsv or .parquet of labels; an InputError says which column is missing."""
    if name.lower().endswith(".parquet"):
        cells, pictures = parquet.read_parquet(name, content)
    else:
        cells, pictures = _read_text(name, content)
    roles = {role: _column(cells, names.split()) for role, names in NAMES.items()}
    if pictures and not roles["file"]:
        cells["file"], roles["file"] = [f"{Path(name).stem}-{number}" for number in range(len(cells))], "file"
    for role in ("file", "age"):
        if not roles[role]:
            raise InputError(
                f"the table {name} has no column for the {role} (it has {_listed(map(str, cells))}): call one {role}, "
                "or give another table with --labels"
            )
    if not len(cells):
        raise InputError(f"the table {name} has no rows: give another table with --labels")
    rows, words = _labels(cells, roles)
    name = printable(name)
    words = f"{name}{_known(set(cells))}: {words}"
    if not pictures:
        return LabelTable(name, rows, words)
    files = rows["file"]
    return LabelTable(name, rows, words, lambda: ((files[n], found) for n, found in pictures() if n in files.index))


def may_hold_labels(path: Path) -> bool:
    """Whether the first line of a table, or a Parquet file's kind, leaves it possible that it is one of labels."""
    if path.suffix.lower() == ".parquet":
        return True
    try:
        with path.open("rb") as file:
            header = file.readline(2**16).decode("utf-8-sig", "replace")
    except OSError:
        return False
    columns = pd.DataFrame(columns=header.strip().split(max("\t,;", key=header.count)))
    return all(_column(columns, NAMES[role].split()) for role in ("file", "age"))


def _labels(cells: pd.DataFrame, roles: Mapping[str, str]) -> tuple[pd.DataFrame, str]:
    rows = read_ages(cells[roles["age"]])
    problem = rows.pop("problem")
    rows.insert(0, "row", cells.index + 2)
    rows.insert(1, "file", cells[roles["file"]].map(_normalised))
    words = [f"file from {roles['file']!r}", f"age from {roles['age']!r}{_spans(rows[problem == ''])}"]
    rows["gender"], rows["race"] = -1, UNLABELLED
    if roles["gender"]:
        rows["gender"], said = read_genders(cells[roles["gender"]], roles["gender"])
        problem = problem.where((problem != "") | (rows["gender"] >= 0), "the gender is unknown")
        words.append(f"gender from {roles['gender']!r} ({said})")
    if roles["race"]:
        race = cells[roles["race"]]
        coded = {*cells} >= _KAGGLE and race.isin([str(code) for code in range(len(RACES))]).all()
        rows["race"] = race.astype("int64") if coded else read_races(race)
        said = "UTKFace's codes" if coded else f"{rows['race'].nunique()} names"
        words.append(f"race from {roles['race']!r} ({said})")
    if roles["split"]:
        rows["split"] = read_splits(cells[roles["split"]])
        words.append(f"split from {roles['split']!r}")
    problem = problem.where(rows["file"] != "", "the file is missing")
    twice = rows["file"].duplicated(keep=False) & (problem != "the file is missing")
    return rows.assign(problem=problem.mask(twice, "the file is named twice")), ", ".join(words)


def _spans(rows: pd.DataFrame) -> str:
    if (rows["age_low"] == rows["age_high"]).all():
        return ""
    if not (rows["age_high"] == OLDEST_LABEL).any():
        return " (ranges)"
    return f" (ranges; one without an end counts as {OPEN_YEARS} years where a middle is needed)"


def _read_text(name: str, content: Content) -> tuple[pd.DataFrame, Pictures | None]:
    def read(columns: Callable[[str], bool], **options) -> pd.DataFrame:
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        return pd.read_csv(
            file, sep=separator, usecols=columns, dtype=str, keep_default_na=False, skip_blank_lines=False, **options
        )

    try:
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
            header = file.readline(2**16).decode("latin-1")
        # spreadsheets write a mark before the first letter, and outside of English semicolons
        separator = max("\t,;", key=header.count)
        try:
            cells = read(_not_pixels, encoding="utf-8-sig")
        except UnicodeDecodeError:
            cells = read(_not_pixels, encoding="cp1252")
        if not isinstance(cells.index, pd.RangeIndex):
            raise ValueError("its rows have more cells than its first line")
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        problem = " ".join(str(error).split())[:200]
        raise InputError(f"the table {name} cannot be read ({problem}): save it again") from None
    cells = cells.fillna("")  # a line that breaks off
    cells = cells[(cells != "").any(axis=1)]
    if all(map(_not_pixels, header.split(separator))):
        return cells, None
    return cells, lambda: _greys(read(lambda column: not _not_pixels(column), encoding="latin-1", chunksize=_CHUNK))


def _not_pixels(column: str) -> bool:
    return _plain(column) != "pixels"


def _greys(chunks: Iterable[pd.DataFrame]) -> Iterator[tuple[int, bytes | str]]:
    """The greys of squares, one number after the other in a cell, as the simplest picture files there are."""
    for chunk in chunks:
        for number, cell in chunk.iloc[:, 0].fillna("").items():
            try:
                pixels = bytes(map(int, cell.split()))
            except ValueError:
                pixels = b""
            side = math.isqrt(len(pixels))
            square = side and side * side == len(pixels)
            yield (
                number,
                b"P5 %d %d 255\n" % (side, side) + pixels if square else "its pixels are no square of 0 to 255",
            )


def _column(cells: pd.DataFrame, names: list[str]) -> str:
    plain = {_plain(column): column for column in reversed(list(cells))}
    return next((plain[name] for name in names if name in plain), "")


def _plain(column: str) -> str:
    return re.sub(r"\W+", "_", str(column).strip().lower()).strip("_")


def _normalised(path: str) -> str:
    """A path as archives write it."""
    return re.sub(r"^(\./|/|[A-Za-z]:/)+", "", path.strip().replace("\\", "/"))


def _known(columns: set[str]) -> str:
    return " (Kaggle's table of pixels)" * (columns >= _KAGGLE) + " (FairFace)" * (columns >= _FAIRFACE)


def _listed(names) -> str:
    names = [printable(name) for name in names]
    return ", ".join(names[:12]) + " and more" * (len(names) > 12)
