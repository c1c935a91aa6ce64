"""The first line of every notebook: nothing where the library is, and the way to it where it is not."""

import importlib.util
import runpy
import shutil
import sys
from types import ModuleType, SimpleNamespace

import nbformat
import pytest

from agegender_lib import folders
from agegender_lib.reporting.profiles import notebooks


def first_code(path):
    return next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


CELL = first_code(notebooks()[0]).source


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda path: path.stem)
def test_it_is_the_same_everywhere(notebook):
    cell = first_code(notebook)
    assert cell.metadata["tags"] == ["setup"] and cell.source == CELL
    assert len(CELL.splitlines()) == 1 and CELL.startswith("import set_up  #")


def test_where_the_library_is_installed_the_line_does_nothing(monkeypatch):
    monkeypatch.syspath_prepend(folders.NOTEBOOKS)
    exec(CELL, names := {})
    monkeypatch.delitem(sys.modules, "set_up")
    assert names["set_up"].NAME == "agegender_lib"


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A Python without the library, in a folder that holds set_up.py beside a notebook; says what pip was asked for."""
    shutil.copy(folders.NOTEBOOKS / "set_up.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    asked = []
    notebook = SimpleNamespace(run_line_magic=lambda *words: asked.append(words))

    def run(file=tmp_path / "set_up.py"):
        runpy.run_path(str(file), {"get_ipython": lambda: notebook})
        return asked

    return run


def shown(failure):
    """What a notebook shows of an error: the whole of it."""
    (text,) = failure.value._render_traceback_()
    return text


def test_another_python_is_told_which_to_choose(bare):
    with pytest.raises(ImportError) as failure:
        bare(folders.NOTEBOOKS / "set_up.py")
    for part in (sys.executable, "choose the kernel of .venv", "make lab", f"pip install -e {folders.ROOT}"):
        assert part in shown(failure)
    assert "google" not in shown(failure)


@pytest.fixture
def colab(monkeypatch):
    """Google Colab, whose visitor chooses these files where he is asked for any."""
    chosen = []
    module = ModuleType("google.colab")
    module.files = SimpleNamespace(upload=lambda: dict.fromkeys(chosen, b""))
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return chosen


def packed(folder, kind):
    """The repository as a site for repositories packs it: a folder of its own inside."""
    home = folder / "made" / "agegender-main"
    (home / "agegender_lib").mkdir(parents=True)
    (home / "pyproject.toml").write_text("[project]")
    (home / "agegender_lib" / "__init__.py").write_text("")
    archive = shutil.make_archive(str(folder / "repository"), kind, home.parent)
    shutil.rmtree(home.parent)
    return archive


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("way", ["uploaded", "lies there"])
def test_on_colab_it_is_installed_from_the_archive_of_the_repository(kind, way, bare, colab, tmp_path):
    (tmp_path / "other").mkdir()
    archive = packed(tmp_path / "other" if way == "uploaded" else tmp_path, kind)
    colab += [archive] if way == "uploaded" else []
    # archives of something else are not taken for it
    (tmp_path / "broken.zip").write_text("no archive")
    shutil.make_archive(str(tmp_path / "a_faces"), "tar", folders.PROFILES)
    there = tmp_path / "agegender" / "agegender-main"
    assert bare() == [("pip", f"install --quiet --editable '{there}'")]
    assert sys.path[0] == str(there) and (there / "agegender_lib" / "__init__.py").is_file()


def test_without_an_archive_colab_is_told_where_to_put_it(bare, colab):
    with pytest.raises(ImportError) as failure:
        bare()
    assert "put its .zip or .tar.gz beside this notebook" in shown(failure) and "again" in shown(failure)


def test_on_kaggle_a_folder_that_may_not_be_written_is_copied(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    checkout = tmp_path / "input" / "agegender"
    (checkout / "agegender_lib").mkdir(parents=True)
    (checkout / "notebooks").mkdir()
    shutil.copy(folders.NOTEBOOKS / "set_up.py", checkout / "notebooks")
    home = tmp_path / "home" / "agegender"
    assert bare(checkout / "notebooks" / "set_up.py") == [("pip", f"install --quiet --editable '{home}'")]
    assert (home / "agegender_lib").is_dir()
