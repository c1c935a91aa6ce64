"""Markdown to pandoc's tree, and the tree to Typst: the one place that runs pandoc."""

import json
import re
from collections.abc import Iterator

import pypandoc

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.source import TEXTS, Source

# Jupyter's habits (lists and headings straight after text) added, pandoc's surprises (~x~, tables of dashes)
# left out; without native_divs and native_spans all HTML shows up as raw, where it can be refused
READER = "markdown" + "".join(
    """
    +lists_without_preceding_blankline-blank_before_header-blank_before_blockquote+autolink_bare_uris
    -native_divs-native_spans-markdown_in_html_blocks-yaml_metadata_block-pandoc_title_block-example_lists
    -simple_tables-multiline_tables-subscript-superscript
    """.split()
)
EQUATION = re.compile(r"\{#(eq-[\w-]+)\}")


def pandoc(text: str, source: str, target: str, *options: str) -> str:
    """Convert with pandoc; its warnings (maths it cannot read, say) are errors here.

    Raises
    ------
    InputError
        When pandoc warns or fails.
    """
    try:
        return pypandoc.convert_text(text, target, source, [*options, "--wrap=none", "--fail-if-warnings"])
    except RuntimeError as error:
        told = re.sub(r"^.*?(?=\[WARNING\])|Failing because.*$", "", str(error), flags=re.S)
        told = " ".join(told.replace("[WARNING]", "").split())
        raise InputError(
            f"the text cannot be converted ({told[:300]}): rewrite that formula or place"
        ) from None


def nodes(tree: object) -> Iterator[dict]:
    """All elements of a pandoc tree, in reading order."""
    if isinstance(tree, dict):
        if "t" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from nodes(part)


def read_tree(source: Source) -> tuple[list[tuple[str, list]], list[int]]:
    """Parse a notebook's Markdown.

    Returns
    -------
    For each piece of the source where it came from and its blocks; and the version of pandoc's tree. A labelled
    equation, `$$...$$ {#eq-x}`, which pandoc does not know, is a span of class `equation`.

    Raises
    ------
    InputError
        When a piece opens a block without closing it, so that it swallows the next.
    """
    tree = json.loads(pandoc(source.markdown, READER, "json", "--columns=100000"))
    pieces: dict[int, list] = {}
    for block in _with_equations(tree["blocks"]):
        if block["t"] == "RawBlock" and block["c"][0] == "place":
            pieces[int(block["c"][1])] = []
        else:
            pieces[max(pieces)].append(block)
    places = [f"{key!r} in the YAML of cell 1" if key in TEXTS else key for key, _ in source.pieces]
    for number in range(len(places)):
        if number not in pieces:
            raise InputError(f"{places[number - 1]} opens a block with ``` or ::: that never ends: close it")
    return [(places[number], blocks) for number, blocks in pieces.items()], tree["pandoc-api-version"]


def _with_equations(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: _with_equations(value) for key, value in tree.items()}
    if not isinstance(tree, list):
        return tree
    parts: list = []
    for part in map(_with_equations, tree):
        label = EQUATION.fullmatch(part["c"]) if isinstance(part, dict) and part.get("t") == "Str" else None
        maths = len(parts) - 1
        while label and maths >= 0 and parts[maths]["t"] in ("Space", "SoftBreak"):
            maths -= 1
        if label and maths >= 0 and parts[maths]["t"] == "Math":
            parts[maths:] = [{"t": "Span", "c": [[label[1], ["equation"], []], [parts[maths]]]}]
        else:
            parts.append(part)
    return parts
