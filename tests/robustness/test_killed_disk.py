"""A full disk and a folder that cannot be written are said in a sentence, and nothing that was there is lost."""

import gc
import os
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from kill_checks import broken, left_over
from tiny_faces import jpeg, write_tar

from agegender_lib import folders
from agegender_lib.data import load_faces
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv, write_json
from agegender_lib.pipeline import cli, report

LONG = pd.DataFrame({"x": range(300_000)})


def mounted(folder, options):
    """Mount a file system in memory there, or skip the test."""
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk, and only Linux has this one")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    return folder


@pytest.fixture
def small(tmp_path):
    """A disk of 1 MB."""
    yield mounted(tmp_path / "small", "size=1m")
    subprocess.run(["umount", "-l", str(tmp_path / "small")], check=True)


@pytest.fixture
def closed(tmp_path):
    """A folder on a disk that is read-only, for root too."""
    yield mounted(tmp_path / "closed", "ro,size=1m")
    subprocess.run(["umount", "-l", str(tmp_path / "closed")], check=True)


def refused(error, place, reason="No space left on device"):
    """A sentence that says where, why, and that the same command goes on."""
    text = str(error.value)
    assert str(place) in text and "cannot be written" in text and reason in text
    assert "make room" in text and text.endswith("run the same command again")


def test_an_import_onto_a_full_disk(small, tmp_path):
    # 0.24 MB of pixels as they come, and as much again in order, fit; 0.5 MB do not fit twice
    names = {f"{age}_0_0_2017011618403976{age:02}.jpg.chip.jpg": jpeg(age) for age in range(1, 13)}
    source = write_tar(tmp_path / "f.tar", names)
    with pytest.raises(InputError) as error:
        load_faces(source, small / "cache")
    refused(error, small / "cache")
    del error  # it holds on to the array, and that to its place on the disk
    gc.collect()
    assert list((small / "cache").iterdir()) == []
    kept = write_tar(tmp_path / "few.tar", dict(list(names.items())[:5]))
    assert len(load_faces(kept, small / "cache")) == 5


@pytest.mark.parametrize(
    "write", [lambda path: write_json(path, ["x" * 1000] * 2000), lambda path: write_csv(path, LONG)]
)
def test_a_file_that_does_not_fit_leaves_the_earlier_one(small, write):
    path = small / "file"
    path.write_text("[]\n")
    with pytest.raises(InputError) as error:
        write(path)
    refused(error, small)
    assert path.read_text() == "[]\n" and list(small.iterdir()) == [path]


def test_a_training_on_a_full_disk_goes_on_once_there_is_room(tiny_b, few, small, tmp_path):
    import agegender_lib.quiet  # noqa: F401
    from agegender_lib.training import train

    config, weights = replace(tiny_b[0], stages=tiny_b[0].stages[:1]), tiny_b[1]
    (small / "filler").write_bytes(bytes(2**20 - 60 * 1024))
    with pytest.raises(InputError) as error:
        train(config, few, weights, small, "run")
    refused(error, small / "run")
    assert broken(small) == [] and left_over(small) == [] and not (small / "run" / "metrics.json").exists()
    (small / "filler").unlink()
    train(config, few, weights, small, "run")
    assert (small / "run" / "metrics.json").exists()


@pytest.mark.parametrize("name", ["report", "BUILD", "RUNS", "CACHE"])
def test_a_report_that_could_not_be_kept_is_refused_before_anything_else(name, closed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "_check_early", lambda *_, **__: pytest.fail("too late"))
    for place in ("BUILD", "RUNS", "CACHE"):
        monkeypatch.setattr(folders, place, (closed if place == name else tmp_path) / place)
    output = (closed if name == "report" else tmp_path) / "report"
    assert cli.main(["report", "--output", str(output)]) == 2
    # whatever a package that is imported meanwhile may say before
    said = capsys.readouterr().err
    assert f"agegender: {closed / name} cannot be written (Read-only file system): allow" in said
    assert ("give another --output" in said) == (name == "report")
    assert list(tmp_path.iterdir()) == [closed]
