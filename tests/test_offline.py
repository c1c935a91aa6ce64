"""No test, and nothing that a test starts, reaches another machine: attempts are refused and noted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ELSEWHERE = "http://example.org/weights.h5"
REACH = f"import urllib.request; urllib.request.urlopen({ELSEWHERE!r}, timeout=5)"


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A file of notes of its own, so that these attempts do not fail the session."""
    monkeypatch.setenv("AGEGENDER_NETWORK_NOTES", str(tmp_path / "notes.txt"))
    return tmp_path / "notes.txt"


def test_an_attempt_from_a_process_that_a_test_starts_is_refused_and_noted(notes):
    done = subprocess.run([sys.executable, "-c", REACH], capture_output=True, text=True)
    assert done.returncode == 1 and "stay on this machine" in done.stderr
    assert "example.org from " in notes.read_text()


@pytest.mark.parametrize("processes", ["0", "1"])
def test_an_attempt_that_nobody_sees_fails_the_session(processes, tmp_path):
    """As where a download is tried, fails, and something goes on without it."""
    shutil.copy(HERE / "conftest.py", tmp_path)
    shutil.copytree(HERE / "offline", tmp_path / "offline")
    (tmp_path / "test_silent.py").write_text(
        f"import contextlib\n\n\ndef test_silent():\n    with contextlib.suppress(OSError):\n        {REACH}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", processes, "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "1 passed" in done.stdout and done.returncode == 1
    assert "these wanted to reach another machine" in done.stdout and "example.org from " in done.stdout
