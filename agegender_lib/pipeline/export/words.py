"""How long the report is: its words of prose."""

from pathlib import Path

from agegender_lib.pipeline.export.checks import REFERENCES, read_document
from agegender_lib.pipeline.export.numbers import FillNumbers
from agegender_lib.pipeline.export.source import read_notebook, read_source

PROSE = ("Para", "Plain", "BlockQuote", "BulletList", "OrderedList", "DefinitionList", "LineBlock", "Div")
PLAIN = (*PROSE, "Note", "Emph", "Strong", "Strikeout", "Underline", "SmallCaps", "Superscript", "Subscript")
WITH_ATTRIBUTES = ("OrderedList", "Div", "Code", "Quoted", "Link", "Span")
SPACES = ("Space", "SoftBreak", "LineBreak")


def count_words(notebook: Path, results: Path | None = None) -> int:
    """Count the words a reader reads as running text, placeholders filled.

    Counted are the words of paragraphs, lists, quotations and footnotes; inline code; a filled number; and a
    cross-reference ("Figure 3") as two words. A word is what stands between spaces and holds a letter or a digit.
    Not counted: the YAML (with title and abstract), headings, captions, tables, maths, blocks of code, citations,
    and everything after the heading of the references or of the appendix.

    Parameters
    ----------
    notebook : the report's .ipynb
    results : folder of the numbers, by default the one that `results:` in the notebook's YAML names

    Raises
    ------
    InputError
        Wherever an export would raise it.
    """
    notebook = Path(notebook)
    filler = FillNumbers(results=str(results or ""))
    nb, _ = filler.preprocess(read_notebook(notebook), {"metadata": {"path": str(notebook.parent)}})
    blocks = read_document(read_source(nb), notebook.parent.resolve()).blocks
    total = 0
    for block in blocks:
        if block["t"] == "Header" and (block["c"][1][0] == "references" or "appendix" in block["c"][1][1]):
            break
        if block["t"] in PROSE and not (block["t"] == "Div" and "output" in block["c"][0][1]):
            words = _text(block).split()
            total += sum(any(character.isalnum() for character in word) for word in words)
    return total


def _text(tree: object) -> str:
    """The running text in a piece of pandoc's tree."""
    if isinstance(tree, list):
        return "".join(map(_text, tree))
    kind = tree.get("t") if isinstance(tree, dict) else None
    content = tree.get("c") if kind else None
    if kind == "Str":
        return content
    if kind in SPACES:
        return " "
    if kind == "Cite":
        return " Figure 1" * sum(cite["citationId"].split("-")[0] in REFERENCES for cite in content[0])
    if kind in WITH_ATTRIBUTES:
        content = content[1]
    elif kind not in PLAIN:
        return ""
    text = content if kind == "Code" else _text(content)
    return f" {text} " if kind in PROSE or kind == "Note" else text
