"""Chapters run two at a time, in an order that their needs allow, and not again when nothing has changed."""

import json
import time

import pytest
from made_notebooks import write_notebook

from agegender_lib import folders
from agegender_lib.errors import NotebookFailed
from agegender_lib.pipeline.chapters import chapter_keys, done_before, run_chapters

TIMED = """
import json, time
from pathlib import Path
begun = time.time()
{body}
Path(output, "{name}.json").write_text(json.dumps([begun, time.time(), size]))
"""
NAMES = ("01_exploration", "02_model_a", "03_pretrained", "04_comparison", "06_groups")


def write(folder, name, body="time.sleep(0.5)"):
    write_notebook(folder, name, TIMED.format(name=name, body=body), 'output = ""\nsize = 1')


@pytest.fixture
def chapters(tmp_path, monkeypatch):
    """A folder of notebooks, and one for what they make."""
    notebooks, staging = tmp_path / "notebooks", tmp_path / "staging"
    notebooks.mkdir(), staging.mkdir()
    monkeypatch.setattr(folders, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(folders, "EXECUTED", tmp_path / "executed")
    return notebooks, staging


def run(staging, size=1, **options):
    return run_chapters({"output": str(staging), "size": size}, keys_of(size=size), staging, lambda: None, **options)


def times(staging):
    return {path.stem: json.loads(path.read_text()) for path in staging.glob("[0-9]*.json")}


@pytest.mark.parametrize("alone", [False, True])
def test_what_reads_the_models_waits_for_both_and_the_rest_runs_side_by_side(chapters, alone):
    notebooks, staging = chapters
    for name in NAMES:
        write(notebooks, name)
    assert sorted(run(staging, alone=alone)) == list(NAMES)
    found = times(staging)
    trained = max(found["02_model_a"][1], found["03_pretrained"][1])
    assert trained < found["04_comparison"][0] and trained < found["06_groups"][0]
    a, b = found["02_model_a"], found["03_pretrained"]
    assert (a[0] < b[1] and b[0] < a[1]) is not alone
    if alone:
        assert all(found[name][0] > trained for name in NAMES if name not in ("02_model_a", "03_pretrained"))


def test_only_what_has_changed_is_executed_again(chapters):
    notebooks, staging = chapters
    for name in NAMES[:3]:
        write(notebooks, name)
    assert len(run(staging)) == 3 and run(staging) == []
    (staging / "done.json").write_text(json.dumps({"02_model_a": keys_of()["02_model_a"]}))
    assert sorted(run(staging)) == ["01_exploration", "03_pretrained"]  # as after a kill
    assert done_before(staging, keys_of()) is not None
    assert done_before(staging, keys_of(size=2)) is None
    assert done_before(staging, keys_of(fingerprint="others")) is None
    write(notebooks, "02_model_a", "time.sleep(0.1)")
    assert done_before(staging, keys_of()) is None


def keys_of(size=1, fingerprint="faces"):
    return chapter_keys({"size": size}, fingerprint)


def test_a_file_that_a_parameter_names_counts_with_its_content(chapters, tmp_path):
    write(chapters[0], "02_model_a")
    weights = tmp_path / "some.h5"
    weights.write_text("1")
    before = keys_of(str(weights))
    weights.write_text("2")
    assert keys_of(str(weights)) != before


def test_a_chapter_that_fails_ends_the_others(chapters):
    notebooks, staging = chapters
    write(notebooks, "02_model_a", "time.sleep(600)")
    write(notebooks, "03_pretrained", "raise ValueError('no such thing')")
    write(notebooks, "04_comparison")
    begun = time.monotonic()
    with pytest.raises(NotebookFailed, match=r"03_pretrained.*ValueError: no such thing"):
        run(staging)
    assert time.monotonic() - begun < 300
    assert times(staging) == {}
