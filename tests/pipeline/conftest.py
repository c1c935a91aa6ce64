"""The command line, called in process."""

import pytest

from agegender_lib import folders
from agegender_lib.data import SYNTHETIC_FACES
from agegender_lib.pipeline import cli


@pytest.fixture
def agegender(tmp_path, monkeypatch, capsys):
    """Call the command line in process; returns exit code, what it printed and what it complained."""
    monkeypatch.setattr("agegender_lib.data.load_sources.__defaults__", (tmp_path / "cache", False))
    monkeypatch.setattr("agegender_lib.data.load_faces.__defaults__", (tmp_path / "cache",))
    monkeypatch.setattr("agegender_lib.data.load_dataset.__defaults__", ("", SYNTHETIC_FACES, tmp_path / "cache"))
    monkeypatch.setattr(folders, "BUILD", tmp_path / "build")

    def call(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse's way out
            code = leaving.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
