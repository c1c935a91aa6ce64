"""The notebooks as files: thin, stripped, one cell of parameters, all known to the profiles."""

import ast
import re

import nbformat
import pytest

from agegender_lib import folders
from agegender_lib.reporting.profiles import notebooks, parameters_of, read_profile

NOTEBOOKS = notebooks()
ALL = [*NOTEBOOKS, folders.REPORT / "report.ipynb"]


def code_of(notebook):
    return [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_prose_calls_and_pictures_only(notebook):
    content = nbformat.read(notebook, as_version=4)
    tagged = [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and tagged[0].cell_type == "code"
    for node in ast.walk(ast.parse("\n".join(code_of(notebook)))):
        assert not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)), ast.unparse(node)
    calls = [cell.source for cell in content.cells if cell.cell_type == "code" and cell is not tagged[0]]
    assert all(len(cell.splitlines()) <= 14 for cell in calls)
    prose = " ".join(cell.source for cell in content.cells if cell.cell_type == "markdown")
    assert prose.startswith("# ") and len(prose.split()) > 200
    assert re.search(r"\*(What to conclude|How to read it):\*", prose)


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_a_committed_notebook_has_no_outputs(notebook):
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None


def test_every_parameter_has_the_same_default_wherever_it_occurs():
    defaults = {}
    for notebook in NOTEBOOKS:
        for name, value in parameters_of(notebook).items():
            assert defaults.setdefault(name, value) == value, f"{name} in {notebook.name}"
    # what a notebook does on its own is what the quick profile does
    assert defaults["profile"] == "quick"
    for name, value in read_profile("quick").items():
        left_to_it = {} if name.startswith("model_") else "" if name.startswith("weights") else value
        assert defaults[name] == left_to_it, name


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_used_is_recorded_under_its_own_name(notebook):
    made = f'report = ReportFolder(output, faces, "{notebook.stem}")' in "\n".join(code_of(notebook))
    assert made is (notebook.stem != "10_try_a_photo")  # which is no part of the report


def test_no_number_of_results_is_typed_into_the_report():
    # the first cell holds title and abstract
    text = "\n".join(cell.source for cell in nbformat.read(ALL[-1], as_version=4).cells)
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|@[\w-]+|\(figures/[^)]*\)", "", text, flags=re.S)
    # results have units or decimals; what is left are the millions in ImageNet and a threshold of p
    assert re.findall(r"\d+\.\d+|\d+(?:\.\d+)? (?:years|min\b|points)", text) == ["1.3", "0.001"]


def test_no_machine_of_ours_is_named():
    for path in [
        *ALL,
        folders.ROOT / "README.md",
        folders.ROOT / "Makefile",
        *folders.PROFILES.glob("*.yaml"),
        *folders.STUDIES.glob("*.yaml"),
    ]:
        assert not re.search(r"/work/|\.\./shared|/home/", path.read_text(encoding="utf-8")), path
