"""Every figure of a report says where it was drawn: on the page of figures, and after its caption in the PDF."""

import re
import shutil

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook, new_raw_cell
from pypdf import PdfReader

from agegender_lib import folders
from agegender_lib.pipeline.export import figures
from agegender_lib.pipeline.export.exporter import export_report

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="120"><rect width="200" height="90"/></svg>'
TEXT = """# Faces

![Ages of {{ data.images }} faces.](figures/labels.svg){#fig-labels}

{% if data.images %}![Mine.](figures/own.svg){#fig-own width=60%}{% endif %}"""


@pytest.fixture
def folder(tmp_path):
    """A report with a figure of chapter 1, one of nobody's, the README's, and one that nothing shows."""
    for name in ("results", "figures"):
        (tmp_path / name).mkdir()
    for name in ("labels", "own", "comparison", "genders"):
        (tmp_path / f"figures/{name}.svg").write_text(SVG)
    (tmp_path / "results/data.json").write_text('{"images": 5000}')
    cells = [new_raw_cell("---\ntitle: Faces\n---"), new_markdown_cell(TEXT)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "report.ipynb")
    return tmp_path


def page(folder, output):
    figures.write_figure_page(folder, output)
    return (folder / "figures/README.md").read_text(encoding="utf-8")


def test_the_cell_named_is_the_one_that_saves_the_figure():
    sources = figures.figure_sources()
    for name, (notebook, number) in sources.items():
        cell = nbformat.read(folders.NOTEBOOKS / notebook, as_version=4).cells[number - 1]
        assert cell.cell_type == "code" and "save_figure(" in cell.source and f'"{name}")' in cell.source
    named = {path.stem for path in (folders.REPORT / "figures").glob("*.svg")}
    assert named <= set(sources)


def test_the_page_shows_what_is_published_with_caption_and_chapter(folder):
    text = page(folder, folders.REPORT)
    assert re.findall("^## (.*)", text, flags=re.M) == ["Figure 1: labels", "Figure 2: own", "comparison"]
    assert re.findall(r"!\[.*\]\((.*)\)", text) == ["labels.svg", "own.svg", "comparison.svg"]
    number = figures.figure_sources()["labels"][1]
    place = f"[01_exploration.ipynb](../../notebooks/01_exploration.ipynb), cell {number}"
    assert f"Ages of 5000 faces. *Drawn by {place}.*" in text and "Mine.\n" in text
    assert "Not in the report. *Drawn by [04_comparison.ipynb]" in text
    assert page(folder, folders.REPORT) == text


def test_links_lead_to_the_notebooks_from_wherever_in_the_repository_and_from_nowhere_else(folder):
    for output in (folders.REPORT, folders.ROOT / "build" / "report"):
        links = set(re.findall(r"\]\((\.\./[^)]*ipynb)\)", page(folder, output)))
        assert len(links) == 2
        for link in links:
            assert (output / "figures" / link).resolve() == folders.NOTEBOOKS / link.rsplit("/", 1)[1]
    assert "notebooks/" not in page(folder, folder)


@pytest.mark.parametrize("address", ["", "https://example.org/me/faces/"])
def test_captions_of_the_pdf_end_with_the_cell_as_a_link_where_the_address_is_known(folder, monkeypatch, address):
    root = folder / "root"
    shutil.copytree(folders.NOTEBOOKS, root / "notebooks")
    (root / "CITATION.cff").write_text(f"title: x\n{f'repository-code: {address}' if address else ''}\n")
    monkeypatch.setattr(folders, "ROOT", root)
    pages = PdfReader(export_report(folder / "report.ipynb", folder / "report.pdf")).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    number = figures.figure_sources()["labels"][1]
    assert f"Figure 1. Ages of 5000 faces. 01_exploration.ipynb, cell {number}" in text
    assert "Figure 2. Mine." in text and text.count(".ipynb") == 1
    notes = [note.get_object() for page in pages for note in page.get("/Annots", [])]
    found = [note["/A"]["/URI"] for note in notes if "/A" in note]
    wanted = ["https://example.org/me/faces/blob/HEAD/notebooks/01_exploration.ipynb"] if address else []
    assert found == wanted
