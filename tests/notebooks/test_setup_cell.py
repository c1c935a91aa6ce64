"""The first cell of every notebook: nothing in a checkout, the library where there is none, as on Google Colab."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import nbformat
import pytest

from agegender_lib.pipeline.app import page_notebook
from agegender_lib.pipeline.profiles import notebooks


def first_code(path):
    return next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


CELL = first_code(notebooks()[0]).source


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda path: path.stem)
def test_it_is_the_same_everywhere(notebook):
    cell = first_code(notebook)
    assert cell.metadata["tags"] == ["setup"] and cell.source == CELL


def test_the_web_page_does_without():
    assert CELL not in [cell.source for cell in page_notebook().cells]


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A machine like Colab's, where a visitor chooses the repository's archive; says what pip was asked for."""
    asked, uploaded = [], []
    module = ModuleType("google.colab")
    module.files = SimpleNamespace(upload=lambda: {uploaded[0]: b""})
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", module)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    notebook = SimpleNamespace(run_line_magic=lambda *words: asked.append(words))
    return SimpleNamespace(asked=asked, uploaded=uploaded, names={"get_ipython": lambda: notebook})


def test_in_a_checkout_it_does_nothing(colab):
    exec(CELL, colab.names)
    assert not colab.asked


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_without_the_library_it_is_installed_from_the_uploaded_repository(colab, kind, monkeypatch, tmp_path):
    import shutil

    # as a site for repositories packs it: a folder of its own inside
    home = tmp_path / "made" / "agegender-main"
    (home / "agegender_lib").mkdir(parents=True)
    (home / "pyproject.toml").write_text("[project]")
    (home / "agegender_lib" / "__init__.py").write_text("")
    archive = shutil.make_archive(str(tmp_path / "repository"), kind, home.parent)
    shutil.rmtree(home.parent)
    colab.uploaded.append(archive)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(CELL, colab.names)
    there = tmp_path / "agegender" / "agegender-main"
    assert colab.asked == [("pip", f"install --quiet --editable '{there}'")]
    assert sys.path[0] == str(there) and (there / "agegender_lib" / "__init__.py").is_file()
