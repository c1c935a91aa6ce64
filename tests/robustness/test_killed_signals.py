"""A report that is stopped ends cleanly, with a sentence, and takes its notebook's kernel along."""

import os
import signal
import subprocess
import sys
import time

import pytest
from made_notebooks import write_notebook

from agegender_lib import folders
from agegender_lib.pipeline.execute import NotebookFailed, execute

# a notebook's kernel is in a session of its own: what reaches the group of the command does not reach it
CHILD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from agegender_lib.pipeline import chapters, cli, report

work = Path(sys.argv[1])
chapters.notebooks = lambda: [work / "01_long.ipynb"]
report._faces_and_profile = lambda data, profile: (SimpleNamespace(synthetic=True, fingerprint="f"), "quick")
report._check_early = lambda *_, **__: None
report._located = str  # which would import Keras
sys.exit(cli.main(["report", "--output", str(work / "report")]))
"""
LONG = """
import os, time
from pathlib import Path
from agegender_lib.lock import alone
with alone(Path(output).parent / "training.lock", "it"):
    Path(output, "kernel.pid.part").write_text(str(os.getpid()))
    os.rename(Path(output, "kernel.pid.part"), Path(output, "kernel.pid"))
    time.sleep(120)
"""


@pytest.fixture
def long(tmp_path):
    """A report whose only notebook takes two minutes: its process, its kernel's number, its folder."""
    write_notebook(tmp_path, "01_long", LONG)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.pdf").write_bytes(b"the previous one")
    (tmp_path / "build" / "chapters").mkdir(parents=True)
    with open(tmp_path / "said.txt", "w") as said:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            env={**os.environ, "AGEGENDER_WORK": str(tmp_path), "PYTHONPATH": str(folders.ROOT)},
            stdout=said,
            stderr=said,
            start_new_session=True,
            # who starts the tests in the background may have told them to ignore control-C, and children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    number = tmp_path / "build" / "chapters" / "kernel.pid"
    assert within(60, lambda: number.exists() or child.poll() is not None) and child.poll() is None
    yield child, int(number.read_text()), tmp_path
    child.kill()
    child.wait()


def test_a_kernel_that_is_killed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "EXECUTED", tmp_path / "executed")
    notebook = write_notebook(tmp_path, "09_greedy", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(NotebookFailed, match=r"09_greedy.ipynb was cut off, because its kernel was killed"):
        execute(notebook, {})
    assert [path.name for path in (tmp_path / "executed").iterdir()] == ["09_greedy.ipynb"]


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return met


def gone(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    # a container without an init keeps the dead whose parent is gone
    with open(f"/proc/{number}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks for processes where Linux shows them")
@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["control-C", "terminated"]
)
def test_a_report_that_is_stopped(long, sign, code):
    child, kernel, work = long
    assert not gone(kernel)
    os.killpg(child.pid, sign)
    assert child.wait(30) == code
    assert within(1, lambda: gone(kernel))
    said = (work / "said.txt").read_text().strip().splitlines()
    assert said[-1] == "agegender: interrupted; the same command goes on where it stopped"
    assert "Traceback" not in "\n".join(said)
    assert [path.name for path in (work / "report").iterdir()] == ["report.pdf"]
    assert (work / "report" / "report.pdf").read_bytes() == b"the previous one"
    assert not list((work / "build").rglob(".*"))


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks for processes where Linux shows them")
def test_a_kernel_whose_report_was_killed_ends_before_the_next_training_would_be_refused(long):
    from agegender_lib.lock import ORPHANED, alone

    child, kernel, work = long
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    with alone(work / "build" / "training.lock", "it", ORPHANED):
        assert within(1, lambda: gone(kernel))
    with alone(work / "report" / ".report.lock", "it"), alone(work / "build" / ".report.lock", "it"):
        pass
