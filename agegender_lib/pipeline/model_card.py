"""The model card and the data sheet: short pages beside the report, every number of them from its results."""

import textwrap
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from agegender_lib import folders
from agegender_lib.data import RACES
from agegender_lib.errors import InputError
from agegender_lib.evaluation import read_run
from agegender_lib.evaluation.fairness.subgroups import group_labels
from agegender_lib.files import replacing
from agegender_lib.photos import OUT_OF_SCOPE_USES
from agegender_lib.pipeline.export.formats import NO_BREAK, written
from agegender_lib.pipeline.export.numbers import MISSING, Numbers
from agegender_lib.pipeline.readme import OPENS_IN, table_in

#: File in the report folder: the template it is made from, beside this module.
PAGES = {"MODEL_CARD.md": "model_card.md", "DATA_SHEET.md": "data_sheet.md"}


def write_cards(folder: str | Path) -> list[Path]:
    """Write `MODEL_CARD.md` (after Mitchell et al. 2019) and `DATA_SHEET.md` (after Gebru et al. 2021).

    Each appears whole or not at all. An InputError when a result is missing; no page is written then.
    """
    texts = {name: render_card(Path(folder) / "results", name) for name in PAGES}
    for name, text in texts.items():
        with replacing(Path(folder) / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [Path(folder) / name for name in texts]


def render_card(results: str | Path, page: str = "MODEL_CARD.md") -> str:
    """One of `PAGES` as Markdown, with the numbers in `results`."""
    numbers = Numbers(Path(results))
    models = [row["model"] for row in numbers.rows("headline", source="this work")]
    numbers.globals |= {
        "models": models,
        "opens_in": table_in((folders.ROOT / "README.md").read_text(encoding="utf-8"), *OPENS_IN),
        "facts": lambda model: _facts(numbers, f"model_{model[-1].lower()}"),
        "out_of_scope_uses": textwrap.fill(OUT_OF_SCOPE_USES, 120),
        "known": (known := _facts(numbers, "data").get("set_name", "UTKFace")),
        "race_bins": "five" if known == "UTKFace" else len(numbers.rows("races", model=models[0])),
        "race_names": ", ".join(
            RACES if known == "UTKFace" else [row["race"] for row in numbers.rows("races", model=models[0])]
        ),
        "head": _head,
        "interval": _interval,
        "counts": lambda: _counts(Path(results) / "runs" / f"model_{models[0][-1].lower()}"),
    }
    template = files("agegender_lib.pipeline").joinpath(PAGES[page]).read_text(encoding="utf-8")
    return numbers.fill(template, page)


def _facts(numbers: Numbers, name: str) -> dict:
    if name not in numbers.globals:
        raise InputError(f"there is no {numbers.folder / name}.json: run the notebooks, which write it")
    return numbers.globals[name]


def _head(words: list[str], numbers: list[str]) -> str:
    """A heading row; numbers stand to the right."""
    return f"| {' | '.join([*words, *numbers])} |\n|{'---|' * len(words)}{'--:|' * len(numbers)}"


def _interval(value: float | None, low: float, high: float, form: str, mark: str = "{}") -> str:
    """A value with its interval, the value itself as `mark` says."""
    if value is None:
        return MISSING
    low_end, high_end = (written(end, form).removesuffix(f"{NO_BREAK}%") for end in (low, high))
    return f"{mark.format(written(value, form))} ({low_end} to {high_end})"


def _counts(run: Path) -> Iterator[tuple[str, int, int]]:
    """Per age band, gender and race: how many images train and validate."""
    tables = read_run(run)
    for grouping in ("age_band", "gender", "race"):
        train, validation = (
            group_labels(side, grouping)[grouping].value_counts() for side in (tables.train, tables.validation)
        )
        for group in train.index.sort_values():
            yield group, train[group], validation[group]
