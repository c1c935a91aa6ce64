"""Where the model files open, for README and model card: as `python tests/portability.py` measured it."""

import re
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError

MEASURED = Path(__file__).with_name("opens_in.csv")
#: Who reads which ending; how many models open, the slowest in seconds, the largest differences from Keras here.
COLUMNS = ["reader", "format", "models", "seconds", "years", "p_female"]
BEGIN, END = "<!-- opens in: made by tests/portability.py, do not edit -->", "<!-- opens in ends -->"


def opens_in_markdown() -> str:
    """A row per reader and ending."""
    lines = ["| opens in | file | models | slowest | age differs by | P(female) differs by |"]
    lines.append("|---|---|--:|--:|--:|--:|")
    for row in pd.read_csv(MEASURED).itertuples():
        lines.append(
            f"| {row.reader} | `{row.format}` | {row.models} | {row.seconds:.1f} s | {row.years:.6f} years | "
            f"{row.p_female:.7f} |"
        )
    return "\n".join(lines)


def with_opens_in(readme: str) -> str:
    """The README's text with this table made anew.

    Raises
    ------
    InputError
        When the README has lost the two lines between which the table stands.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.S)
    if not pattern.search(readme):
        raise InputError(f"README.md lacks the lines {BEGIN} and {END}: put them where the table belongs")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{opens_in_markdown()}\n\n{END}", readme)
