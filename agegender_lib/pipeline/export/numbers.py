"""Numbers in the report's text: placeholders in Markdown, filled from the folder `results/`.

{{ data.images | count }}                           from data.json: {"images": 5000}  ->  5,000
{{ row("metrics", model="ModelA", metric="age_mae").value | years }}      the one such row of metrics.csv
{{ (rows("races", model="ModelA") | max(attribute="age_mae")).race }}     of all such rows, one
{% if "heads" in tables %} ... {% endif %}          conditions and loops of jinja, within one cell
{{ table("costs", caption="...", label="tbl-costs") }}
{{ page("MODEL_CARD.md", leave_out=["Gaps"]) }}     a page beside results/, without its title
<!--# a comment #-->                                because jinja's own {# would swallow {#eq-loss}
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
import pandas as pd

from agegender_lib.errors import InputError, nearest
from agegender_lib.pipeline.export.formats import FORMATS, MINUS, written

MISSING = "–"
_SPECIAL = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>()#+!|~^$@\"'"})


class Numbers(jinja2.Environment):
    """Jinja for reports, of a folder of results, each called by its file's name; nothing unknown or empty is shown."""

    def __init__(self, folder: Path):
        super().__init__(
            comment_start_string="<!--#",
            comment_end_string="#-->",
            keep_trailing_newline=True,
            undefined=jinja2.StrictUndefined,
            finalize=_printable,
        )
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder} of results: run the notebooks, which write it")
        self.folder = folder
        self.frames: dict[str, pd.DataFrame] = {}
        self.filters |= FORMATS
        self.globals |= {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
        self.globals |= {"row": self.row, "rows": self.rows, "table": self.table, "page": self.page}
        self.globals["tables"] = {path.stem for path in folder.glob("*.csv")}

    def fill(self, text: str, place: str) -> str:
        """Fill the placeholders of one text; an InputError says at which place one is unknown or cannot be printed."""
        try:
            return self.from_string(text).render()
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            line = f" in line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise InputError(f"{place}: a placeholder{line} cannot be filled: {error}") from None

    def rows(self, name: str, **where: object) -> list[dict]:
        """The rows of a table that hold these values, as mappings by column; a gap is None."""
        frame = self._frame(name)
        for column, value in where.items():
            _check_columns(name, frame, [column])
            frame = frame[frame[column] == value]
        return frame.astype(object).where(frame.notna(), None).to_dict("records")

    def row(self, name: str, **where: object) -> dict:
        """The one row of a table that holds these values."""
        found = self.rows(name, **where)
        if len(found) != 1:
            wanted = ", ".join(f"{column} {value!r}" for column, value in where.items())
            raise InputError(f"{name}.csv has {len(found)} rows with {wanted}, not one: name others, or more")
        return found[0]

    def table(
        self,
        name: str,
        columns: Mapping[str, str] | None = None,
        caption: str = "",
        label: str = "",
        formats: Mapping[str, str] | None = None,
        grey: Mapping[str, list] | None = None,
    ) -> str:
        """A table as Markdown, numbers to the right.

        Parameters
        ----------
        name : the CSV file, without suffix
        columns : {column: heading in Markdown}: which, in which order
        caption, label : Markdown, and `tbl-...`; a table without caption is not numbered
        formats : by column, the name of a filter (`years`, ...) or a Python format such as ".2f"; by default whole
            numbers are written as they are and others with three decimals
        grey : {column: values}: rows with these are set in grey
        """
        frame, formats, grey = self._frame(name), formats or {}, grey or {}
        headings = columns or {key: _text(key) for key in frame}
        _check_columns(name, frame, [*headings, *formats, *grey])
        cells = pd.DataFrame({key: _column(frame[key], formats.get(key)) for key in headings})
        for column, values in grey.items():
            marked = frame[column].isin(values)
            cells[marked] = cells[marked].map("[{}]{{.grey}}".format)
        sides = ["--:" if pd.api.types.is_numeric_dtype(frame[key]) else ":--" for key in headings]
        lines = [[*headings.values()], sides, *cells.to_numpy().tolist()]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        below = f"\n\n: {caption} {{#{label}}}" if label else f"\n\n: {caption}" if caption else ""
        return f"\n\n{text}{below}\n\n"

    def page(self, name: str, leave_out: Sequence[str] = ()) -> str:
        """A Markdown page beside the results, without title, citations (`@`), links to its like and some sections."""
        path = self.folder.parent / name
        if not path.is_file():
            raise InputError(f"there is no {path}: let make report write it first")
        text = path.read_text(encoding="utf-8").partition("\n# ")[2].partition("\n")[2]
        sections = {part.partition("\n")[0][3:]: part for part in re.split(r"^(?=## )", text, flags=re.M)}
        for title in leave_out:
            if title not in sections:
                raise InputError(f"{name} has no section {title!r} to leave out: {nearest(title, sections)}")
        text = "".join(part for title, part in sections.items() if title not in leave_out)
        return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", text).replace("@", "\\@").strip()

    def _frame(self, name: str) -> pd.DataFrame:
        if name not in self.frames:
            path = self.folder / f"{name}.csv"
            if not path.is_file():
                known = nearest(name, [found.stem for found in self.folder.glob("*.csv")])
                raise InputError(f"there is no table {path}: {known}, or run the notebook that writes it")
            # a gap is an empty cell; "None" and "NA" are words
            self.frames[name] = pd.read_csv(path, keep_default_na=False, na_values=[""])
        return self.frames[name]


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}): run the notebook that writes it again") from None


def _check_columns(name, frame, wanted):
    for column in wanted:
        if column not in frame:
            raise InputError(f"{name}.csv has no column {column!r}: {nearest(str(column), frame)}")


def _column(values: pd.Series, wanted: str | None) -> list[str]:
    """One column, numbers in their format, texts so that Markdown does not read anything into them."""
    if wanted is None and pd.api.types.is_float_dtype(values):
        # whole numbers with a gap are read as floats
        wanted = ".0f" if (values.dropna() % 1 == 0).all() else ".3f"
    texts = [MISSING if pd.isna(value) else written(value, wanted or "") for value in values]
    if pd.api.types.is_numeric_dtype(values):
        return [re.sub("^-", MINUS, text) for text in texts]
    return [_text(text) for text in texts]


def _text(text: str) -> str:
    return " ".join(str(text).split()).translate(_SPECIAL)


def _printable(value: object) -> object:
    """Let only what a reader can use into the text: no groups, no None, no NaN."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    raise InputError(f"it holds {str(value)[:40]}, which is nothing to print")
