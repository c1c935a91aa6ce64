"""How long the report is: its words of prose."""

import json
import re
from pathlib import Path

import nbformat
import pypandoc

from agegender_lib.pipeline.export.exporter import READER
from agegender_lib.pipeline.export.numbers import Numbers

PROSE = {"Para", "Plain", "BlockQuote", "BulletList", "OrderedList"}
SPACES = {"Space", "SoftBreak", "LineBreak"}


def count_words(notebook: Path) -> int:
    """Count the words a reader reads as running text, placeholders filled.

    Counted are the words of paragraphs, lists, quotations and footnotes, and a cross-reference ("Figure 3") as two.
    A word is what stands between spaces and holds a letter or a digit. Not counted: the YAML, headings, captions,
    tables, maths, blocks of code, citations, and everything after the references or the appendix.
    """
    cells = nbformat.read(notebook, as_version=4).cells[1:]
    numbers = Numbers(Path(notebook).parent / "results")
    text = "\n\n".join(numbers.fill(cell.source, "") for cell in cells)
    text = re.sub(r"\{#eq-[\w-]+\}", "", text)
    text = re.split(r"^# (?:References\b|.*\{.*\.appendix\})", text, flags=re.M)[0]
    blocks = json.loads(pypandoc.convert_text(text, "json", READER))["blocks"]
    words = " ".join(_text(block) for block in blocks if block["t"] in PROSE).split()
    return sum(any(character.isalnum() for character in word) for word in words)


def _text(tree) -> str:
    """The running text in a piece of pandoc's tree."""
    if isinstance(tree, list):
        return "".join(map(_text, tree))
    kind = tree.get("t") if isinstance(tree, dict) else None
    if kind in SPACES:
        return " "
    if kind in (None, "Math", "Image"):
        return ""
    if kind in ("Str", "Code"):
        return tree["c"] if kind == "Str" else tree["c"][1]
    if kind == "Cite":
        return " Figure 1" * sum(bool(re.match("(fig|tbl|eq|sec)-", one["citationId"])) for one in tree["c"][0])
    text = _text(tree["c"])
    return f" {text} " if kind in PROSE or kind == "Note" else text
