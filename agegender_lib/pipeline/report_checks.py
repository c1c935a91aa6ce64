"""Read a report's Markdown into pandoc's tree and refuse what would leave a hole in the PDF.

Pandoc and Typst drop what they cannot show, or stop with a message that names neither cell nor cure. So everything
that may be missing is looked for here first: figure files, reference targets, citation keys, raw HTML and TeX.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pypandoc

from agegender_lib.errors import InputError
from agegender_lib.pipeline.report_source import TEXTS, Source
from agegender_lib.pipeline.report_wording import nearest

# Jupyter's habits (lists and headings straight after text) added, pandoc's surprises (~x~, tables of dashes) left out;
# without native_divs and native_spans every piece of HTML shows up as raw, where it can be refused
READER = "markdown" + "".join(
    """
    +lists_without_preceding_blankline-blank_before_header-blank_before_blockquote+autolink_bare_uris
    -native_divs-native_spans-markdown_in_html_blocks-yaml_metadata_block-pandoc_title_block-example_lists
    -simple_tables-multiline_tables-subscript-superscript
    """.split()
)
REFERENCES = {"fig": "figure", "tbl": "table", "eq": "equation", "sec": "section"}
ENVIRONMENTS = {"align": "aligned", "gather": "gathered", "equation": ""}
IMAGES = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")


@dataclass
class Document:
    """A checked report.

    Attributes
    ----------
    texts : front matter by key, as pandoc blocks
    blocks : the report itself, as pandoc blocks
    files : the bytes of pictures and bibliography, by the name under which the Typst source asks for them
    api : pandoc's version of the tree
    """

    texts: dict[str, list]
    blocks: list
    files: dict[str, bytes] = field(default_factory=dict)
    api: list[int] = field(default_factory=list)


def pandoc(text: str, source: str, target: str, *options: str) -> str:
    """Convert with pandoc; its warnings (maths it cannot read, unclosed fences) are errors here."""
    try:
        return pypandoc.convert_text(text, target, source, [*options, "--wrap=none", "--fail-if-warnings"])
    except RuntimeError as error:
        problem = re.sub(r"^.*?(?=\[WARNING\])|Failing because.*$", "", str(error), flags=re.S)
        raise InputError(f"pandoc cannot convert the text ({' '.join(problem.split())}): rewrite that place") from None


def nodes(tree: object) -> Iterator[dict]:
    """All elements of a pandoc tree, in reading order."""
    if isinstance(tree, dict):
        if "t" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from nodes(part)


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
    tree = json.loads(pandoc(source.markdown, READER, "json", "--columns=100000"))
    pieces = _split(_with_equations(tree["blocks"]), source)
    document = Document({}, [], api=tree["pandoc-api-version"])
    keys = _bibliography(source, folder, document.files)
    labels: dict[str, str] = {}
    for place, blocks in pieces:
        for node in list(nodes(blocks)):
            _check_raw(node, place)
            _check_image(node, place, source, folder, document.files)
            for label in _labels(node, place):
                if label in labels:
                    raise InputError(f"{place} gives the label {label!r} that {labels[label]} gives too: rename one")
                labels[label] = place
    for place, blocks in pieces:
        for node in nodes(blocks):
            _check_references(node, place, labels, keys)
        if place in TEXTS:
            document.texts[place] = blocks
        else:
            document.blocks += blocks
    return document


def _split(blocks: list, source: Source) -> list[tuple[str, list]]:
    """Cut the tree at the markers that `Source.markdown` put in, and take these out."""
    pieces = []
    for block in blocks:
        if block["t"] == "RawBlock" and block["c"][0] == "place":
            pieces.append((source.pieces[int(block["c"][1])][0], []))
        else:
            pieces[-1][1].append(block)
    if len(pieces) != len(source.pieces):  # a marker was swallowed by a block that never ends
        place = next(place for (place, _), (other, _) in zip(source.pieces, [*pieces[1:], ("", [])], strict=False) if place != other)
        raise InputError(f"{place} opens a block (```, :::) without closing it: close it")
    return pieces


def _with_equations(tree: object) -> object:
    """Turn each `$$...$$ {#eq-x}` into a span of class equation; pandoc itself knows no labels on maths."""
    if isinstance(tree, dict):
        return {key: _with_equations(value) for key, value in tree.items()}
    if not isinstance(tree, list):
        return tree
    parts: list = []
    for part in map(_with_equations, tree):
        match = re.fullmatch(r"\{#(eq-[\w-]+)\}", part["c"]) if isinstance(part, dict) and part.get("t") == "Str" else None
        last = len(parts) - 1
        while match and last >= 0 and parts[last]["t"] in ("Space", "SoftBreak"):
            last -= 1
        if match and last >= 0 and parts[last]["t"] == "Math":
            parts[last:] = [{"t": "Span", "c": [[match[1], ["equation"], []], [parts[last]]]}]
        else:
            parts.append(part)
    return parts


def _check_raw(node: dict, place: str) -> None:
    """Refuse raw HTML and TeX; comments, line breaks and LaTeX equations are turned into what they mean."""
    if node["t"] not in ("RawInline", "RawBlock"):
        return
    kind, text = node["c"]
    short = " ".join(text.split())[:60]
    if kind == "html":
        if re.fullmatch(r"\s*<!--.*?-->\s*", text, re.S):
            node["c"] = ["typst", ""]
        elif re.fullmatch(r"<br\s*/?>", text) and node["t"] == "RawInline":
            node.clear()
            node["t"] = "LineBreak"
        else:
            raise InputError(f"{place} holds raw HTML, {short}, which the PDF cannot show: write it in Markdown")
    elif kind in ("tex", "latex"):
        match = re.fullmatch(r"\s*\\begin\{(\w+)(\*?)\}(.*)\\end\{\1\2\}\s*", text, re.S)
        if not match or match[1] not in ENVIRONMENTS or "\\label" in text:
            raise InputError(
                f"{place} holds TeX, {short}, which the PDF cannot show: put maths between dollars "
                "and label it with {#eq-...}"
            )
        inner = ENVIRONMENTS[match[1]]
        body = f"\\begin{{{inner}}}{match[3]}\\end{{{inner}}}" if inner else match[3]
        maths = {"t": "Math", "c": [{"t": "DisplayMath"}, body]}
        node.update(maths if node["t"] == "RawInline" else {"t": "Para", "c": [maths]})
    elif kind not in ("typst", "output"):
        raise InputError(f"{place} holds raw {kind}, which the PDF cannot show: write it in Markdown")


def _check_image(node: dict, place: str, source: Source, folder: Path, files: dict[str, bytes]) -> None:
    """Collect the file of an image and point the image at the copy."""
    if node["t"] != "Image":
        return
    target = node["c"][2]
    address = target[0]
    path = folder / address.replace("%20", " ")
    if address in source.pictures:
        data = source.pictures[address]
    elif re.match(r"\w{2,}:", address):
        raise InputError(f"{place} shows the picture {address} from elsewhere: save it beside the report and name it")
    elif not path.is_file():
        near = nearest(path.name, [p.name for p in path.parent.glob("*.*")]) if path.parent.is_dir() else ""
        hint = near or f"there is no folder {path.parent.name}"
        raise InputError(f"{place} shows the figure {address}, and there is no such file ({hint}): run what draws it")
    elif path.suffix.lower() not in IMAGES:
        raise InputError(f"{place} shows {address}, and only {', '.join(IMAGES)} can be shown: save it as one of them")
    else:
        data = path.read_bytes()
    target[0] = f"pictures/{len(files)}{Path(address).suffix.lower()}"
    files[target[0]] = data


def _labels(node: dict, place: str) -> Iterator[str]:
    """The labels an element defines."""
    kind, content = node["t"], node.get("c")
    identifier = ""
    if kind == "Header":
        identifier = content[1][0]
        if identifier.startswith("sec-") and "unnumbered" in content[1][1]:
            raise InputError(f"{place} labels the heading {identifier!r}, which has no number: take {{-}} or the label away")
    elif kind in ("Figure", "Table", "Image") or (kind == "Div" and "output" in content[0][1]):
        identifier = content[0][0]
        wanted = "fig" if kind in ("Figure", "Image") else "tbl"
        if kind == "Image" and identifier:
            raise InputError(f"{place} labels the picture {identifier!r} but gives it no caption: write ![caption](...)")
        if kind == "Div" and identifier.startswith("fig-"):
            wanted = "fig"
        if identifier and not identifier.startswith(f"{wanted}-"):
            raise InputError(f"{place} labels a {REFERENCES[wanted]} {identifier!r}: let the label begin with {wanted}-")
        if kind == "Table" and identifier and not content[1][1]:
            raise InputError(f"{place} labels the table {identifier!r} but gives it no caption: add a line ': caption'")
    elif kind == "Span" and "equation" in content[0][1]:
        identifier = content[0][0]
    elif kind == "Str" and (match := re.search(r"\{#(fig|tbl|eq|sec)-[^}]*\}?", content)):
        raise InputError(f"{place} has a label where none can be, {match[0]}: put it after a heading, figure or $$")
    if identifier:
        yield identifier


def _check_references(node: dict, place: str, labels: dict[str, str], keys: set[str]) -> None:
    if node["t"] == "Link" and node["c"][2][0].startswith("#") and node["c"][2][0][1:] not in labels:
        raise InputError(f"{place} links to {node['c'][2][0]}, which is nowhere: {nearest(node['c'][2][0][1:], labels)}")
    if node["t"] != "Cite":
        return
    for citation in node["c"][0]:
        key = citation["citationId"]
        kind = REFERENCES.get(key.split("-")[0]) if "-" in key else None
        if kind and key not in labels:
            same = [label for label in labels if label.split("-")[0] == key.split("-")[0]]
            raise InputError(f"{place} refers to the {kind} @{key}, which is nowhere: {nearest(key, same)}")
        if not kind and key not in keys:
            raise InputError(f"{place} cites @{key}, which is not in the bibliography: {nearest(key, keys)}")


def _bibliography(source: Source, folder: Path, files: dict[str, bytes]) -> set[str]:
    """Collect the bibliography files and the keys in them."""
    keys: set[str] = set()
    names = source.settings.get("bibliography", [])
    for name in [names] if isinstance(names, str) else names:
        path = folder / name
        if not path.is_file():
            raise InputError(f"the bibliography {path} that the YAML of cell 1 names does not exist: write or rename it")
        files[path.name] = path.read_bytes()
        keys |= set(re.findall(r"^\s*@(?!comment|string|preamble)\w+\s*\{\s*([^,\s]+)\s*,", path.read_text("utf-8"), re.M | re.I))
    style = source.settings.get("csl", "")
    if style.endswith(".csl"):
        if not (folder / style).is_file():
            raise InputError(f"the citation style {folder / style} that the YAML of cell 1 names does not exist: write it")
        files[style] = (folder / style).read_bytes()
    return keys
