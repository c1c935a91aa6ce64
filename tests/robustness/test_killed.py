"""Killed at any moment, everything is whole, and the same command again comes to what it would have come to.

Each test goes through every moment at which the disk changes, see kill_points; kill_anywhere.py kills real processes
at random moments.
"""

import hashlib
import os
import shutil

import matplotlib.pyplot as plt
import nbformat
import pytest
from explorer_tools import faces_of, write_run
from kill_checks import READERS, UNFINISHED, broken, differences, left_over
from kill_points import kill_points
from tiny_faces import FACES, truncated, write_tar

from agegender_lib import files
from agegender_lib.data import importer, load_faces, synthetic
from agegender_lib.pipeline.export.exporter import export_report
from agegender_lib.pipeline.publish import finish_publishing, publish
from agegender_lib.reporting import report_folder as saving
from agegender_lib.reporting.report_folder import ReportFolder


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


@pytest.fixture
def moments(work, tmp_path):
    """Runs an action that writes in ``work``; gives the folders that kills would have left."""

    def run(action, fewest):
        states, written = kill_points(work, tmp_path / "states", action)
        # or what is tried here would be next to nothing
        assert len(states) >= fewest
        for name in written:
            assert any(UNFINISHED.search(part) for part in name.split(os.sep)), f"{name} is written in place"
        for state in states:
            assert broken(state) == []
        assert left_over(states[-1]) == []
        return states

    return run


def in_place_of(state, work):
    """Make ``work`` what a kill left, because absolute paths count."""
    shutil.rmtree(work)
    shutil.copytree(state, work)
    return work


def test_an_import(work, moments, tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "_BATCH", 2)
    source = write_tar(
        tmp_path / "f.tar", {**FACES, "notes.txt": b"", f"copy/{min(FACES)}": FACES[min(FACES)], "b.jpg": truncated()}
    )
    states = moments(lambda: load_faces(source, work / "cache"), 10)
    for state in states:
        faces = load_faces(source, in_place_of(state, work) / "cache")
        assert len(faces) == 5 and differences(work, states[-1]) == [] and left_over(work) == []
        del faces


def test_drawing_faces(work, moments):
    states = moments(lambda: synthetic.render_faces(work / "faces", 4), 6)
    for state in states:
        synthetic.render_faces(in_place_of(state, work) / "faces", 4)
        assert differences(work, states[-1]) == [] and left_over(work) == []


def test_a_chapter_s_results(work, moments, tmp_path, monkeypatch):
    # the models of this test are none
    for suffix in (".h5", ".keras"):
        monkeypatch.delitem(READERS, suffix)
    # which needs the answers of a whole training
    monkeypatch.setattr(saving, "write_corrections", lambda path, *_: files.write_json(path.with_suffix(".json"), {}))
    faces = faces_of()
    run = write_run(tmp_path / "run", faces)
    for name in ("model.keras", "model.h5"):
        (run / name).write_bytes(name.encode())

    def chapter():
        out = ReportFolder(work / "report", faces)
        figure = plt.figure()
        figure.add_subplot().plot([1, 2])
        out.save_figure(figure, "line")
        plt.close(figure)
        out.save_table(faces.table, "ages")
        out.save_values("data", {"images": 4})
        out.save_run(run, "model_a", "age_gender_A")

    chapter()  # the second time there is something to lose
    states = moments(chapter, 20)
    for state in states[::4]:  # drawing takes its time
        in_place_of(state, work)
        for path in work.rglob("*"):
            # a report clears its folder of what killed ones left
            if path.is_dir():
                files.clear_left_over(path)
        chapter()
        assert differences(work, states[-1]) == [] and left_over(work) == []


def report_folder(folder, word):
    for name in (f"figures/{word}.txt", f"results/{word}.json", "results/same.json", "models/a.txt", "MODEL_CARD.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"{word}"\n')
    (folder / "models" / f"{word}.txt").write_text(word)
    (folder / "report.pdf").write_text(word)
    (folder / "report.ipynb").write_text('{"cells": []}')
    return folder


def test_a_report_that_moves_into_its_folder(work, moments, tmp_path, monkeypatch):
    monkeypatch.delitem(READERS, ".pdf")
    old = report_folder(tmp_path / "old", "old")
    shutil.copytree(old, work)
    new = report_folder(tmp_path / "new", "new")
    # what no report makes, and models of other names, stay
    wanted = shutil.copytree(old, tmp_path / "wanted", ignore=shutil.ignore_patterns("figures", "results"))
    shutil.copytree(new, wanted, dirs_exist_ok=True)
    states = moments(lambda: publish(new, work), 12)
    came_of = set()
    for state in states:
        again = in_place_of(state, tmp_path / "again") if (tmp_path / "again").exists() else None
        again = again or shutil.copytree(state, tmp_path / "again")
        finish_publishing(again)
        whole = [name for name, folder in (("old", old), ("new", wanted)) if not differences(again, folder)]
        assert len(whole) == 1, differences(again, wanted)
        came_of.add(whole[0])
        publish(new, again)
        assert differences(again, wanted) == [] and left_over(again) == []
    assert came_of == {"old", "new"}


def test_an_export(work, moments, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    notebook = tmp_path / "report.ipynb"
    title = nbformat.v4.new_raw_cell("---\ntitle: A title\n---")
    cell = nbformat.v4.new_markdown_cell("A sentence.")
    nbformat.write(nbformat.v4.new_notebook(cells=[title, cell]), notebook)
    (tmp_path / "results").mkdir()
    work.mkdir()
    (work / "report.pdf").write_bytes(export_report(notebook, tmp_path / "other.pdf").read_bytes())
    before = hashlib.sha256((work / "report.pdf").read_bytes()).hexdigest()
    cell.source += " Another."
    nbformat.write(nbformat.v4.new_notebook(cells=[title, cell]), notebook)
    states = moments(lambda: export_report(notebook, work / "report.pdf"), 3)
    found = {hashlib.sha256((state / "report.pdf").read_bytes()).hexdigest() for state in states}
    assert len(found) == 2 and before in found
