"""One process at a time: a lock says who has it, lets go with its process, and is waited for where that helps."""

import os
import re
import subprocess
import sys
import threading
import time

import pytest
from tiny_faces import FACES, write_folder

from agegender_lib import folders
from agegender_lib.data import importer, load_faces
from agegender_lib.errors import InputError
from agegender_lib.lock import Busy, alone

HOLDER = """
import sys, time
from agegender_lib.lock import alone
with alone(sys.argv[1], "it"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds the lock."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a.lock")],
        env={**os.environ, "PYTHONPATH": str(folders.ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()


def test_the_second_is_told_who_has_it(holder, tmp_path):
    with pytest.raises(Busy) as told, alone(tmp_path / "a.lock", "the training x"):
        pass
    said = rf"the training x is being worked on by process {holder.pid} on \S+ since \d{{4}}-\d\d-\d\d \S+: "
    assert re.match(said + "wait until it has finished, or stop it$", str(told.value))
    assert isinstance(told.value, InputError)


def test_what_a_killed_process_leaves_locks_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / "a.lock").exists()
    with alone(tmp_path / "a.lock", "it"), pytest.raises(Busy, match=f"process {os.getpid()} on"):
        with alone(tmp_path / "a.lock", "it"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_two_imports_of_one_source_decode_it_once(tmp_path, monkeypatch):
    folder, decoded, found = write_folder(tmp_path / "f", FACES), [], []
    inside = threading.Event()
    real = importer.decode_face

    def slow(data):
        inside.set()
        decoded.append(1)
        time.sleep(0.05)
        return real(data)

    monkeypatch.setattr(importer, "decode_face", slow)
    first = threading.Thread(target=lambda: found.append(load_faces(folder, tmp_path / "cache")))
    first.start()
    inside.wait(20)
    found.append(load_faces(folder, tmp_path / "cache"))
    first.join()
    assert len(decoded) == 5 and [len(faces) for faces in found] == [5, 5]
    assert len(list((tmp_path / "cache").iterdir())) == 1
