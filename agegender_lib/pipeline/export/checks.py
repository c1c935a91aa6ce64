"""Refuse whatever would leave a hole in the PDF.

Pandoc and Typst drop what they cannot show, or stop with a message that names neither cell nor cure. So everything
that may be missing is looked for here first: figure files, reference targets, citation keys, raw HTML and TeX.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.files import collect_bibliography, collect_image
from agegender_lib.pipeline.export.source import TEXTS, Source
from agegender_lib.pipeline.export.tree import nodes, read_tree
from agegender_lib.pipeline.export.wording import nearest

REFERENCES = {"fig": "figure", "tbl": "table", "eq": "equation", "sec": "section"}
ENVIRONMENTS = {"align": "aligned", "gather": "gathered", "equation": ""}
ATTRIBUTES = {
    "width": (r"[\d.]+(%|cm|mm|in|pt)", "a share of the line (80%) or a length (12cm)"),
    "placement": ("auto|none|top|bottom", "auto, none, top or bottom"),
}
MISPLACED = re.compile(r"\{#(fig|tbl|eq|sec)-[^}]*\}?")


@dataclass
class Document:
    """A checked report.

    Attributes
    ----------
    api : pandoc's version of the tree
    texts : front matter by key, as pandoc blocks
    blocks : the report itself, as pandoc blocks
    files : the bytes of pictures and bibliography, by the name under which the Typst source asks for them
    """

    api: list[int]
    texts: dict[str, list] = field(default_factory=dict)
    blocks: list = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


def read_document(source: Source, folder: Path) -> Document:
    """Parse and check a report.

    Parameters
    ----------
    source : the notebook's Markdown
    folder : where the notebook lies; figures and bibliography are named from there

    Raises
    ------
    InputError
        For anything that could not be shown, or refers to something that is not there.
    """
    pieces, api = read_tree(source)
    document = Document(api)
    keys = collect_bibliography(source, folder, document.files)
    labels: dict[str, str] = {}
    for place, blocks in pieces:
        for node in list(nodes(blocks)):
            _settle_raw(node, place)
            _check_attributes(node, place)
            if node["t"] == "Image":
                collect_image(node, place, source, folder, document.files)
            for label in _labels(node, place):
                if label in labels:
                    raise InputError(f"{place} repeats the label {label!r} of {labels[label]}: rename one")
                labels[label] = place
    for (place, blocks), (key, _) in zip(pieces, source.pieces, strict=True):
        for node in nodes(blocks):
            _check_references(node, place, labels, keys)
        if key in TEXTS:
            document.texts[key] = blocks
        else:
            document.blocks += blocks
    return document


def _settle_raw(node: dict, place: str) -> None:
    """Refuse raw HTML and TeX; turn comments, line breaks and LaTeX equations into what they mean."""
    if node["t"] not in ("RawInline", "RawBlock"):
        return
    kind, text = node["c"]
    if kind in ("typst", "output"):
        return
    if kind == "html" and re.fullmatch(r"\s*(<!--.*?-->\s*)+", text, re.S):
        node["c"] = ["typst", ""]
    elif kind == "html" and re.fullmatch(r"<br\s*/?>", text) and node["t"] == "RawInline":
        del node["c"]
        node["t"] = "LineBreak"
    elif kind in ("tex", "latex") and (maths := _equation(text)):
        node.update(maths if node["t"] == "RawInline" else {"t": "Para", "c": [maths]})
    else:
        short = " ".join(text.split())[:60]
        cure = "between dollars if it is maths" if "tex" in kind else "in Markdown"
        raise InputError(f"{place} holds raw {kind}, {short}, which the PDF cannot show: write it {cure}")


def _equation(text: str) -> dict | None:
    match = re.fullmatch(r"\s*\\begin\{(\w+)(\*?)\}(.*)\\end\{\1\2\}\s*", text, re.S)
    if not match or match[1] not in ENVIRONMENTS or "\\label" in text:
        return None
    inner = ENVIRONMENTS[match[1]]
    body = f"\\begin{{{inner}}}{match[3]}\\end{{{inner}}}" if inner else match[3]
    return {"t": "Math", "c": [{"t": "DisplayMath"}, body]}


def _check_attributes(node: dict, place: str) -> None:
    """Refuse a width or placement that Typst would not understand, and labels where none can be."""
    if node["t"] in ("Image", "Table", "Div"):
        for key, value in node["c"][0][2]:
            pattern, hint = ATTRIBUTES.get(key, ("(?s).*", ""))
            if not re.fullmatch(pattern, value):
                raise InputError(f"{place} asks for {key}={value}: write {hint}")
    if node["t"] == "Str" and (match := MISPLACED.search(node["c"])):
        raise InputError(
            f"{place} has a label out of place, {match[0]}: put it after a heading, a figure or $$"
        )


def _labels(node: dict, place: str) -> Iterator[str]:
    """The label an element defines, if it defines one."""
    kind, content = node["t"], node.get("c")
    if kind not in ("Header", "Figure", "Table", "Image", "Div", "Span"):
        return
    identifier, classes, _ = content[1] if kind == "Header" else content[0]
    if not identifier:
        return
    problem = ""
    if kind == "Header" and identifier.startswith("sec-") and "unnumbered" in classes:
        problem = "a heading without number: take {-} or the label away"
    elif kind == "Image":
        problem = "a picture without caption: write ![caption](...)"
    elif kind == "Figure" and not identifier.startswith("fig-"):
        problem = "a figure: let it begin with fig-"
    elif (kind == "Table" or "output" in classes) and not identifier.startswith("tbl-"):
        problem = "a table: let it begin with tbl-"
    elif kind == "Table" and not content[1][1]:
        problem = "a table without caption: add a line ': caption' below it"
    if problem:
        raise InputError(f"{place} gives the label {identifier!r} to {problem}")
    yield identifier


def _check_references(node: dict, place: str, labels: dict[str, str], keys: set[str]) -> None:
    """Refuse links, references and citations that lead nowhere."""
    if node["t"] == "Link" and (target := node["c"][2][0]).startswith("#") and target[1:] not in labels:
        raise InputError(f"{place} links to {target}, which does not exist: {nearest(target[1:], labels)}")
    for citation in node["c"][0] if node["t"] == "Cite" else []:
        key = citation["citationId"]
        kind = key.split("-")[0]
        if kind in REFERENCES and "-" in key and key not in labels:
            near = nearest(key, [label for label in labels if label.startswith(f"{kind}-")])
            raise InputError(f"{place} refers to the {REFERENCES[kind]} @{key}, which does not exist: {near}")
        if (kind not in REFERENCES or "-" not in key) and key not in keys:
            raise InputError(f"{place} cites @{key}, which is not in the bibliography: {nearest(key, keys)}")
