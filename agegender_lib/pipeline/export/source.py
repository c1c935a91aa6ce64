"""A notebook as Markdown for pandoc, each piece with the place it came from."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.outputs import PICTURES, cell_pieces, picture_bytes
from agegender_lib.pipeline.export.wording import nearest, place_of

TEXTS = (
    "title",
    "subtitle",
    "short_title",
    "author",
    "affiliation",
    "date",
    "abstract",
    "data_note",
    "notice",
)
SETTINGS = ("bibliography", "csl", "results", "toc", "titlepage")


@dataclass
class Source:
    """What a notebook says.

    Attributes
    ----------
    pieces : (place, Markdown) in order; the place of a piece of front matter is its key
    settings : front matter that is not text (`SETTINGS`), and the list of authors
    pictures : bytes of the pictures inside the notebook, by the `output:` address the Markdown uses
    """

    pieces: list[tuple[str, str]] = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def markdown(self) -> str:
        """All pieces, each after a raw block of the made-up format `place` that holds its index.

        Pandoc must read the whole text at once (footnotes, links by name), yet a message has to say which
        cell is wrong: the markers carry that through the parser.
        """
        return "\n\n".join(f"```{{=place}}\n{n}\n```\n\n{text}" for n, (_, text) in enumerate(self.pieces))


def read_notebook(path: Path) -> NotebookNode:
    """Read an .ipynb.

    Raises
    ------
    InputError
        When there is no such file, or it is no notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise InputError(f"the notebook {path} cannot be read ({error.strerror}): check its name") from None
    except Exception as error:  # nbformat raises its own kinds, and those of json and jsonschema
        problem = " ".join(str(error).split())[:120]
        raise InputError(f"{path} is not a notebook ({problem}): save it again from JupyterLab") from None


def front_matter(nb: NotebookNode) -> tuple[NotebookNode | None, dict]:
    """Find the YAML of a report: a first raw or Markdown cell between two lines of `---`.

    Returns
    -------
    The cell and what its YAML says; (None, {}) when the notebook has none.

    Raises
    ------
    InputError
        When the YAML cannot be read or has a key that nothing here uses.
    """
    cell = nb.cells[0] if nb.cells else None
    match = re.fullmatch(r"---[ \t]*\n(.*?)\n?---", cell.source.strip(), re.S) if cell else None
    if not match or cell.cell_type == "code":
        return None, {}
    try:
        values = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(
            f"the YAML in cell 1 cannot be read ({problem}): put texts that hold a colon or {{{{ }}}} in quotes"
        ) from None
    if not isinstance(values, dict):
        raise InputError("the YAML in cell 1 is not made of `key: value` lines: write it that way")
    for key, value in values.items():
        if key not in TEXTS + SETTINGS:
            raise InputError(
                f"unknown key {key!r} in the YAML of cell 1: {nearest(str(key), TEXTS + SETTINGS)}"
            )
        if isinstance(value, dict):
            raise InputError(f"the value of {key!r} in the YAML of cell 1 is not a text: put it in quotes")
    return cell, {key: value for key, value in values.items() if value is not None}


def read_source(nb: NotebookNode) -> Source:
    """Turn a notebook, placeholders filled and code cells executed, into Markdown.

    Raises
    ------
    InputError
        For a failed cell, a notebook that was never run, or an output that cannot be printed.
    """
    first, values = front_matter(nb)
    source = Source(settings={"titlepage": first is not None, "toc": first is not None})
    source.settings |= {key: values[key] for key in SETTINGS if key in values}
    for setting, key in (("bibliography", "bibliography"), ("authors", "author")):
        given = values.get(key) or []
        source.settings[setting] = list(map(str, given)) if isinstance(given, list) else [str(given)]
    for key in TEXTS:
        if text := _text(values.get(key, "")).strip():
            source.pieces.append((key, text))
    code = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    if code and not any(cell.outputs or cell.execution_count for cell in code):
        raise InputError(
            "none of the code cells has been run, so there is nothing to show: run them, then export"
        )
    for number, cell in enumerate(nb.cells, start=1):
        place = place_of(number, cell)
        if cell is first or not cell.source.strip():
            continue
        if cell.cell_type == "raw":
            raise InputError(
                f"{place} is a raw cell, which the PDF cannot show: make it Markdown or delete it"
            )
        if cell.cell_type == "markdown":
            source.pieces.append((place, _with_attachments(number, cell, source.pictures)))
        else:
            source.pieces += [(place, piece) for piece in cell_pieces(number, cell, source.pictures)]
    return source


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _with_attachments(number: int, cell: NotebookNode, pictures: dict[str, bytes]) -> str:
    """Point `attachment:` addresses (pictures pasted into a cell) at the pictures taken out of the notebook."""
    text = cell.source
    for name, bundle in cell.get("attachments", {}).items():
        for mime in PICTURES.keys() & bundle.keys():
            address = f"output:{number}-{len(pictures)}.{PICTURES[mime]}"
            pictures[address] = picture_bytes(mime, bundle[mime])
            text = text.replace(f"attachment:{name}", address)
    return text
