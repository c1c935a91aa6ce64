"""The report PDF: what is printed, what is refused, and that the same report gives the same bytes."""

import base64
import io
import json
import subprocess
import sys

import nbformat
import pytest
from nbconvert import get_exporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from PIL import Image
from pypdf import PdfReader

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.exporter import ReportPDFExporter, export_report
from agegender_lib.pipeline.export.formats import FORMATS
from agegender_lib.pipeline.export.numbers import NumbersEnvironment
from agegender_lib.pipeline.export.words import count_words

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
- with the loss of @eq-loss, see @sec-intro.

Accuracy {{ models.b.accuracy | percent }}, difference {{ models.difference | signed }},
rate {{ models.b.rate | scientific }}, epoch {{ models.b.seconds | duration }}.<!--# a comment #-->

![Ages of **all** faces.](figures/ages.svg){#fig-ages width=60%}

$$\\mathcal{L}=\\frac{1}{N}\\sum_i \\bigl|a_i-\\hat a_i\\bigr|$$ {#eq-loss}"""

TABLE = """# Results

{{ table("models", columns={"model": "Model", "age_mae": "MAE / years", "gender": "Gender"},
   formats={"age_mae": "years", "gender": "percent"}, best={"age_mae": "min"}, grey={"model": "median"},
   caption="Models on " ~ (data.images | count) ~ " images.", label="tbl-models") }}

| stage | rate |
|---|---|
| heads | 3 |

# References {-}"""

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="120"><rect width="200" height="90"/></svg>'
BIB = """@article{zhang2017, author = {Zhang, Zhifei}, title = {Age Progression}, journal = {CVPR}, year = {2017}}
@article{rothe2018, author = {Rothe, Rasmus}, title = {Deep Expectation}, journal = {IJCV}, year = {2018}}"""


def write(folder, *cells, yaml=YAML, name="report"):
    """A folder with a report of these cells (texts are Markdown), its numbers, figure and bibliography."""
    (folder / "results").mkdir(exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures/ages.svg").write_text(SVG)
    (folder / "references.bib").write_text(BIB)
    (folder / "results/data.json").write_text(
        json.dumps({"name": "train_val", "images": 5000, "rendered": True})
    )
    models = {
        "b": {"age_mae": 5.934, "accuracy": 0.9012, "rate": 0.0003, "seconds": 83.4},
        "difference": -0.447,
    }
    (folder / "results/models.json").write_text(json.dumps(models))
    (folder / "results/models.csv").write_text(
        "model,age_mae,gender\nmedian,14.9,0.517\nmodel_b,5.934,0.9012\n"
    )
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    notebook = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=[new_raw_cell(yaml), *cells] if yaml else cells), notebook)
    return notebook


def text_of(pdf):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(pdf).pages).split())


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return export_report(write(folder, INTRODUCTION, TABLE), folder / "out/report.pdf")


def test_report_holds_its_numbers_captions_and_references(report):
    text = text_of(report)
    for part in (
        *(
            "Ages from 5,000 faces",
            "A. Student, B. Colleague",
            "Best error 5.93 years",
            "train_val , drawn: yes",
        ),
        *("Accuracy 90.1 %", "difference −0.45", "epoch 1 min 23 s", "Figure 1. Ages of all faces."),
        *(
            "Table 1. Models on 5,000 images.",
            "shown in Figure 1 and Table 1",
            "loss of Equation 1, see Section 1",
        ),
        *("Z. Zhang [1]", "see [2, p. 3]", "References [1] Z. Zhang", "model_b 5.93 90.1 %"),
    ):
        assert part in text.replace("train_val,", "train_val ,"), part
    assert "a comment" not in text and "{" not in text
    assert text.count("Table 1.") == 1 and "Table 2" not in text  # a table without caption has no number


def test_report_has_a_title_page_and_its_notice_on_every_page(report):
    reader = PdfReader(report)
    assert 2 <= len(reader.pages) <= 3
    assert all("These faces are drawn." in page.extract_text() for page in reader.pages)
    assert "Introduction" not in reader.pages[0].extract_text()
    assert "Contents" in reader.pages[1].extract_text()
    assert reader.metadata.title == "Ages from 5,000 faces"
    assert not list(report.parent.glob("*.part"))


def test_same_report_gives_same_bytes(report, monkeypatch):
    notebook = report.parent.parent / "report.ipynb"
    again = export_report(notebook, report.with_name("again.pdf"))
    assert again.read_bytes() == report.read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = [export_report(notebook, report.with_name(name)).read_bytes() for name in ("c.pdf", "d.pdf")]
    assert dated[0] == dated[1] != report.read_bytes() and b"20231114" in dated[0]


def test_numbers_may_lie_elsewhere(tmp_path):
    notebook = write(tmp_path, "# One\n\nOf {{ data.images }}.")
    other = tmp_path / "other"
    (tmp_path / "results").rename(other)
    (other / "data.json").write_text(json.dumps({"name": "x", "images": 7, "rendered": False}))
    text = text_of(export_report(notebook, tmp_path / "a.pdf", results=other))
    assert "Of 7." in text and "drawn: no" in text and "Please note" not in text


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("{{ models.b.age_mea | years }}", "placeholder models.b.age_mea: did you mean models.b.age_mae"),
        ("{{ modles.b }}", "unknown placeholder modles: did you mean models?"),
        ("{{ models.b }}", "models.b is a group"),
        ("{{ data.images | year }}", "No filter named 'year'"),
        ("{{ data.name | years }}", "'train_val' is not a number"),
        ("{{ data.images ", "unexpected end of template"),
        ("{{ ''.__class__ }}", "unknown placeholder __class__"),
        ("{{ table('model') }}", "no table model.csv in results/: did you mean models"),
        ("{{ table('models', columns=['mae']) }}", "no column 'mae'"),
        ("{{ table('models', formats={'model': '.2f'}) }}", "cannot be written as '.2f'"),
        ("![a](figures/age.svg)", "figures/age.svg, but no such file exists: did you mean ages.svg"),
        ("![a](https://example.org/a.png)", "from elsewhere"),
        ("![a](figures/ages.svg){#ages}", "let it begin with fig-"),
        ("![a](figures/ages.svg){width=big}", "width=big"),
        (
            "See @fig-agse.\n\n![a](figures/ages.svg){#fig-ages}",
            "@fig-agse, which does not exist: did you mean",
        ),
        ("See @eq-loss.\n\n$$a$$\n\ntext {#eq-loss}", "label out of place"),
        ("$$a$$ {#eq-a}\n\n$$b$$ {#eq-a}", "repeats the label 'eq-a'"),
        ("[here](#nowhere)", "links to #nowhere"),
        ("As @zang2017 says.", "@zang2017, which is not in the bibliography: did you mean zhang2017"),
        ("A <b>bold</b> word", "raw html, <b>"),
        ("<div>\ntext\n</div>", "raw html, <div>"),
        ("A \\textbf{bold} word", "raw tex, \\textbf{bold}"),
        ("$\\unknowncommand{x}$", "\\unknowncommand"),
        ("```python\nnever closed", "never ends"),
        ("A Chinese 中", "could not be displayed"),
        (new_raw_cell("\\LaTeX"), "raw cell"),
    ],
)
def test_holes_are_refused(tmp_path, cell, found):
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"before")
    with pytest.raises(InputError) as error:
        export_report(write(tmp_path, cell, "# Next cell"), pdf)
    assert found in str(error.value)
    assert str(error.value).startswith("report.ipynb: ") and "\n" not in str(error.value)
    assert pdf.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("yaml", "found"),
    [
        ("---\ntitel: x\n---", "unknown key 'titel' in the YAML of cell 1: did you mean title"),
        ("---\ntitle: {{ data.name }}\n---", "in quotes"),
        (
            '---\ntitle: "{{ data.nam }}"\nresults: results\n---',
            "'title' in the YAML of cell 1: unknown placeholder",
        ),
        ("---\nresults: nothing\n---", "no folder"),
        ("---\nbibliography: other.bib\n---", "other.bib does not exist"),
    ],
)
def test_front_matter_is_checked(tmp_path, yaml, found):
    with pytest.raises(InputError, match=found.replace("(", r"\(")):
        export_report(write(tmp_path, "# A", yaml=yaml), tmp_path / "a.pdf")


def test_problems_name_the_cell(tmp_path):
    with pytest.raises(InputError, match=r"cell 3 \('# Second <b>"):
        export_report(write(tmp_path, "# First", "# Second <b>cell</b>"), tmp_path / "a.pdf")
    with pytest.raises(InputError, match=r"no-notebook\.ipynb cannot be read"):
        export_report(tmp_path / "no-notebook.ipynb", tmp_path / "a.pdf")


def executed_cells():
    """Code cells with what JupyterLab stores as their outputs."""
    stream = io.BytesIO()
    Image.new("RGB", (200, 80), "navy").save(stream, "PNG")
    html = (
        "<style>td {color: red}</style><table><thead><tr><th></th><th>mae</th></tr><tr><th>model</th><th></th></tr>"
        "</thead><tbody><tr><th>A</th><td>6.1</td></tr></tbody></table>"
    )
    shown = {
        "#| label: tbl-one\n#| tbl-cap: 'Errors: both'\nframe": {"text/html": html, "text/plain": "hidden"},
        "#| label: fig-one\n#| fig-cap: Curves\nplot()": {"image/svg+xml": SVG},
        "plot()": {"image/png": base64.b64encode(stream.getvalue()).decode()},
        "note()": {"text/markdown": "a *Markdown* output"},
    }
    cells = [
        new_code_cell(code, execution_count=1, outputs=[new_output("display_data", data)])
        for code, data in shown.items()
    ]
    printed = [new_output("stream", text="hello\n")]
    cells.append(new_code_cell("print('quiet')", execution_count=2, outputs=printed))
    cells.append(new_code_cell("#| echo: true\nloud()", execution_count=2, outputs=printed))
    return cells


def test_executed_notebook_shows_outputs_and_leaves_braces_alone(tmp_path):
    prose = "# Comparison\n\n## Part\n\nBraces {{ x }} and {% y %}; @tbl-one and @fig-one."
    notebook = write(tmp_path, prose, *executed_cells(), yaml="", name="04")
    text = text_of(export_report(notebook, tmp_path / "04.pdf"))
    assert "Braces {{ x }} and {% y %}; Table 1 and Figure 1." in text
    for part in ("1 Part", "Table 1. Errors: both model mae A 6.1", "Figure 1. Curves", "a Markdown output"):
        assert part in text, part
    assert "loud()" in text and "hello" in text
    assert "quiet" not in text and "hidden" not in text and "#|" not in text


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (
            new_code_cell("1 / 0", outputs=[new_output("error", ename="ZeroDivisionError", evalue="x")]),
            "failed",
        ),
        (new_code_cell("never run"), "none of the code cells has been run"),
        (new_code_cell("#| lable: fig-x\n1", execution_count=1), "unknown option 'lable'"),
        (new_code_cell("#| label: fig-x\n1", execution_count=1), "no picture or table"),
        (
            new_code_cell(
                "x", execution_count=1, outputs=[new_output("display_data", {"text/html": "<canvas/>"})]
            ),
            "HTML without any text",
        ),
    ],
)
def test_code_cells_that_cannot_be_shown_are_refused(tmp_path, cell, found):
    with pytest.raises(InputError, match=found):
        export_report(write(tmp_path, cell, yaml=""), tmp_path / "a.pdf")


def test_words_are_those_of_the_prose(tmp_path):
    prose = """# A heading of six words here

Five words {{ data.images | count }} are here [@zhang2017], and @fig-ages is two more: $x^2$ none.

- one `two` three[^1]

[^1]: A footnote.

![A long caption that is not counted.](figures/ages.svg){#fig-ages}

| a | b |
|---|---|
| 1 | 2 |

# References {-}"""
    notebook = write(tmp_path, prose, "# Model card {.appendix}\n\nNot counted either.")
    assert count_words(notebook) == 5 + len("and Figure 1 is two more: none.".split()) + 3 + 2


def test_nbconvert_finds_the_exporter(tmp_path):
    assert get_exporter("agegender_lib.pipeline.export.exporter.ReportPDFExporter") is ReportPDFExporter
    notebook = write(tmp_path, INTRODUCTION, TABLE)
    to = "agegender_lib.pipeline.export.exporter.ReportPDFExporter"
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", to, notebook], check=True, capture_output=True)
    assert "Figure 1" in text_of(notebook.with_suffix(".pdf"))


def test_formats():
    assert FORMATS["years"](5.934) == "5.93"
    assert FORMATS["years"](-0.001) == "0.00"
    assert FORMATS["percent"](0.9012) == "90.1\u00a0%"
    assert FORMATS["count"](4000.0) == "4,000"
    assert FORMATS["signed"](0.416) == "+0.42"
    assert FORMATS["signed"](0.0) == "0.00"
    assert FORMATS["round"](2, 1) == "2.0"
    assert FORMATS["duration"](5000) == "1\u00a0h 23\u00a0min"
    assert FORMATS["duration"](0.4) == "0.4\u00a0s"
    assert FORMATS["scientific"](0.001) == "$10^{-3}$"
    with pytest.raises(ValueError, match="not a whole number"):
        FORMATS["count"](4.5)


def test_tables_escape_texts_and_mark_gaps(tmp_path):
    (tmp_path / "t.csv").write_text("name,n,x,secret\na_b|*c*,1,-0.5,0\n$d$,,0.25,1\n")
    text = NumbersEnvironment(tmp_path).fill(
        '{{ table("t", columns=["name", "n", "x"], best={"x": "max"}, grey={"secret": 1}) }}', "here"
    )
    assert [line for line in text.split("\n") if line] == [
        "| name | n | x |",
        "| --- | --- | --- |",
        "| a\\_b\\|\\*c\\* | 1 | −0.500 |",
        "| [\\$d\\$]{.grey} | [–]{.grey} | [**0.250**]{.grey} |",
    ]


def test_a_generated_page_comes_without_its_title_links_citations_and_what_is_left_out(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "CARD.md").write_text(
        "<!-- made -->\n\n# Card\n\nSee the [sheet](SHEET.md), [web](https://a.b/c), by @home.\n\n"
        "## Uses\n\nNone.\n\n### Of which\n\nNone.\n\n## Gaps\n\nMany.\n"
    )
    numbers = NumbersEnvironment(tmp_path / "results")
    whole = "See the sheet, [web](https://a.b/c), by \\@home.\n\n## Uses\n\nNone.\n\n### Of which\n\nNone."
    assert numbers.fill('{{ page("CARD.md") }}', "here") == f"{whole}\n\n## Gaps\n\nMany."
    assert numbers.fill('{{ page("CARD.md", leave_out=["Gaps"]) }}', "here") == whole
    with pytest.raises(InputError, match="no section 'Gasp' to leave out: did you mean Gaps"):
        numbers.fill('{{ page("CARD.md", leave_out=["Gasp"]) }}', "here")
    with pytest.raises(InputError, match=r"no SHEET\.md beside results/"):
        numbers.fill('{{ page("SHEET.md") }}', "here")
