"""A table of results as Markdown: chosen columns, formatted numbers, the best value in bold."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.wording import nearest

SPECIAL = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>()#+!|~^$@\"'"})
MISSING = "–"


def markdown_table(
    path: Path,
    formatters: Mapping[str, Callable],
    columns: Sequence[str] | Mapping[str, str] | None = None,
    caption: str = "",
    label: str = "",
    formats: Mapping[str, str] | None = None,
    best: Mapping[str, str] | None = None,
    grey: Mapping[str, object] | None = None,
) -> str:
    """Write a CSV file as a Markdown pipe table.

    Column alignment is left open: the PDF sets columns of numbers to the right, all others to the left.

    Parameters
    ----------
    path : the CSV file
    formatters : functions by name (`years`, `percent`, ...) that `formats` may ask for
    columns : which columns, in which order; as a mapping {column: heading}, headings in Markdown
    caption, label : Markdown, and `tbl-...`; a table without caption is not numbered
    formats : by column, the name of a formatter or a Python format such as ".2f"; by default whole numbers are
        written as they are and others with three decimals
    best : by column, "min" or "max": its best values are set in bold
    grey : {column: value or list of values}: rows with these are set in grey

    Raises
    ------
    InputError
        For an unreadable file, an unknown column or formatter, or a value its format does not fit.
    """
    formats, best, grey = formats or {}, best or {}, grey or {}
    frame = _read(path)
    headings = _headings(columns or frame.columns)
    for name in [*headings, *formats, *best, *grey]:
        if name not in frame.columns:
            raise InputError(f"{path.name} has no column {name!r}: {nearest(str(name), frame.columns)}")
    if label and not caption:
        raise InputError(f"the table {path.name} has the label {label!r} but no caption: give it one")
    cells = pd.DataFrame(
        {name: _column(path, frame[name], formats.get(name), formatters) for name in headings}
    )
    for name, which in best.items():
        if which not in ("min", "max") or not pd.api.types.is_numeric_dtype(frame[name]):
            raise InputError(
                f"{path.name} has no {which!r} of {name!r}: give a column of numbers 'min' or 'max'"
            )
        if name not in cells:
            raise InputError(f"best names {name!r} of {path.name}, which is not shown: add it to columns")
        # as printed, so that two values that look the same are both bold
        winner = cells[name][getattr(frame[name], f"idx{which}")()]
        cells[name] = [f"**{text}**" if text == winner else text for text in cells[name]]
    for name, value in grey.items():
        rows = frame[name].isin(value if isinstance(value, list | tuple) else [value])
        if not rows.any():
            raise InputError(
                f"no row of {path.name} has {value!r} in {name!r} to be set in grey: mend `grey`"
            )
        cells[rows] = cells[rows].map("[{}]{{.grey}}".format)
    lines = [[*headings.values()], ["---"] * len(headings), *cells.to_numpy().tolist()]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    if caption:
        text += f"\n\n: {caption}" + (f" {{#{label}}}" if label else "")
    return f"\n\n{text}\n\n"


def _headings(columns: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(columns, Mapping):
        return dict(columns)
    # pandas calls the column of an index, which has no heading, "Unnamed: 0"
    return {name: "" if name.startswith("Unnamed: ") else name.translate(SPECIAL) for name in columns}


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a table ({error}): write it with DataFrame.to_csv"
        ) from None
    if frame.empty:
        raise InputError(f"the table {path} has no rows: run the notebook that writes it again")
    return frame


def _column(
    path: Path, values: pd.Series, wanted: str | None, formatters: Mapping[str, Callable]
) -> list[str]:
    """Write one column, numbers in their format, texts so that Markdown does not read anything into them."""
    if wanted is None and pd.api.types.is_float_dtype(values):
        whole = (values.dropna() % 1 == 0).all()  # whole numbers with a gap are read as floats
        wanted = ".0f" if whole else ".3f"
    texts = []
    for value in values:
        try:
            if pd.isna(value):
                text = MISSING
            elif wanted in formatters:
                text = str(formatters[wanted](value))
            else:
                text = " ".join(format(value, wanted or "").split()).translate(SPECIAL)
        except (ValueError, TypeError):
            raise InputError(
                f"{value!r} in column {values.name!r} of {path.name} cannot be written as {wanted!r}: "
                f"give a Python format that fits, or one of {', '.join(formatters)}"
            ) from None
        minus = text.startswith("-") and pd.api.types.is_numeric_dtype(values)
        texts.append("−" + text[1:] if minus else text)
    return texts
