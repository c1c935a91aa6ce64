"""Words the report's messages share: where something was found, and which name was probably meant."""

import difflib
from collections.abc import Iterable

from nbformat import NotebookNode


def place_of(number: int, cell: NotebookNode) -> str:
    """Name a cell by its number and its first words: JupyterLab does not number Markdown cells."""
    words = " ".join(cell.source.split())
    return f"cell {number} ('{words[:40]}{'...' if len(words) > 40 else ''}')"


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names are closest to one that is not known, or list them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    if not names:
        return "there are none yet"
    return "known are " + ", ".join(names[:12]) + (" and more" if len(names) > 12 else "")
