"""The report PDF: a notebook through pandoc and Typst, by pip alone, without TeX and without network.

jupyter nbconvert --to reportpdf report/report.ipynb
"""

import json
import os
import tempfile
from pathlib import Path

import typst
from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Unicode
from traitlets.config import Config

from agegender_lib.errors import InputError
from agegender_lib.files import replacing
from agegender_lib.pipeline.export.checks import Document, read_document
from agegender_lib.pipeline.export.numbers import FillNumbers
from agegender_lib.pipeline.export.source import read_notebook, read_source
from agegender_lib.pipeline.export.tree import pandoc

HERE = Path(__file__).parent


class ReportPDFExporter(Exporter):
    """nbconvert exporter to PDF.

    The same inputs give the same bytes: only fonts inside Typst are used and no date is written, or the one in
    SOURCE_DATE_EPOCH.
    """

    export_from_notebook = "Report PDF"
    output_mimetype = "application/pdf"
    file_extension = ".pdf"
    template = Unicode(str(HERE / "report.typ"), help="Typst file that defines report()").tag(config=True)
    # ua-1 makes Typst refuse characters that no font has and pictures without a description
    standard = Unicode("ua-1", help="PDF standard to keep, '' for none").tag(config=True)

    def __init__(self, **kw: object):
        super().__init__(**kw)
        self.register_preprocessor(FillNumbers, enabled=True)  # after those of nbconvert, such as --execute

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict | None = None, **kw: object
    ) -> tuple[bytes, dict]:
        """Set a notebook as PDF.

        Raises
        ------
        InputError
            For anything that would leave a hole: see its neighbours numbers, outputs and checks.
        """
        meta = (resources or {}).get("metadata", {})
        name = f"{meta.get('name') or 'notebook'}.ipynb"
        try:
            nb, resources = super().from_notebook_node(nb, resources, **kw)
            source = read_source(nb)
            document = read_document(source, Path(meta.get("path") or ".").resolve())
            files = document.files | {
                "main.typ": typst_source(document, source.settings, Path(name).stem).encode(),
                "report.typ": Path(self.template).read_bytes(),
            }
            pdf, warnings = self._compile(files)
        except RuntimeError as error:  # TypstError is one, but Typst raises plain ones too
            told = ". ".join([str(error).split("\n")[0], *getattr(error, "hints", [])])
            raise InputError(f"{name}: Typst cannot set the report ({told}): mend that place") from None
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        for warning in warnings:
            self.log.warning("%s: %s", name, warning)
        return pdf, resources

    def _compile(self, files: dict[str, bytes]) -> tuple[bytes, list]:
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        # Typst could take files from memory, but only text, no PNG
        with tempfile.TemporaryDirectory(prefix="report-") as folder:
            for name, content in files.items():
                path = Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            return typst.compile_with_warnings(
                Path(folder, "main.typ"),
                root=folder,
                ignore_system_fonts=True,
                pdf_standards=[self.standard] if self.standard else [],
                timestamp=int(epoch) if epoch else None,
            )


def typst_source(document: Document, settings: dict, name: str) -> str:
    """Write the Typst source of a checked report; `name` is its title when it has none."""
    texts, blocks = dict(document.texts), list(document.blocks)
    if "title" not in texts:
        texts["title"], blocks = _title_from(blocks, name)
    headings = [block["c"][1][0] for block in blocks if block["t"] == "Header"]
    if settings.get("bibliography") and "references" not in headings:
        blocks.append(_header(1, "references", "References"))
    options = {
        "authors": settings.get("authors", []),
        "bibliography": [Path(file).name for file in settings.get("bibliography", [])],
        "csl": Path(settings.get("csl", "ieee")).name,
        "toc": bool(settings["toc"]),
        "titlepage": bool(settings["titlepage"]),
        "dated": "SOURCE_DATE_EPOCH" in os.environ,
    }
    # a JSON string, quoted once more, is a Typst string
    quoted = json.dumps(json.dumps(options), ensure_ascii=False)
    front = [_typst(f'#import "report.typ": *\n#show: report.with(..json(bytes({quoted})), texts: (')]
    for key, content in texts.items():
        if len(content) == 1 and content[0]["t"] in ("Para", "Plain"):  # in one line, no paragraph around it
            inline = [_typst(f"{key}: [", "RawInline"), *content[0]["c"], _typst("],", "RawInline")]
            front.append({"t": "Plain", "c": inline})
        else:
            front += [_typst(f"{key}: ["), *content, _typst("],")]
    tree = {
        "pandoc-api-version": document.api,
        "meta": {"bibliography": {"t": "MetaBool", "c": True}} if settings.get("bibliography") else {},
        "blocks": [*front, _typst("))"), *blocks],
    }
    return pandoc(json.dumps(tree), "json", "typst", f"--lua-filter={HERE / 'crossref.lua'}")


def export_report(notebook: Path, pdf: Path, results: Path | None = None) -> Path:
    """Export a notebook as PDF; an export that fails leaves the previous PDF as it was.

    Parameters
    ----------
    notebook : the .ipynb; its figures and bibliography are looked for beside it
    pdf : where to write; missing folders are made
    results : folder of the numbers, by default the one that `results:` in the notebook's YAML names

    Returns
    -------
    The path of the PDF.

    Raises
    ------
    InputError
        When the notebook cannot be read, or something in it could not be shown.
    """
    notebook, pdf = Path(notebook), Path(pdf)
    config = Config({"FillNumbers": {"results": str(results)}}) if results else Config()
    resources = {"metadata": {"name": notebook.stem, "path": str(notebook.parent)}}
    content, _ = ReportPDFExporter(config=config).from_notebook_node(read_notebook(notebook), resources)
    with replacing(pdf) as temporary:
        temporary.write_bytes(content)
    return pdf


def _title_from(blocks: list, name: str) -> tuple[list, list]:
    """Make the heading that a notebook begins with its title, and its sections the chapters."""
    tops = [block for block in blocks if block["t"] == "Header" and block["c"][0] == 1]
    if not tops or blocks[0] is not tops[0]:
        return [{"t": "Plain", "c": [{"t": "Str", "c": name}]}], blocks
    if len(tops) == 1:
        for block in blocks:
            if block["t"] == "Header":
                block["c"][0] = max(1, block["c"][0] - 1)
    return [{"t": "Plain", "c": blocks[0]["c"][2]}], blocks[1:]


def _header(level: int, identifier: str, title: str) -> dict:
    return {"t": "Header", "c": [level, [identifier, ["unnumbered"], []], [{"t": "Str", "c": title}]]}


def _typst(text: str, kind: str = "RawBlock") -> dict:
    return {"t": kind, "c": ["typst", text]}
