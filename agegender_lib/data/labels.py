"""Where the labels of a source's faces stand: in a table, or in their files' names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from agegender_lib.data.archives import TABLES, check_source, read_files
from agegender_lib.data.filenames import LONGEST_NAME, FaceName, base_name, name_problem, parse_name, printable
from agegender_lib.data.label_table import Content, LabelTable, may_hold_labels, read_label_table
from agegender_lib.data.label_values import OLDEST_LABEL, UNLABELLED
from agegender_lib.errors import InputError

PICTURES = ("jpg", "jpeg", "png", "webp")
_FGNET = re.compile(r"\d{3}A(\d{1,2})[a-z]?\.jpe?g", re.IGNORECASE | re.ASCII)
_AGEDB = re.compile(r"\d+_.+_(\d{1,3})_([mf])\.jpe?g", re.IGNORECASE | re.ASCII)
_COLUMNS = ["file", "age", "gender", "race"]


@dataclass(frozen=True)
class Labels:
    """The labels of a source's pictures, known before one is decoded.

    ``of`` has for a picture's path in the source its labels in the order of ``columns``; ``problem`` says why another
    path has none. ``notes`` say in words where they come from; ``rows`` counts the rows of tables, 0 where names are
    the labels; ``unusable`` has a row's place and the reason. ``files`` reads the pictures where tables hold them.
    """

    columns: list[str]
    of: dict[str, tuple]
    problem: Callable[[str], str]
    notes: list[str]
    rows: int = 0
    unusable: list[tuple[str, str]] = field(default_factory=list)
    files: Callable[[], Iterator[tuple[str, bytes | str]]] | None = None
    #: Of pictures that a row names, where that stands.
    places: dict[str, str] = field(default_factory=dict)
    #: Tables of labels inside the source, and those outside.
    tables: frozenset[str] = frozenset()
    outside: tuple[Path, ...] = ()


class Layout(NamedTuple):
    """A data set that is known by its files' names."""

    words: str
    columns: list[str]
    read: Callable[[str], tuple | None]


def _utkface(name: str) -> tuple | None:
    return None if name_problem(name) else parse_name(name)


def _agedb(name: str) -> tuple | None:
    found = _AGEDB.fullmatch(name) if len(name) <= LONGEST_NAME else None
    if not found or int(found[1]) > OLDEST_LABEL:
        return None
    return int(found[1]), int(found[2].lower() == "f"), UNLABELLED


def _fgnet(name: str) -> tuple | None:
    found = _FGNET.fullmatch(name)
    return (int(found[1]), -1, UNLABELLED) if found else None


UTKFACE = Layout("UTKFace's file names: age, gender, race", ["file", *FaceName._fields], _utkface)
LAYOUTS = (
    UTKFACE,
    Layout("AgeDB's file names: age and gender; no race", _COLUMNS, _agedb),
    Layout("FG-NET's file names: age; neither gender nor race", _COLUMNS, _fgnet),
)


def given_paths(source: str | Path, labels: str | Path) -> tuple[Path, Path | None]:
    """A source and its table of labels, if one is given, as they were written; an InputError if there are none such."""
    source, table = expanded(source), expanded(labels) if str(labels) else None
    check_source(source)
    if table and not (table.is_file() and table.name.lower().endswith(TABLES)):
        what = "is no table" if table.exists() else "does not exist"
        raise InputError(f"the table of labels {table} {what}: give a {', '.join(TABLES)} file")
    return source, table


def expanded(path: str | Path) -> Path:
    """A path without the ``~`` that a shell did not replace."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{path} begins in the home of somebody unknown here; write the whole path") from None


def find_labels(source: Path, given: Path | None = None) -> Labels:
    """Find the labels of a source: the table that is given, else the one inside, else names, else a table beside it.

    Names count before a table inside when they are UTKFace's for most pictures. An InputError says what is missing.
    """
    if source.is_file() and source.name.lower().endswith(TABLES):
        table = read_label_table(source.name, source)
        if not table.pictures:
            raise InputError(f"{source} holds labels and no pictures: give these by --data, and it by --labels")
        return _from_tables([table], [], {})
    paths, contents = _listing(source)
    pictures = [path for path in paths if not objection(path)]
    if given:
        return _from_tables([read_label_table(str(given), given)], pictures, {}, (given,))
    layout, named = max(((each, _named(each, pictures)) for each in LAYOUTS), key=lambda found: len(found[1]))
    if layout is UTKFACE and 2 * len(named) > len(pictures):
        why = "the file names are UTKFace's and tell the labels: give --labels to take the table's"
        return _from_names(layout, named, dict.fromkeys(contents, why))
    tables, unfit = _read_tables(contents)
    if tables:
        return _from_tables(tables, pictures, unfit)
    if not named and pictures:
        near = (path for path in source.resolve().parent.iterdir() if path.suffix.lower() in TABLES)
        beside = sorted(filter(may_hold_labels, near))
        tables, _ = _read_tables({str(path): path for path in beside})
        tables = [table for table in tables if _matched(list(table.rows["file"]), pictures)[0]]
        if tables:
            return _from_tables(tables, pictures, unfit, tuple(beside))
    if not named and len(unfit) == 1 and pictures:
        raise InputError(f"{source} holds no usable face among its {len(paths)} files: {next(iter(unfit.values()))}")
    return _from_names(layout if named else UTKFACE, named, unfit)


def read_labelled(source: Path, labels: Labels) -> Iterator[tuple[str, bytes | str]]:
    """The pictures of a source that have labels, and of every other file, and picture in a table, why it has none."""
    for path, content in labels.files() if labels.files else ():
        yield path, content if path in labels.of or isinstance(content, str) else labels.problem(path)
    if source.is_dir() or not source.name.lower().endswith(TABLES):
        for path, content in read_files(source, lambda path: None if path in labels.of else labels.problem(path)):
            if path not in labels.tables:
                yield path, content


def objection(path: str) -> str | None:
    """Why a file is not taken for a picture, from its path alone."""
    name = base_name(path)
    if name.startswith("._") or "__MACOSX" in path.split("/"):
        return "not a picture: metadata of macOS"
    if not name.lower().rstrip().endswith(PICTURES):
        return "not a picture (.jpg, .png or .webp)"
    return None


def _listing(source: Path) -> tuple[list[str], dict[str, Content]]:
    """The paths of all files of a source, and the tables among them."""

    def keep(path: str) -> str | None:
        table = path.lower().endswith(TABLES) and base_name(path)[0] != "." and not (source / path).is_file()
        return None if table else "listed"

    contents: dict[str, Content] = {}
    paths = []
    for path, content in read_files(source, keep):
        paths.append(path)
        if isinstance(content, bytes):
            contents[path] = content
        elif content == "listed" and path.lower().endswith(TABLES) and base_name(path)[0] != ".":
            contents[path] = source / path
    return paths, contents


def _read_tables(contents: dict[str, Content]) -> tuple[list[LabelTable], dict[str, str]]:
    tables, unfit = [], {}
    for name, content in contents.items():
        try:
            tables.append(read_label_table(name, content))
        except InputError as error:
            unfit[name] = str(error)
    return tables, unfit


def _named(layout: Layout, pictures: list[str]) -> dict[str, tuple]:
    found = ((path, base_name(path)) for path in pictures)
    return {path: (name, *labels) for path, name in found if (labels := layout.read(name))}


def _from_names(layout: Layout, named: dict[str, tuple], tables: dict[str, str]) -> Labels:
    def problem(path: str) -> str:
        return tables.get(path) or objection(path) or name_problem(path) or "its name tells no labels"

    return Labels(layout.columns, named, problem, [f"labels: {layout.words}"])


def _from_tables(
    tables: list[LabelTable], pictures: list[str], unfit: dict[str, str], outside: tuple[Path, ...] = ()
) -> Labels:
    inside = any(table.pictures for table in tables)
    if inside:
        tables = [table for table in tables if table.pictures]
        pictures = [file for table in tables for file in table.rows["file"]]
    rows = pd.concat([table.rows.assign(table=table.name) for table in tables], ignore_index=True)
    _refuse_rivals(rows)
    named = rows[rows["file"] != ""].drop_duplicates("file")
    matched, assumed = _matched(list(named["file"]), pictures)
    if not matched:
        first = f", such as {printable(pictures[0])}" if pictures else ""
        raise InputError(
            f"none of the {len(rows):,} files that {tables[0].name} names, such as {printable(rows['file'].iloc[0])}, "
            f"is among the {len(pictures):,} pictures{first}: it is the table of another set, give the right one with "
            "--labels"
        )
    there = named.index[list(set(matched.values()))]
    elsewhere = rows.index.difference(there)
    absent = elsewhere.intersection(rows.index[rows["problem"] == ""])
    rows.loc[absent, "problem"] = "the file is not there"
    columns, usable = _columns(rows[rows["problem"] == ""])
    cells = dict(zip(usable.index, usable.itertuples(index=False, name=None), strict=True))
    row_of = {path: named.index[place] for path, place in matched.items()}
    places = rows["table"] + ", row " + rows["row"].astype(str)

    def problem(path: str) -> str:
        if path in row_of:
            return f"{rows.loc[row_of[path], 'problem']} ({places[row_of[path]]})"
        return unfit.get(path) or objection(path) or "the table of labels does not name it"

    return Labels(
        columns,
        {path: cells[place] for path, place in row_of.items() if place in cells},
        problem,
        [*(f"labels: {table.words}" for table in tables), *filter(None, [assumed])],
        len(rows),
        list(zip(places[elsewhere], rows.loc[elsewhere, "problem"], strict=True)),
        _reader(tables) if inside else None,
        {path: places[row] for path, row in row_of.items()},
        frozenset(table.name for table in tables),
        outside,
    )


def _refuse_rivals(rows: pd.DataFrame) -> None:
    """Refuse tables that name the same files: which has the labels nobody knows."""
    both = rows[rows["file"] != ""].drop_duplicates(["file", "table"]).sort_values("table", kind="stable")
    both = both[both["file"].duplicated(keep=False)]
    if len(both):
        first, second = both["table"].unique()[:2]
        file = printable(both["file"].iloc[0])
        raise InputError(f"{first} and {second} both name {file}: say which has the labels, with --labels")


def _columns(usable: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """The columns of the table of faces, ranges only where there are some; ages as whole numbers where all are."""
    ages = ["age", "age_low", "age_high"] if (usable["age_low"] != usable["age_high"]).any() else ["age"]
    whole = [age for age in ages if (usable[age] % 1 == 0).all()]
    columns = ["file", *ages, "gender", "race", *(["split"] if "split" in usable else [])]
    return columns, usable[columns].astype(dict.fromkeys(whole, "int64"))


def _reader(tables: list[LabelTable]) -> Callable[[], Iterator[tuple[str, bytes | str]]]:
    def files() -> Iterator[tuple[str, bytes | str]]:
        for table in tables:
            yield from table.pictures()  # type: ignore[misc]

    return files


def _matched(files: list[str], paths: list[str]) -> tuple[dict[str, int], str]:
    """Which of a table's files each path is, and in words what had to be assumed.

    A path is the file whose whole name it ends with. Only if none is: a table may know the files under longer paths
    than the source (``/home/me/faces/1.jpg``), or without their endings. ``train/1.jpg`` is never ``val/1.jpg``.
    """
    known = {file: place for place, file in enumerate(files)}
    plain = {path: path.replace("\\", "/") for path in paths}
    found = {path: known[end] for path in paths if (end := next((e for e in _ends(plain[path]) if e in known), None))}
    if found:
        return found, ""
    longer: dict[str, int] = {}
    for place, file in enumerate(files):
        for end in _ends(file):
            longer[end] = -1 if end in longer else place  # which of them is meant nobody knows
    found = {path: place for path in paths if (place := longer.get(plain[path], -1)) >= 0}
    words = "the ends of the table's paths"
    if not found:
        stems = {file.rpartition("/")[2]: place for place, file in enumerate(files)}
        named = {path: base_name(path).partition(".")[0] for path in paths}
        found = {path: stems[stem] for path, stem in named.items() if stem in stems} if len(stems) == len(files) else {}
        words = "their names without endings"
    if not found:
        return {}, ""
    path, place = next(iter(found.items()))
    return found, f"files are known by {words}, such as {printable(files[place])} for {printable(path)}"


def _ends(path: str) -> Iterator[str]:
    """``a/b/c``, ``b/c``, ``c``."""
    while path:
        yield path
        path = path.partition("/")[2]
