"""The report PDF: what is printed, what is refused, and that the same report gives the same bytes."""

import json
import shutil

import nbformat
import pytest
from nbconvert import get_exporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from pypdf import PdfReader

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.exporter import ReportPDFExporter, export_report
from agegender_lib.pipeline.export.numbers import Numbers

YAML = """---
title: "Ages from {{ data.images | count }} faces"
subtitle: "Coursework"
author: [A. Student, B. Colleague]
date: "November 2026"
abstract: "Best error {{ models.b.age_mae | years }} years."
data_note: "`{{ data.name }}`, drawn: {% if data.rendered %}yes{% else %}no{% endif %}."
notice: "{% if data.rendered %}These faces are drawn.{% endif %}"
bibliography: references.bib
results: results
---"""

INTRODUCTION = """# Introduction {#sec-intro}

Faces of @zhang2017 [see @rothe2018, p. 3] are read here:
- as shown in @fig-ages and @tbl-models;
- with the loss of @eq-loss, see @sec-intro, [@fig-ages; @sec-intro].

Accuracy {{ models.b.accuracy | percent }}, difference {{ models.difference | signed }},
rate {{ models.b.rate | scientific }}, epoch {{ models.b.seconds | duration }}.<!--# a comment #--><!-- another -->

![Ages of **all** faces, as in @tbl-models.](figures/ages.svg){#fig-ages width=60%}

$$\\mathcal{L}=\\frac{1}{N}\\sum_i \\lvert a_i-\\hat a_i\\rvert$$ {#eq-loss}"""

TABLE = """# Results

{{ table("models", columns={"model": "Model", "age_mae": "MAE / years", "gender": "Gender"},
   formats={"age_mae": "years", "gender": "percent"}, grey={"model": ["median"]},
   caption="Models on " ~ (data.images | count) ~ " images.", label="tbl-models") }}

| stage | rate |
|---|---|
| heads | 3 |

# References {-}"""

APPENDIX = "# More {#sec-more .appendix}\n\nAs @sec-more says, there are {{ rows('models') | length }} models."

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="120"><rect width="200" height="90"/></svg>'
BIB = """@article{zhang2017, author = {Zhang, Zhifei}, title = {Age Progression}, journal = {CVPR}, year = {2017}}
@article{rothe2018, author = {Rothe, Rasmus}, title = {Deep Expectation}, journal = {IJCV}, year = {2018}}"""


def write(folder, *cells, yaml=YAML):
    """A folder with a report of these cells (texts are Markdown), its numbers, figure and bibliography."""
    (folder / "results").mkdir(exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures/ages.svg").write_text(SVG)
    (folder / "references.bib").write_text(BIB)
    (folder / "results/data.json").write_text(json.dumps({"name": "train_val", "images": 5000, "rendered": True}))
    models = {
        "b": {"age_mae": 5.934, "accuracy": 0.9012, "rate": 0.0003, "seconds": 83.4, "best": None},
        "difference": -0.447,
    }
    (folder / "results/models.json").write_text(json.dumps(models))
    (folder / "results/models.csv").write_text(
        "model,age_mae,gender,decided\nmedian,14.9,0.517,\nmodel_b,5.934,0.9012,True\nNone,7.5,0.8,False\n"
    )
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    notebook = folder / "report.ipynb"
    nbformat.write(new_notebook(cells=[new_raw_cell(yaml), *cells]), notebook)
    return notebook


def text_of(pdf):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(pdf).pages).split())


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return export_report(write(folder, INTRODUCTION, TABLE, APPENDIX), folder / "out/report.pdf")


def test_report_holds_its_numbers_captions_and_references(report):
    text = text_of(report).replace("train_val,", "train_val ,")
    for part in (
        "Ages from 5,000 faces",
        "A. Student, B. Colleague",
        "Best error 5.93 years",
        "train_val , drawn: yes",
        "Accuracy 90.1 %",
        "difference −0.45",
        "epoch 1 min 23 s",
        "Figure 1. Ages of all faces, as in Table 1.",
        "Table 1. Models on 5,000 images.",
        "shown in Figure 1 and Table 1",
        "loss of Equation 1, see Section 1, Figure 1, Section 1.",
        "Z. Zhang [1]",
        "see [2, p. 3]",
        "References [1] Z. Zhang",
        "model_b 5.93 90.1 %",
        "As Appendix A says, there are 3 models.",
    ):
        assert part in text, part
    assert "a comment" not in text and "another" not in text and "{" not in text
    assert text.count("Table 1.") == 1 + 1 and "Table 2" not in text  # one without caption has no number


def test_report_has_a_title_page_and_its_notice_on_every_page(report):
    reader = PdfReader(report)
    assert 2 <= len(reader.pages) <= 3
    assert all("These faces are drawn." in page.extract_text() for page in reader.pages)
    assert "Introduction" not in reader.pages[0].extract_text()
    assert "Contents" in reader.pages[1].extract_text()
    assert reader.metadata.title == "Ages from 5,000 faces"
    assert reader.metadata.author == "A. Student, B. Colleague"
    assert "pdfuaid:part>1<" in reader.xmp_metadata.stream.get_data().decode()
    assert not list(report.parent.glob(".writing-*"))


def test_same_report_gives_same_bytes_anywhere(report, tmp_path, monkeypatch):
    shutil.copytree(report.parent.parent, tmp_path / "elsewhere")
    notebook = tmp_path / "elsewhere" / "report.ipynb"
    again = export_report(notebook, tmp_path / "again.pdf")
    assert again.read_bytes() == report.read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = [export_report(notebook, tmp_path / name).read_bytes() for name in ("c.pdf", "d.pdf")]
    assert dated[0] == dated[1] != report.read_bytes() and b"20231114" in dated[0]


def test_the_committed_pdf_is_the_one_that_the_committed_results_give(tmp_path):
    again = export_report(folders.REPORT / "report.ipynb", tmp_path / "report.pdf")
    assert again.read_bytes() == (folders.REPORT / "report.pdf").read_bytes()


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("{{ models.b.age_mea | years }}", "no attribute 'age_mea'"),
        ("{{ models.b.best }}", "holds None, which is nothing to print"),
        ("{{ data.name | years }}", "'train_val' is not a number"),
        ("{{ row('models', model='A').age_mae }}", "models.csv has 0 rows with model 'A', not one"),
        ("{{ table('model') }}", "did you mean models?"),
        ("![a](figures/age.svg)", "figures/age.svg"),
        ("See @fig-agse.\n\n![a](figures/ages.svg){#fig-ages}", "<fig-agse>"),
        ("As @zang2017 says.", "`zang2017` is not present in the bibliography"),
        ("A <b>bold</b> word", "raw html, <b>"),
        ("A \\textbf{bold} word", "raw tex, \\textbf{bold}"),
        ("![](figures/ages.svg)", "alt text"),
        (new_code_cell("1 / 0"), "code cell"),
    ],
)
def test_holes_are_refused_with_their_cell(tmp_path, cell, found):
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"before")
    with pytest.raises(InputError) as error:
        export_report(write(tmp_path, "# First", cell, "# References {-}"), pdf)
    told = str(error.value)
    assert found in told and told.startswith("report.ipynb: cell 3 ('") and "\n" not in told
    assert pdf.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("yaml", "found"),
    [
        ("---\ntitle: x\nabstrcat: y\n---", "unknown key 'abstrcat' in the YAML of cell 1: did you mean abstract"),
        ('---\ntitle: "{{ data.nam }}"\n---', "'title' in the YAML of cell 1: .*no attribute 'nam'"),
        ("---\ntitle: x\nresults: nothing\n---", "no folder .*nothing of results"),
    ],
)  # fmt: skip
def test_front_matter_is_checked(tmp_path, yaml, found):
    with pytest.raises(InputError, match=found):
        export_report(write(tmp_path, "# A\n\n# References {-}", yaml=yaml), tmp_path / "a.pdf")


def test_rows_are_found_by_their_values(tmp_path):
    write(tmp_path)
    numbers = Numbers(tmp_path / "results")
    for text, filled in {
        "{{ row('models', model='model_b').age_mae | years }}": "5.93",
        "{{ row('models', model='None', age_mae=7.5).gender | percent }}": "80.0\u00a0%",  # a word, no gap
        "{{ (rows('models') | max(attribute='age_mae')).model }}": "median",
        "{% if row('models', model='median').decided is none %}gap{% endif %}": "gap",
        "{% for one in rows('models', decided=True) %}{{ one.model }}{% endfor %}": "model_b",
    }.items():
        assert numbers.fill(text, "here") == filled


def test_tables_escape_texts_mark_gaps_and_set_rows_in_grey(tmp_path):
    (tmp_path / "t.csv").write_text("name,n,x,secret\na_b|*c*,1,-0.5,0\n$d$,,0.25,1\nout,3,1,2\n")
    headings = '{"name": "Name", "n": "n", "x": "x"}'
    asked = f'{{{{ table("t", columns={headings}, grey={{"secret": [1]}}) }}}}{{{{ table("t") }}}}'
    text = Numbers(tmp_path).fill(asked, "here")
    assert [line for line in text.split("\n") if line] == [
        "| Name | n | x |",
        "| :-- | --: | --: |",
        "| a\\_b\\|\\*c\\* | 1 | −0.500 |",
        "| [\\$d\\$]{.grey} | [–]{.grey} | [0.250]{.grey} |",
        "| out | 3 | 1.000 |",
        "| name | n | x | secret |",
        "| :-- | --: | --: | --: |",
        "| a\\_b\\|\\*c\\* | 1 | −0.500 | 0 |",
        "| \\$d\\$ | – | 0.250 | 1 |",
        "| out | 3 | 1.000 | 2 |",
    ]


def pages_of(folder, *cells):
    return [page.extract_text() for page in PdfReader(export_report(write(folder, *cells), folder / "a.pdf")).pages]


def page_with(pages, text):
    (found,) = (number for number, page in enumerate(pages) if text in page)
    return found


def test_figures_float_unless_they_are_told_where_to_stand(tmp_path):
    many = "\n\n".join(f"![Picture {n}.](figures/ages.svg){{#fig-{n}}}" for n in range(9))
    loose = pages_of(tmp_path, f"# One\n\n{many}", "# Two\n\nLater words.")
    flushed = pages_of(tmp_path, f"# One\n\n{many}", "# Two {.flush}\n\nLater words.")
    assert page_with(loose, "Later words") < page_with(loose, "Picture 8.")
    assert page_with(flushed, "Later words") >= page_with(flushed, "Picture 8.")
    still = many.replace("{#fig-0}", "{#fig-0 placement=none}")
    text = " ".join(pages_of(tmp_path, f"# One\n\nBefore.\n\n{still}\n\nAfter."))
    assert text.index("Before.") < text.index("Picture 0.") < text.index("After.")


def test_nbconvert_finds_the_exporter():
    assert get_exporter("reportpdf") is ReportPDFExporter


def test_a_generated_page_comes_without_its_title_links_citations_and_what_is_left_out(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "CARD.md").write_text(
        "<!-- made -->\n\n# Card\n\nSee the [sheet](SHEET.md), [web](https://a.b/c), by @home.\n\n"
        "## Uses\n\nNone.\n\n### Of which\n\nNone.\n\n## Gaps\n\nMany.\n"
    )
    numbers = Numbers(tmp_path / "results")
    whole = "See the sheet, [web](https://a.b/c), by \\@home.\n\n## Uses\n\nNone.\n\n### Of which\n\nNone."
    assert numbers.fill('{{ page("CARD.md") }}', "here") == f"{whole}\n\n## Gaps\n\nMany."
    assert numbers.fill('{{ page("CARD.md", leave_out=["Gaps"]) }}', "here") == whole
    with pytest.raises(InputError, match="no section 'Gasp' to leave out: did you mean Gaps"):
        numbers.fill('{{ page("CARD.md", leave_out=["Gasp"]) }}', "here")
    with pytest.raises(InputError, match=r"no .*SHEET\.md: let make report"):
        numbers.fill('{{ page("SHEET.md") }}', "here")
