"""The README's tables: the headline, from the results of the report in the repository, and where the models open."""

import json
import re
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.formats import percent, years

BEGIN, END = "<!-- headline: made by make report, do not edit -->", "<!-- headline ends -->"
#: The lines between which `tests/portability.py` writes where the model files open.
OPENS_IN = ("<!-- opens in: made by tests/portability.py, do not edit -->", "<!-- opens in ends -->")

#: What begins the names of tables about faces that a report does not have: ``agegender evaluate``'s and chapter 11's.
ELSEWHERE = ("other_faces", "strangers")


def headline_markdown(results: Path) -> str:
    """The rows of `headline.csv` as a Markdown table with intervals and, below, which faces they come from."""
    table = pd.read_csv(results / "headline.csv")
    lines = ["| | Age: mean absolute error (years) | Gender: accuracy |", "|---|---|---|"]
    for row in table.itertuples():
        age = _with_interval(row.age_mae, row.age_low, row.age_high, years)
        gender = _with_interval(row.gender_accuracy, row.gender_low, row.gender_high, percent)
        name = f"{row.model}, {row.source}"
        if row.source == "this work":
            name, age, gender = f"**{name}**", f"**{age[0]}**{age[1]}", f"**{gender[0]}**{gender[1]}"
        else:
            age, gender = "".join(age), "".join(gender)
        lines.append(f"| {name} | {age} | {gender} |")
    images = int(table.loc[table["source"] == "this work", "images"].iloc[0])
    source = f"{images:,} validation images of `{table['data'].iloc[0]}`"
    lines += ["", f"{source}; in brackets 95 % bootstrap confidence intervals."]
    if (elsewhere := results / f"{ELSEWHERE[0]}.csv").is_file():
        table = pd.read_csv(elsewhere).query("group == 'all' and metric == 'gender_accuracy'")
        found = [f"{percent(row.value)} (Model{row.model[-1]})" for row in table.itertuples()]
        lines[-1] += (
            f"\nOn {table['n'].iloc[0]:,} faces of strangers (FairFace) the gender accuracies are {', '.join(found)}: "
            "[model card](report/MODEL_CARD.md)."
        )
    return "\n".join(lines)


def is_rendered(results: Path) -> bool:
    """Whether results come from drawn faces, which have no place in the README."""
    return bool(json.loads((results / "data.json").read_text(encoding="utf-8"))["rendered"])


def with_headline(readme: str, results: Path) -> str:
    """The README's text with its headline table updated."""
    return with_table(readme, BEGIN, END, headline_markdown(results))


def with_table(readme: str, begin: str, end: str, table: str) -> str:
    """The README's text with the table between two of its lines replaced."""
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    if not pattern.search(readme):
        raise InputError(f"README.md lacks the lines {begin} and {end}: put them where the table belongs")
    return pattern.sub(lambda _: f"{begin}\n\n{table}\n\n{end}", readme)


def table_in(readme: str, begin: str, end: str) -> str:
    """The table between two of the README's lines."""
    return readme.split(begin)[1].split(end)[0].strip()


def _with_interval(value: float, low: float, high: float, form) -> tuple[str, str]:
    return form(value), f" ({form(low)} to {form(high)})" if low == low else ""
