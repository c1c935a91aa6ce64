"""Notebooks, headless: which parameters reach them, and which Python runs them."""

import json
import os
import sys

import nbformat
import pytest
from made_notebooks import write_notebook

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.execute import execute
from agegender_lib.pipeline.kernel import THREADS
from agegender_lib.reporting.profiles import UNKNOWN, model_settings, parameters_of, read_profile


@pytest.fixture(autouse=True)
def executed(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "EXECUTED", tmp_path / "executed")


def notebook(folder, parameters, code="", **options):
    return write_notebook(folder, "01_made", code, parameters, **options)


def printed(copy):
    cells = nbformat.read(copy, as_version=4).cells
    return "".join(output.text for cell in cells for output in cell.get("outputs", []) if "text" in output)


WAYS = {
    'data = "/data/set=2/train_val.tar"': "/data/set=2/train_val.tar",
    'data = ""  # e.g. data=train_val.tar': "",
    'data = {\n    "batch_size": 32,  # lr=0.002 goes with it\n}': {"batch_size": 32},
    "data = 1000 / 5000": UNKNOWN,
    'import os\n\ndata = os.environ["UTK"]': UNKNOWN,
    'data, other = "a", 1': UNKNOWN,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_parameter_is_one_however_it_is_written(way, tmp_path):
    assert parameters_of(notebook(tmp_path, way))["data"] == WAYS[way]


@pytest.mark.parametrize(
    ("cell", "tags", "found"),
    [
        ('data = ""\n%cd ..', ["parameters"], r"01_made\.ipynb, line 2 .* not Python .*'%cd \.\.'"),
        ('data = ""', ["parameter"], r"01_made\.ipynb has 0 cells with the tag 'parameters'"),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_with_notebook_and_line(cell, tags, found, tmp_path):
    path = notebook(tmp_path, cell, tags=tags)
    with pytest.raises(InputError, match=found):
        parameters_of(path)
    with pytest.raises(InputError, match=found):
        execute(path, {"data": "a"})


def test_what_is_passed_arrives_whatever_stands_in_the_cell(tmp_path):
    cell = 'import os\n\ndata = ""  # e.g. data=train_val.tar\nshare = 1000 / 5000\nhome = os.sep\nkept = "a = b"'
    path = notebook(tmp_path, cell, "print([data, share, home, kept])")
    given = {"data": "/full/path", "share": 0.5, "home": "here", "unknown": 1}
    assert printed(execute(path, given)) == "['/full/path', 0.5, 'here', 'a = b']\n"


def test_what_a_profile_leaves_out_is_the_quick_one_s(tmp_path):
    (tmp_path / "mine.yaml").write_text("validation: 9\nsplit_seed: 3\nmodel_b: {seed: 4}\n")
    mine, quick = read_profile(tmp_path / "mine.yaml"), read_profile("quick")
    assert mine == quick | {"validation_size": 9, "split_seed": 3, "model_b": {"seed": 4}}
    own = model_settings(tmp_path / "mine.yaml", "model_b", {"batch_size": 5})
    assert own == {"validation_size": 9, "split_seed": 3, "seed": 4, "batch_size": 5}
    assert model_settings(mine, "model_a")["stages"] == quick["model_a"]["stages"]
    with pytest.raises(InputError, match="model_b: a model stays what it is"):
        model_settings({"model_b": {"model": "model_a"}}, "model_b")


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Kernels of other environments: one under a name of its own, one under the name that everybody has."""
    for name in ("conda-env-faces-py", "python3"):
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": ["/nowhere/python", "{connection_file}"], "language": "python", "display_name": name}
        (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))


@pytest.mark.parametrize("kernel", ["python3", "gone"])
def test_the_python_that_runs_the_report_runs_its_notebooks(kernel, planted, tmp_path):
    path = notebook(tmp_path, "data = ''", "import sys\nprint(sys.executable)", kernel=kernel)
    assert printed(execute(path, {})) == f"{sys.executable}\n"


def test_notebooks_that_run_at_the_same_time_run_where_they_lie(tmp_path, monkeypatch):
    path = notebook(tmp_path, "data = ''", "import os\nprint(os.getcwd())")
    here, moved = os.getcwd(), []
    monkeypatch.setattr(os, "chdir", moved.append)  # moves every thread of this process
    assert printed(execute(path, {})) == f"{tmp_path}\n"
    assert set(moved) <= {here}


def test_a_notebook_takes_the_threads_it_is_given_unless_the_user_says_otherwise(tmp_path, monkeypatch):
    path = notebook(tmp_path, "data = ''", "import os\nprint([os.environ.get(name) for name in NAMES])")
    path.write_text(path.read_text().replace("NAMES", str(list(THREADS))))
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    assert printed(execute(path, {})) == "[None, None, None]\n"
    monkeypatch.setenv(THREADS[0], "3")
    assert printed(execute(path, {}, threads=1)) == "['3', '1', '1']\n"
