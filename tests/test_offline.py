"""No test, and nothing that a test starts, reaches another machine: attempts are refused and noted."""

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

HERE = Path(__file__).parent
ELSEWHERE = "http://example.org/weights.h5"
REACH = f"import urllib.request; urllib.request.urlopen({ELSEWHERE!r}, timeout=5)"


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A file of notes of its own, so that these attempts do not fail the session."""
    monkeypatch.setenv("AGEGENDER_NETWORK_NOTES", str(tmp_path / "notes.txt"))
    return tmp_path / "notes.txt"


def test_an_attempt_from_a_test_is_refused_and_noted(notes):
    with pytest.raises(urllib.error.URLError, match="stay on this machine"):
        urllib.request.urlopen(ELSEWHERE)
    assert notes.read_text().startswith("example.org from ")


@pytest.mark.parametrize("address", [("93.184.215.14", 80), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 80)])
def test_an_address_without_a_name_is_refused_too(address, notes):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with (
        socket.socket(family) as connection,
        pytest.raises(ConnectionRefusedError, match="stay on this machine"),
    ):
        connection.connect(address)
    assert address[0] in notes.read_text()


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


def test_this_machine_is_reached(notes):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request).start()
        assert urllib.request.urlopen(f"http://localhost:{server.server_port}").read() == b"here"
    assert not notes.exists()
