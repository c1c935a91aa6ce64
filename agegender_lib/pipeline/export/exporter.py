"""The report PDF: a notebook's Markdown through pandoc and Typst, by pip alone, without TeX and without network.

jupyter nbconvert --to reportpdf report/report.ipynb
"""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pypandoc
import typst
import yaml
from nbconvert.exporters import Exporter
from nbformat import NotebookNode

from agegender_lib.errors import InputError, nearest
from agegender_lib.files import replacing
from agegender_lib.pipeline.export.figures import with_sources
from agegender_lib.pipeline.export.numbers import Numbers

HERE = Path(__file__).parent
TEXTS = (*"title subtitle short_title author affiliation date abstract data_note notice".split(),)
SETTINGS = ("bibliography", "results")
#: Jupyter's habits (lists and headings straight after text) added, pandoc's surprises (~x~, tables of dashes) left out;
#: without divs and spans all HTML shows up as raw, where it can be refused
READER = "markdown" + "".join(
    """
    +lists_without_preceding_blankline-blank_before_header-blank_before_blockquote+autolink_bare_uris-auto_identifiers
    -native_divs-native_spans-markdown_in_html_blocks-yaml_metadata_block-pandoc_title_block-example_lists
    -simple_tables-multiline_tables-subscript-superscript
    """.split()
)
PANDOC = ["--to=typst", f"--lua-filter={HERE / 'refs.lua'}", "--wrap=none", "--columns=100000", "--fail-if-warnings"]


class ReportPDFExporter(Exporter):
    """nbconvert exporter to PDF, of a notebook whose first cell is YAML and whose others are Markdown."""

    export_from_notebook = "Report PDF"
    output_mimetype = "application/pdf"
    file_extension = ".pdf"

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw: object) -> tuple[bytes, dict]:
        """Set a notebook as PDF, see :func:`set_pdf`."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        folder = Path(resources["metadata"].get("path") or ".")
        return set_pdf(nb, folder, f"{resources['metadata'].get('name', 'notebook')}.ipynb"), resources


def export_report(notebook: Path, pdf: Path) -> Path:
    """Export a notebook, with what lies beside it, as PDF; an export that fails leaves the previous PDF as it was."""
    notebook = Path(notebook)
    try:
        nb = nbformat.read(notebook, as_version=4)
    except Exception as error:  # nbformat raises its own kinds, and those of json and jsonschema
        told = " ".join(str(error).split())[:120]
        raise InputError(f"{notebook} cannot be read as a notebook ({told}): save it again") from None
    content = set_pdf(nb, notebook.parent, notebook.name)
    with replacing(pdf) as temporary:
        temporary.write_bytes(content)
    return Path(pdf)


def set_pdf(nb: NotebookNode, folder: Path, name: str) -> bytes:
    """Set a notebook as PDF; an InputError names the cell of anything that would leave a hole.

    The same inputs give the same bytes: fonts are Typst's own, and the only date is that of SOURCE_DATE_EPOCH. PDF/UA-1
    makes Typst refuse characters that no font has and pictures without a description.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        source = typst_source(nb, folder)
        return typst.compile(
            source.encode(),
            root=folder.resolve(),
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],
            timestamp=int(epoch) if epoch else None,
        )
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except RuntimeError as error:  # TypstError is one, but Typst raises plain ones too
        lines = [int(line) for line in re.findall(r"\.typ:(\d+):", getattr(error, "diagnostic", ""))]
        before = "\n".join(source.splitlines()[: max(lines, default=0)])
        place = re.findall("^// (cell .*)", before, flags=re.M)[-1:]
        told = ". ".join([str(error).split("\n")[0], *getattr(error, "hints", [])])
        raise InputError(f"{': '.join([name, *place])}: Typst cannot set this ({told})") from None


def typst_source(nb: NotebookNode, folder: Path) -> str:
    """The report as one Typst document, its placeholders filled, each cell after a comment that names it."""
    front, cells = _front_matter(nb), nb.cells[1:]
    numbers = Numbers(folder / front.pop("results", "results"))
    options = f"authors: {_strings(front.get('author', []))}, dated: {json.dumps('SOURCE_DATE_EPOCH' in os.environ)}"
    files = _strings(front.pop("bibliography", []))
    front = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in front.items()}
    pieces = [(f"{key!r} in the YAML of cell 1", value) for key, value in front.items()]
    for number, (cell, text) in enumerate(zip(cells, with_sources(cell.source for cell in cells), strict=True), 2):
        words = " ".join(text.split())
        place = f"cell {number} ('{words[:40]}{'...' if len(words) > 40 else ''}')"
        if cell.cell_type != "markdown":
            raise InputError(f"{place} is a {cell.cell_type} cell, which no PDF shows: make it Markdown")
        pieces.append((place, text))
    with ThreadPoolExecutor() as several:
        written = list(several.map(lambda piece: _typst(*piece, numbers, folder), pieces))
    texts = [f"{key}: [{text}]," for key, text in zip(front, written[: len(front)], strict=True) if text]
    body = [f"// {place}\n{text}" for (place, _), text in zip(pieces, written, strict=True)][len(front) :]
    look = (HERE / "report.typ").read_text(encoding="utf-8")
    start = f"#let references = references.with({files})\n#show: report.with({options}, texts: ("
    return "\n\n".join([look, start, *texts, "))", *body])


def _front_matter(nb: NotebookNode) -> dict:
    match = re.fullmatch(r"---[ \t]*\n(.*?)\n?---", nb.cells[0].source.strip(), re.S) if nb.cells else None
    try:
        values = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise InputError(
            f"the YAML in cell 1 cannot be read ({told}): put texts that hold a colon or {{{{ }}}} in quotes"
        ) from None
    if not isinstance(values, dict) or not values.get("title"):
        raise InputError("cell 1 is not YAML with a title: write ---, title: ..., --- on three lines")
    for key in values:
        if key not in TEXTS + SETTINGS:
            near = nearest(str(key), TEXTS + SETTINGS)
            raise InputError(f"unknown key {key!r} in the YAML of cell 1: {near}")
    return {key: value for key, value in values.items() if value is not None}


def _strings(values: str | list) -> str:
    """A Typst array of strings, which are written as JSON writes them."""
    values = values if isinstance(values, list) else [values]
    return f"({''.join(json.dumps(str(value), ensure_ascii=False) + ',' for value in values)})"


def _typst(place: str, text: str, numbers: Numbers, folder: Path) -> str:
    """Markdown with placeholders to Typst; what pandoc warns of (maths it cannot read, say) is an error here."""
    command = [pypandoc.get_pandoc_path(), f"--from={READER}", *PANDOC]
    filled = numbers.fill(text, place)
    done = subprocess.run(command, input=filled, capture_output=True, encoding="utf-8", cwd=folder)
    if done.returncode:
        told = " ".join(re.sub(r"\[WARNING\]|Failing because.*", "", done.stderr).split())[:300]
        raise InputError(f"{place}: {told}")
    return done.stdout.strip()
