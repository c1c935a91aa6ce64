"""Numbers in the report's text: placeholders in Markdown cells, filled from `results/` when it is exported.

A notebook whose YAML says `results: results` may write, in its Markdown cells and its YAML values:

    {{ data.images | count }}                    from results/data.json: {"images": 5000}  ->  5,000
    {{ model_a.validation.age_mae | years }}     groups nest
    {% if data.rendered %} ... {% endif %}       conditions and loops of jinja, within one cell
    {{ table("models", caption="...", label="tbl-models") }}   from results/models.csv
    {{ page("MODEL_CARD.md", leave_out=["Gaps"]) }}            a generated page beside results/, without its title
    <!--# a comment #-->                         because jinja's own {# would swallow {#eq-loss}
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import Unicode

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.formats import FORMATS
from agegender_lib.pipeline.export.source import front_matter
from agegender_lib.pipeline.export.tables import markdown_table
from agegender_lib.pipeline.export.wording import nearest, place_of


class Group(dict):
    """An object of a JSON file that knows its own name, so that a wrong placeholder can be named in full."""

    def __init__(self, path: str, values: dict):
        super().__init__({key: _grouped(f"{path}.{key}", value) for key, value in values.items()})
        self.path = path

    def names(self) -> Iterator[str]:
        """All placeholders this group holds."""
        for key, value in self.items():
            yield from value.names() if isinstance(value, Group) else [f"{self.path}.{key}"]


class Unknown(jinja2.StrictUndefined):
    """A placeholder without a number: an error wherever it is used, except in `{% if x is defined %}`."""

    files: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    @property
    def _undefined_message(self) -> str:
        if not isinstance(self._undefined_obj, Group):
            name = str(self._undefined_name)
            return f"unknown placeholder {name}: {nearest(name, self.files)}"
        name = f"{self._undefined_obj.path}.{self._undefined_name}"
        return f"unknown placeholder {name}: {nearest(name, self.known)}"


class NumbersEnvironment(SandboxedEnvironment):
    """Jinja for reports: `a.b` means the key b of a, never a method; nothing empty is ever printed."""

    def __init__(self, folder: Path):
        numbers, tables = _read_json(folder), {path.stem for path in folder.glob("*.csv")}
        known = frozenset().union(*(group.names() for group in numbers.values() if isinstance(group, Group)))
        super().__init__(
            comment_start_string="<!--#",
            comment_end_string="#-->",
            keep_trailing_newline=True,
            undefined=type("Unknown", (Unknown,), {"files": frozenset(numbers), "known": known}),
            finalize=_printable,
        )

        def table(name: str, **options: object) -> str:
            if name not in tables:
                raise InputError(f"no table {name}.csv in {folder.name}/: {nearest(str(name), tables)}")
            return markdown_table(folder / f"{name}.csv", FORMATS, **options)

        def page(name: str, leave_out: Sequence[str] = ()) -> str:
            path = folder.parent / name
            if not path.is_file():
                raise InputError(f"there is no {name} beside {folder.name}/: let make report write it first")
            return _without_title(path.read_text(encoding="utf-8"), leave_out)

        self.globals = {**numbers, "table": table, "page": page}
        self.filters |= FORMATS

    def getattr(self, obj: object, attribute: str) -> object:
        """Look a key up in a group before (and instead of) the methods of `dict`."""
        if isinstance(obj, Group):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def fill(self, text: str, place: str) -> str:
        """Fill the placeholders of one text; every problem becomes an InputError that names the place."""
        try:
            return self.from_string(text).render()
        except jinja2.TemplateAssertionError as error:
            problem = f"{error.message} The filters for numbers are {', '.join(FORMATS)}"
        except jinja2.TemplateSyntaxError as error:
            problem = f"{error.message} (line {error.lineno}): mend the {{{{ }}}} or {{% %}} there"
        except (jinja2.UndefinedError, InputError) as error:
            problem = str(error)
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            problem = (
                f"a placeholder fails ({type(error).__name__}: {error}): mend what is between its braces"
            )
        raise InputError(f"{place}: {problem}") from None


class FillNumbers(Preprocessor):
    """nbconvert preprocessor that fills the placeholders of a notebook whose YAML has the key `results`."""

    enabled = True
    results = Unicode("", help="folder of the numbers; by default the one the YAML names").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Fill front matter and Markdown cells.

        Raises
        ------
        InputError
            For an unknown placeholder, or a missing or unreadable file of results.
        """
        first, values = front_matter(nb)
        if "results" not in values:
            if self.results:
                raise InputError(
                    "a folder of results was given, but the notebook's YAML has no `results:` line: add it"
                )
            return nb, resources
        beside = Path(resources.get("metadata", {}).get("path") or ".")
        numbers = NumbersEnvironment(Path(self.results) if self.results else beside / str(values["results"]))
        for key, value in values.items():
            if isinstance(value, str):
                values[key] = numbers.fill(value, f"{key!r} in the YAML of cell 1")
        first.source = f"---\n{yaml.safe_dump(values, allow_unicode=True, sort_keys=False)}---"
        for number, cell in enumerate(nb.cells, start=1):
            if cell.cell_type == "markdown" and cell is not first:
                cell.source = numbers.fill(cell.source, place_of(number, cell))
        return nb, resources


def _read_json(folder: Path) -> dict[str, object]:
    if not folder.is_dir():
        raise InputError(
            f"there is no folder {folder} with the report's numbers: run the notebooks, which write it"
        )
    groups = {}
    for path in sorted(folder.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is not JSON ({error}): run the notebook that writes it again") from None
        if not path.stem.isidentifier() or path.stem in ("table", "page"):
            raise InputError(
                f"no placeholder can be called {path.stem!r}: let {path} be written under a plain word"
            )
        groups[path.stem] = _grouped(path.stem, values)
    return groups


def _without_title(text: str, leave_out: Sequence[str]) -> str:
    """A Markdown page from its first paragraph on, without citations (`@`), links to its like and some sections."""
    _, _, text = text.partition("\n# ")
    _, _, text = text.partition("\n")
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    titles = [part.partition("\n")[0].removeprefix("## ") for part in parts]
    missing = [name for name in leave_out if name not in titles]
    if missing:
        raise InputError(
            f"there is no section {missing[0]!r} to leave out: {nearest(missing[0], titles[1:])}"
        )
    text = "".join(part for part, title in zip(parts, titles, strict=True) if title not in leave_out)
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", text).replace("@", "\\@").strip()


def _grouped(path: str, value: object) -> object:
    return Group(path, value) if isinstance(value, dict) else value


def _printable(value: object) -> object:
    """Let only what a reader can use into the text: no groups, no None, no NaN."""
    if isinstance(value, Group):
        raise InputError(f"the placeholder {value.path} is a group: name one of {', '.join(value)}")
    if (
        value is None
        or isinstance(value, bool | list)
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        raise InputError(
            f"a placeholder holds {value}, which is nothing to print: correct the number or the text"
        )
    return f"{value:.6g}" if isinstance(value, float) else value
