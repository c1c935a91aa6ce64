"""What `make app` serves and to whom, without a browser."""

import contextlib
import socket

import pytest
from browser import free_port

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline import app
from agegender_lib.pipeline.cli import main


def code_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_only_the_page_of_the_notebook_is_served():
    served = app.page_notebook()
    assert all(cell.cell_type == "code" for cell in served.cells)
    assert "lab.PhotoPage(model_file)" in code_of(served) and 'model_file = ""' in code_of(served)
    assert "grace_hopper" not in code_of(served) and served.metadata["title"] == app.TITLE


def test_another_model_reaches_the_page(tmp_path):
    names, code = {}, code_of(app.page_notebook(model=tmp_path / "own.keras"))
    before = code[: code.index("from agegender_lib import lab")]
    exec(before, names)
    assert names["model_file"] == str(tmp_path / "own.keras")


@pytest.fixture
def served(monkeypatch, tmp_path):
    """The settings of a server that does not start."""
    served = {}

    class Stub:
        def __init__(self, config):
            served.update(config["Voila"])

        def initialize(self, arguments):
            pass

        def start(self):
            pass

    monkeypatch.setattr("voila.app.Voila", Stub)
    monkeypatch.setattr(folders, "BUILD", tmp_path)
    monkeypatch.setattr("agegender_lib.photos.start_shared_reader", lambda model: contextlib.nullcontext())
    monkeypatch.setattr(app, "own_address", lambda: "10.1.2.3")
    monkeypatch.setattr(app, "CONTAINER_MARKS", ())
    monkeypatch.setenv("JUPYTER_PATH", "")
    return served


def test_without_being_told_it_answers_to_this_machine_only(served):
    assert main(["app", "--no-browser", "--port", str(free_port())]) == 0
    assert served["ip"] == "localhost" and not served["token"]
    assert main(["app", "--network", "--port", str(free_port())]) == 0
    # a token that nobody guesses, another one every time
    first = served["token"]
    assert served["ip"] == "0.0.0.0" and len(first) >= 20 and not served["open_browser"]
    main(["app", "--network", "--port", str(free_port())])
    assert served["token"] != first


def test_it_says_where_it_can_be_opened(served, capsys, monkeypatch):
    main(["app", "--network", "--no-browser", "--port", "8123", "--base-url", "faces"])
    said, query = capsys.readouterr().out, f":8123/faces/?token={served['token']}"
    assert served["base_url"] == "/faces/"
    assert all(f"http://{host}{query}" in said for host in ("localhost", "10.1.2.3", socket.gethostname()))
    # nobody can open a container's name
    monkeypatch.setattr(app, "CONTAINER_MARKS", ("/",))
    main(["app", "--network", "--no-browser", "--port", "8123"])
    said = capsys.readouterr().out
    assert "docker run -p 8123:8123" in said and "http://localhost:8123/" in said
    assert socket.gethostname() not in said and "10.1.2.3" not in said
    monkeypatch.setattr(app, "CONTAINER_MARKS", ())
    monkeypatch.setattr("platform.release", lambda: "6.6.87-Microsoft-standard-WSL2")
    main(["app", "--network", "--no-browser", "--port", "8123"])
    assert "WSL" in (said := capsys.readouterr().out) and "http://localhost:8123/" in said and "10.1.2.3" not in said


def test_what_cannot_be_served_is_said_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no model at .*none\.keras"):
        app.serve(model=tmp_path / "none.keras", port=free_port())
    with pytest.raises(InputError, match=r"--base-url .* is no path"):
        app.serve(base_url="http://here/?x=1", port=free_port())
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} cannot be used .*--port"):
            app.serve(port=port)
