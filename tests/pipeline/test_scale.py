"""The measurement of time and memory against the number of faces."""

import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agegender_lib import folders
from agegender_lib.data import load_faces, split_faces
from agegender_lib.pipeline import cli
from agegender_lib.pipeline.bench import scale, stages

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")


def measured(seconds, memory, stage="import", sizes=(1000, 10_000, 100_000)):
    rows = {"stage": stage, "images": sizes, "seconds": seconds, "processor_seconds": seconds}
    return pd.DataFrame({**rows, "memory_mib": memory, "total_mib": memory})


# What is measured


@LINUX
@pytest.mark.parametrize(
    ("code", "own", "total"),
    [
        ("import numpy as np; a = np.ones(25 * 2**20); time.sleep(0.5)", 200, 200),
        ("import numpy as np; a = np.ones(25 * 2**20); time.sleep(0.5); del a; time.sleep(0.1)", 200, 200),
        ("import numpy as np; a = np.load('mapped.npy', mmap_mode='r'); a.sum(); time.sleep(0.5)", 0, 200),
        ("import numpy as np; a = np.load('mapped.npy'); time.sleep(0.5)", 200, 200),
    ],
)
def test_memory_is_what_a_process_holds_of_its_own_and_with_mapped_files(code, own, total, tmp_path):
    np.save(tmp_path / "mapped.npy", np.ones(25 * 2**20))

    def peak(words):
        with subprocess.Popen([sys.executable, "-c", f"import time; {words}"], cwd=tmp_path) as process:
            return scale.peak_memory(process)

    bare = peak("import numpy; time.sleep(0.5)")
    found = peak(code)
    np.testing.assert_allclose(np.subtract(found, bare), (own, total), atol=25)


def test_a_stage_runs_in_a_process_of_its_own_and_says_how_long_it_took(tiny_archive):
    folder, files = tiny_archive
    found = scale.measure_stage("import", folder)
    assert set(found) == {"seconds", "processor_seconds", "memory_mib", "total_mib"}
    assert found["seconds"] > 0 and found["processor_seconds"] > 0
    (entry,) = (folder / "cache").glob("faces-*")
    assert len(np.load(entry / "images.npy", mmap_mode="r")) == len(files)
    (folder / stages.ARCHIVE).write_bytes(b"no archive")
    with pytest.raises(RuntimeError, match=r"(?s)'open again' ended with code 1: .*damaged"):
        scale.measure_stage("open again", folder)


@pytest.fixture
def tiny_archive(drawn_source, tmp_path):
    """120 drawn faces, packed as the measurement packs them."""
    source, _ = drawn_source
    files = sorted(path.name for path in source.iterdir())[::5]
    scale._pack(source, files, tmp_path / stages.ARCHIVE)
    return tmp_path, files


def test_the_stages_do_what_they_are_called(tiny_archive, monkeypatch):
    folder, files = tiny_archive
    for stage in ("import", "open again"):
        faces = stages.STAGES[stage](folder)()
        assert faces.table["file"].tolist() == sorted(files) and faces.rendered
    pairs = stages.list_duplicates(folder)()
    assert len(pairs) == 0 or {"file_a", "file_b"} <= set(pairs)
    held_out = stages.split(folder)()
    assert held_out.equals(split_faces(faces.table, validation=0.2))
    run = stages.train_epoch(folder)()
    predictions = pd.read_csv(run / "predictions.csv")
    assert len(predictions) == 120 and len(pd.read_csv(run / "history.csv")) == 1
    answers = stages.predict_all(folder)()
    np.testing.assert_allclose(answers["p_female"], predictions["p_female"], atol=1e-4)
    summary, gaps, *by_group = stages.evaluate(folder)()
    assert (summary["n"] == 120).all() and len(gaps) == 20
    assert [table["count"].sum() for table in by_group] == [120] * 4


@pytest.fixture
def no_processes(monkeypatch, tmp_path, drawn_source):
    """A measurement that starts no process and draws no faces; what it was asked for."""
    source, _ = drawn_source
    asked = []

    def stage(name, folder):
        with tarfile.open(folder / stages.ARCHIVE) as archive:
            names = [Path(member).name for member in archive.getnames()]
        asked.append((name, names))
        return {"seconds": len(names) / 1e3, "processor_seconds": len(names) / 1e3, "memory_mib": 500.0,
                "total_mib": 600.0}  # fmt: skip

    monkeypatch.setattr(scale, "measure_stage", stage)
    monkeypatch.setattr(scale, "render_faces", lambda folder, count, seed: source)
    monkeypatch.setattr(folders, "BUILD", tmp_path / "build")
    return asked


def test_every_stage_gets_every_size_and_nothing_is_left_behind(no_processes):
    table = scale.measure_scale([300, 100, 300])
    assert table["images"].tolist() == [100] * 7 + [300] * 7
    assert table["stage"].tolist() == list(stages.STAGES) * 2
    small, large = no_processes[0][1], no_processes[-1][1]
    assert len(set(small)) == 100 and len(set(large)) == 300 and set(small) < set(large)
    assert list(folders.BUILD.iterdir()) == []


def test_the_verb_prints_and_writes_what_was_measured(no_processes, capsys, tmp_path):
    file = tmp_path / "scale.csv"
    assert cli.main(["bench", "scale", "--sizes", "100,200", "--csv", str(file)]) == 0
    said = capsys.readouterr().out
    assert "the budget of 3,072 MiB is kept" in said and "drawn stand-in faces" in said
    assert said.count("train one epoch") == 3
    assert pd.read_csv(file)["images"].tolist() == [100] * 7 + [200] * 7


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--sizes", "1000,many"], "--sizes is '1000,many'"),
        (["--sizes", "50,1000"], "[50, 1000]"),
        (["--csv", "."], "is a folder"),
    ],
)
def test_what_makes_no_sense_is_refused(words, found, capsys):
    assert cli.main(["bench", "scale", *words]) == 2
    complaint = [line for line in capsys.readouterr().err.splitlines() if line.startswith("agegender: ")]
    assert len(complaint) == 1 and found in complaint[0]


# How it grows


def test_the_power_of_growth_is_the_slope_of_the_logarithms():
    table = pd.concat(
        [
            measured([0.1, 10, 1000], [100, 100, 100], "quadratic"),
            measured([2, 20, 200], [50, 500, 5000], "linear"),
            # what it costs for any set hides the growth, but not between the largest sizes
            measured([10.01, 11, 110], [90, 100, 1000], "hidden"),
        ]
    )
    grown = scale.growth(table.sample(frac=1, random_state=1)).set_index("stage")
    assert grown.loc["quadratic", "seconds"] == pytest.approx(2)
    assert grown.loc["quadratic", "memory_mib"] == pytest.approx(0, abs=1e-9)
    assert grown.loc["linear", ["seconds", "processor_seconds", "memory_mib"]].tolist() == pytest.approx(
        [1] * 3
    )
    assert grown.loc["hidden", "seconds"] < 0.6 and grown.loc["hidden", "seconds_last"] == pytest.approx(1)
    assert scale.growth(measured([1], [1], sizes=(100,)))["seconds"].isna().all()


def test_the_conclusions_name_the_worst():
    table = pd.concat(
        [measured([1, 10, 100], [100, 200, 3071]), measured([1, 100, 10_000], [1] * 3, "train")],
        ignore_index=True,
    )
    kept, steepest = scale.conclusions(table, scale.growth(table))
    assert "3,071 MiB, is held by 'import' at 100,000" in kept and kept.endswith("is kept.")
    assert "'train'" in steepest and "power 2.00" in steepest
    table.iloc[1, table.columns.get_loc("memory_mib")] = 3073
    assert "at 10,000 faces: the budget of 3,072 MiB is exceeded" in next(
        scale.conclusions(table, scale.growth(table))
    )
    unknown = table.assign(memory_mib=np.nan)
    assert "does not tell" in next(scale.conclusions(unknown, scale.growth(unknown)))


def test_the_archive_of_a_measurement_is_read_like_any_other(tiny_archive, drawn):
    folder, files = tiny_archive
    found = load_faces(folder / stages.ARCHIVE, folder / "other")
    rows = drawn.table["file"].isin(files)
    assert found.table["file"].tolist() == drawn.table["file"][rows].tolist()
    np.testing.assert_array_equal(found.images, drawn.images[rows.to_numpy()])
