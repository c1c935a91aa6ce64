"""The model card and the data sheet: short pages beside the report, every number of them from its results."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation import read_run
from agegender_lib.evaluation.groups import group_keys
from agegender_lib.files import replacing
from agegender_lib.photos import EXCLUDED_USES
from agegender_lib.pipeline.export.formats import FORMATS
from agegender_lib.pipeline.export.numbers import MISSING, Numbers

#: File in the report folder: the template it is made from, beside this module.
PAGES = {"MODEL_CARD.md": "model_card.md", "DATA_SHEET.md": "data_sheet.md"}
_GROUPINGS = {"age_bands": "age_band", "genders": "gender", "races": "race"}
_GAPS = {
    "age_mae": ("age error (years)", "years"),
    "age_bias": ("age bias (years)", "years"),
    "gender_accuracy_from_3": ("gender accuracy, from 3 years on", "percent"),
}


def write_cards(folder: str | Path) -> list[Path]:
    """Write `MODEL_CARD.md` (after Mitchell et al. 2019) and `DATA_SHEET.md` (after Gebru et al. 2021).

    Parameters
    ----------
    folder
        A report folder, with `results/` below it; the pages are written beside that.

    Returns
    -------
    list of Path
        The pages. Each appears whole or not at all.

    Raises
    ------
    InputError
        When a result is missing; no page is written then.
    """
    texts = {name: render_card(Path(folder) / "results", name) for name in PAGES}
    for name, text in texts.items():
        with replacing(Path(folder) / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [Path(folder) / name for name in texts]


def render_card(results: str | Path, page: str = "MODEL_CARD.md") -> str:
    """One of `PAGES` as Markdown, with the numbers in `results`.

    Raises
    ------
    InputError
        When a result that the page quotes is missing.
    """
    results = Path(results)
    numbers = Numbers(results)
    headline = _read(results, "headline")
    models = headline.loc[headline["source"] == "this work", "model"].to_list()
    numbers.globals |= {
        "models": [(model, _described(numbers, f"model_{_letter(model)}", results)) for model in models],
        "excluded_uses": textwrap.fill(EXCLUDED_USES, 120),
        "letters": [(model, _letter(model)) for model in models],
        "head": lambda words, *numbers: _head(words, [*numbers, *models]),
        "summary": lambda metric, form, *digits: _summary_row(
            results, models, metric, lambda value: FORMATS[form](value, *digits)
        ),
        "errors": lambda measure, form: "\n".join(_error_rows(results, models, measure, FORMATS[form])),
        "gaps": lambda: "\n".join(_gap_rows(results, models)),
        "counts": lambda: "\n".join(_count_rows(results, models[0])),
    }
    template = files("agegender_lib.pipeline").joinpath(PAGES[page]).read_text(encoding="utf-8")
    return numbers.fill(template, page)


def _described(numbers: Numbers, name: str, results: Path) -> dict:
    if name not in numbers.globals:
        raise InputError(
            f"there is no {results / name}.json: run the notebooks, which write it (make report)"
        )
    return numbers.globals[name]


def _head(words: Sequence[str], numbers: Sequence[str]) -> str:
    """A heading row; numbers stand to the right."""
    return f"| {' | '.join([*words, *numbers])} |\n|{'---|' * len(words)}{'--:|' * len(numbers)}"


def _summary_row(results: Path, models: list[str], metric: str, form: Callable) -> str:
    """One metric of every model with its interval, as the cells of a row."""
    cells = []
    for model in models:
        table = _read(results, f"metrics_{_letter(model)}").set_index("metric")
        if metric not in table.index:
            raise InputError(
                f"metrics_{_letter(model)}.csv in {results} has no {metric}: run the notebooks again"
            )
        cells.append(_with_interval(*table.loc[metric, ["value", "low", "high"]], form))
    return " | ".join(cells)


def _error_rows(results: Path, models: list[str], measure: str, form: Callable) -> Iterator[str]:
    """A row per age band, gender and race: images, and each model's value with its interval."""
    for name, grouping in _GROUPINGS.items():
        tables = [_read(results, f"{name}_{_letter(model)}").set_index(grouping) for model in models]
        for group, row in tables[0].iterrows():
            cells = [
                _with_interval(*table.loc[group, [measure, f"{measure}_low", f"{measure}_high"]], form)
                for table in tables
            ]
            few = " (few)" if row["small"] else ""
            yield f"| {group} | {FORMATS['count'](row['count'])}{few} | {' | '.join(cells)} |"


def _gap_rows(results: Path, models: list[str]) -> Iterator[str]:
    """A row per grouping and measure; bold beyond chance, with a dagger beyond what the groups' ages explain."""
    table = _read(results, "gaps")
    for grouping in dict.fromkeys(table["grouping"]):
        for measure, (words, form) in _GAPS.items():
            rows = table[(table["grouping"] == grouping) & (table["measure"] == measure)].set_index("model")
            cells = []
            for model in models:
                if model not in rows.index:
                    raise InputError(
                        f"gaps.csv in {results} has no {measure} of {model} by {grouping}: run 06_groups again"
                    )
                row = rows.loc[model]
                cell = _with_interval(row["gap"], row["low"], row["high"], FORMATS[form])
                if row["p"] < 0.05:
                    value, _, interval = cell.partition(" (")
                    cell = f"**{value}**{'†' if row['p_ages'] < 0.05 else ''} ({interval}"
                cells.append(cell)
            shown = grouping.replace("_", " ").replace(" x ", " × ")
            yield f"| {shown} | {words} | {' | '.join(cells)} |"


def _count_rows(results: Path, model: str) -> Iterator[str]:
    """A row per age band, gender and race: how many images train and validate."""
    run = read_run(results / "runs" / f"model_{_letter(model)}")
    for grouping in _GROUPINGS.values():
        sides = [group_keys(side, grouping)[grouping].value_counts() for side in (run.train, run.validation)]
        for group in sides[0].index.sort_values():
            yield f"| {group} | {FORMATS['count'](sides[0][group])} | {FORMATS['count'](sides[1][group])} |"


def _with_interval(value: float, low: float, high: float, form: Callable) -> str:
    if pd.isna(value):
        return MISSING
    return f"{form(value)} ({form(low)} to {form(high)})"


def _read(results: Path, name: str) -> pd.DataFrame:
    path = results / f"{name}.csv"
    if not path.is_file():
        raise InputError(f"there is no {path}: run the notebooks, which write it (make report)")
    return pd.read_csv(path)


def _letter(model: str) -> str:
    """ "ModelA" -> "a", as the names of result files end."""
    return model[-1].lower()
