"""The main job, end to end and tiny: notebooks by papermill, their numbers, the PDF."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from kill_checks import differences
from made_notebooks import write_notebook
from prose import count_words
from pypdf import PdfReader

from agegender_lib import folders
from agegender_lib.evaluation import read_run
from agegender_lib.files import sha256_of
from agegender_lib.pipeline import chapters
from agegender_lib.pipeline import execute as execution
from agegender_lib.pipeline import report as pipeline
from agegender_lib.pipeline.readme import BEGIN, END, with_headline
from agegender_lib.reporting.profiles import read_profile

FACES, HELD_OUT = 240, 60
TINY = {
    "synthetic_faces": FACES,
    "validation_size": HELD_OUT,
    "model_a": {
        "stages": [{"epochs": 3, "learning_rate": 0.002, "warmup_epochs": 1}],
        "ensemble_size": 2,
        "ema_momentum": 0.8,
        "batch_size": 20,
        "architecture": {"widths": [16, 16, 32, 32], "stem": 16, "image_size": 64},
    },
    "model_b": {
        # InceptionV3 would take longer to build, save and load than all else here takes
        "architecture": {"backbone": "mobilenet_vggface2", "image_size": 64},
        "stages": [
            {"epochs": 1, "learning_rate": 0.001, "warmup_epochs": 0, "trainable": "heads"},
            {"epochs": 1, "learning_rate": 0.0003, "warmup_epochs": 0},
        ],
        "ema_momentum": 0.5,
        "significand_bits": None,
        "batch_size": 60,
    },
    "model_f": {
        "architecture": {"image_size": 64},
        "stages": [{"epochs": 2, "learning_rate": 0.003, "trainable": "heads", "cached_features": True}],
        "ema_momentum": 0.5,
        "significand_bits": None,
        "batch_size": 20,
    },
    "weights": "none",
    "weights_f": "none",
    "search_trials": 1,
    "saliency_faces": 12,
    "random_networks": 1,
    "robustness_faces": 5,
    "end_to_end_faces": 4,
}
# Studies share trainings with equal settings, so most of these are there already when a later one asks for them.
SHORT = {
    "validation_size": HELD_OUT,
    "ensemble_size": 1,
    "architecture": {"widths": [8, 8], "stem": 8, "image_size": 48},
    "stages": [{"epochs": 1, "learning_rate": 0.002}],
}
ORIGINAL = {**SHORT, "architecture": {"variant": "original", "filters": [4, 4], "dense": 8, "image_size": 32}}
STUDIES = {
    "recipe_study": (SHORT, "optimizer", {"Muon": {}, "AdamW": {"optimizer": "adamw"}}),
    "claims_study": (
        ORIGINAL,
        "branches split",
        {
            "at the input": {"architecture": {"split_after": 0}},
            "at the heads": {"architecture": {"split_after": 3}, "gradient_batches": 2},
        },
    ),
    "faces_study": (SHORT, "ModelA", {"180": {}, "60": {"train_size": 60}}),
    "heads_study": (SHORT, "heads", {"Muon": {}, "AdamW": {"optimizer": "adamw"}}),
    "folds_study": (
        {name: value for name, value in SHORT.items() if name != "validation_size"},
        "ModelA",
        {"single split": {"validation_size": HELD_OUT}, "fold 1": {"fold": "1/2"}, "fold 2": {"fold": "2/2"}},
    ),
}


def written(folder, name, content):
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))  # the first choice is the reference
    return str(path)


def a_study(base, name, variants):
    factor = {"name": name, "question": "Which?", "variants": variants}
    return {
        "model": "model_a",
        "base": base,
        "seeds": [1, 2] if name == "heads" else [1],  # two where their spread is looked at
        "factors": [factor],
    }


def tiny_studies(folder):
    """Parameters of the chapters that name studies: files in the folder, of trainings of seconds."""
    space = {
        "model": "model_a",
        "base": SHORT,
        "parameters": {
            "stages.0.learning_rate": {"low": 0.0005, "high": 0.01, "log": True},
            "optimizer": {"choices": ["adamw", "muon"]},
        },
    }
    studies = {name: written(folder, name, a_study(*study)) for name, study in STUDIES.items()}
    return {**studies, "search_space": written(folder, "space", space)}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder in which `python -m agegender_lib report` was run."""
    work = tmp_path_factory.mktemp("work")
    profile = written(work, "tiny", {**TINY, **tiny_studies(work)})
    started(work, "-m", "agegender_lib", "report", "--profile", profile, "--output", work / "report")
    return work


def started(home, *words, hashes="1"):
    """What a Python with a working folder and hashes of strings of its own says."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, "AGEGENDER_WORK": str(home), "PYTHONHASHSEED": hashes},
        cwd=folders.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


CHAPTERS = """
import sys
from agegender_lib import folders
from agegender_lib.pipeline.execute import execute
from agegender_lib.reporting.profiles import read_profile

values = read_profile(sys.argv[1]) | {"profile": sys.argv[1], "output": sys.argv[2]}
for name in sys.argv[3:]:
    execute(folders.NOTEBOOKS / f"{name}.ipynb", values)
"""


def test_the_same_chapters_give_the_same_and_train_nothing_twice(work):
    """Elsewhere, with other hashes of strings: faces are drawn anew, what was trained is there."""
    home, model_a = work / "elsewhere", results(work, "model_a")["run"]
    shutil.copytree(work / "runs", home / "runs")
    chapters = ("02_model_a",)
    started(home, "-c", CHAPTERS, work / "tiny.yaml", home / "report", *chapters, hashes="77")
    assert {path.name for path in (home / "runs").iterdir()} == {path.name for path in (work / "runs").iterdir()}
    first, second = (next((place / "cache").glob("rendered-*")) for place in (work, home))
    assert first.name == second.name
    for name in ("images.npy", "table.csv"):  # meta.json holds the source's place and time as well
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    for folder, fewest in ((f"runs/{model_a}", 6), ("report/figures", 4), ("report/results", 4)):
        # the other chapters, which were not repeated, have left more
        more = ("only in", "made_from.json")
        found = [line for line in differences(work / folder, home / folder) if not line.startswith(more)]
        assert found == []
        assert len([path for path in (home / folder).rglob("*") if path.is_file()]) >= fewest
    then, now = (results(place, "made_from")["chapters"] for place in (work, home))
    assert now == {name: then[name] for name in chapters}


def table(work, name):
    return pd.read_csv(work / "report" / "results" / f"{name}.csv")


def results(work, name):
    return json.loads((work / "report" / "results" / f"{name}.json").read_text())


def test_the_numbers_are_those_of_the_runs(work):
    metrics = table(work, "metrics").set_index(["model", "metric"])
    paired = table(work, "paired").set_index(["second", "metric"])
    paired = paired[paired["first"] == "ModelA"]
    for name, pair, side in (("model_a", "ModelB", "a"), ("model_b", "ModelB", "b"), ("model_f", "ModelF", "b")):
        run = read_run(work / "report" / "results" / "runs" / name)
        assert len(run.predictions) == FACES and len(run.validation) == HELD_OUT
        error = (run.validation["age_predicted"] - run.validation["age"]).abs().mean()
        right = ((run.validation["p_female"] >= 0.5) == (run.validation["gender"] == 1)).mean()
        quoted = metrics.loc[f"Model{name[-1].upper()}"]
        assert quoted.loc["age_mae", "value"] == pytest.approx(error, rel=1e-5)
        assert quoted.loc["gender_accuracy", "value"] == pytest.approx(right, rel=1e-5)
        assert quoted.loc["age_mae", "low"] < error < quoted.loc["age_mae", "high"]
        assert paired.loc[(pair, "age_mae"), side] == pytest.approx(error, rel=1e-5)
        assert results(work, name)["epochs"] == len(run.history)
    headline = pd.read_csv(work / "report" / "results" / "headline.csv").set_index(["model", "source"])
    assert headline.loc[("ModelA", "this work"), "age_mae"] == metrics.loc[("ModelA", "age_mae"), "value"]
    assert headline.loc[("ModelB", "original report"), "gender_accuracy"] == 0.903
    train = read_run(work / "report" / "results" / "runs" / "model_a").train
    constant = headline.loc[("Constant baseline", "median age, majority gender")]
    run = read_run(work / "report" / "results" / "runs" / "model_a")
    median_error = np.abs(run.validation["age"] - train["age"].median()).mean()
    assert constant["age_mae"] == pytest.approx(median_error, rel=1e-5)


@pytest.fixture(scope="module")
def pages(work):
    """The words of each page of the PDF."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(work / "report" / "report.pdf").pages]


def test_everything_made_from_drawn_faces_says_so(work, pages):
    for path in (work / "report" / "results").glob("*.csv"):
        assert pd.read_csv(path)["data"].str.contains("synthetic stand-in faces").all(), path
    for path in (work / "report" / "results").glob("*.json"):
        assert "synthetic stand-in faces" in json.loads(path.read_text())["made_from"], path
    assert all("synthetic stand-in faces" in page for page in pages)
    for page in ("MODEL_CARD.md", "DATA_SHEET.md"):
        card = (work / "report" / page).read_text(encoding="utf-8")
        assert "synthetic stand-in faces, not photographs" in card[: card.index("\n## ")]
    # and no model of theirs is put where users look for one
    assert not (work / "report" / "models").exists()


def test_the_pdf_is_whole(work, pages):
    text = " ".join(pages)
    assert 20 <= len(pages) <= 36
    for title in (
        "Introduction", "Dataset and augmentation", "Our own CNN", "Pre-trained CNN", "Summary and discussion",
        "References", "For whom it works", "How far to trust a prediction", "What the labels allow", "Model card",
        "Data sheet",
    ):  # fmt: skip
        assert title in text
    a = table(work, "headline").iloc[0]
    assert f"(MAE) of {a['age_mae']:.2f} years" in text
    assert f"{100 * a['gender_accuracy']:.1f}" in text
    assert "started from random weights, as asked" in text
    assert "Figure 12" in text and "Table 1" in text and "{{" not in text and "??" not in text


def test_the_prose_has_the_length_the_brief_asks_for(work):
    # beside its own figures: the report of the repository may have others
    assert 1200 <= count_words(work / "build" / "chapters" / "report.ipynb") <= 1500


def test_the_executed_notebooks_show_their_pictures(work):
    for name, fewest in (
        ("01_exploration", 4), ("02_model_a", 4), ("03_pretrained", 3), ("04_comparison", 4), ("05_ablations", 3),
        ("06_groups", 6), ("07_trust", 8), ("08_labels", 3), ("09_explorer", 1), ("11_strangers", 2),
    ):  # fmt: skip
        cells = nbformat.read(work / "build" / "notebooks" / f"{name}.ipynb", as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        assert sum("image/png" in output.get("data", {}) for output in outputs) >= fewest, name
        told = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stderr")
        # nothing but the loud word about random weights may be printed to the error stream
        assert "\b" not in told and len(told) < 2000, told


@pytest.mark.parametrize("name", [name.removesuffix("_study") + "_quick" for name in STUDIES])
def test_the_quick_studies_can_be_built(name):
    """The report above has studies of its own; a choice that no network can follow would be found by users only."""
    from agegender_lib.training import build_network
    from agegender_lib.training.ablations import read_study
    from agegender_lib.training.network import check_stages

    configs = {repr((t.config.model, t.config.architecture, t.config.stages)): t.config for t in read_study(name).runs}
    for config in configs.values():
        check_stages(build_network(config), config)


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A report folder, and a pipeline whose last notebook fails."""
    report = tmp_path / "report"
    (report / "results").mkdir(parents=True)
    (report / "results" / "data.json").write_text("{}")
    (report / "report.pdf").write_bytes(b"the previous one")
    code = "from agegender_lib.errors import InputError\nraise InputError('the moon is missing: wait')"
    notebook = write_notebook(tmp_path, "01_broken", code)
    monkeypatch.setattr(chapters, "notebooks", lambda: [notebook])
    faces = SimpleNamespace(synthetic=True, fingerprint="f")
    monkeypatch.setattr(pipeline, "_faces_and_profile", lambda data, profile: (faces, "quick"))
    monkeypatch.setattr(pipeline, "_check_early", lambda *_, **__: None)
    monkeypatch.setattr(folders, "BUILD", tmp_path / "build")
    monkeypatch.setattr(execution.folders, "EXECUTED", tmp_path / "build" / "notebooks")
    return tmp_path


@pytest.mark.parametrize("speed", [1, 0.5])
def test_a_long_report_says_first_how_long_it_will_train(speed, few, monkeypatch, capsys):
    monkeypatch.setattr("agegender_lib.training.build_network", lambda *_: None)
    monkeypatch.setattr("agegender_lib.training.published.machine_speed", lambda: speed)
    table = few.table.sample(23705, replace=True, random_state=0, ignore_index=True).assign(duplicate_group=-1)
    pipeline._check_early(read_profile("full") | {"retrain": False}, replace(few, table=table), build=True)
    said = capsys.readouterr().out
    assert "training ModelA, ModelB, ModelF will take about" in said
    assert float(re.search(r"about (\S+) hours on this machine", said)[1]) == pytest.approx(4.6 / speed, rel=0.02)


def test_a_report_that_fails_leaves_the_previous_one_and_says_why(broken, capsys):
    from agegender_lib.pipeline import cli

    code = cli.main(["report", "--output", str(broken / "report")])
    assert code == 2 and "agegender: the moon is missing: wait" in capsys.readouterr().err
    assert (broken / "report" / "report.pdf").read_bytes() == b"the previous one"
    assert (broken / "report" / "results" / "data.json").read_text() == "{}"


def test_publishing_replaces_what_is_generated_by_what_is_shown_and_keeps_the_rest(tmp_path):
    staging, output = tmp_path / "staging", tmp_path / "report"
    new = "figures/new.svg figures/other.svg results/new.json results/shown.csv results/new.csv results/strangers_x.csv"
    new += " models/a.keras"
    old = "figures/old.svg results/old.json models/a.keras models/b.keras report.ipynb"
    for folder, files in ((staging, new), (output, old)):
        for file in files.split():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(folder.name)
    cell = nbformat.v4.new_markdown_cell('{{ row("shown").x }} new {{ x["y"] }} ![one](figures/new.svg)')
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), staging / "report.ipynb")
    pipeline.publish(staging, output)
    found = {str(path.relative_to(output)): path.read_text() for path in output.rglob("*") if path.is_file()}
    shown = "figures/new.svg results/new.json results/shown.csv models/a.keras results/strangers_x.csv".split()
    assert found == {**dict.fromkeys(shown, "staging"), "models/b.keras": "report", "report.ipynb": "report"}


def test_a_study_kept_in_the_repository_outlives_a_report_that_does_not_show_it(tmp_path, monkeypatch):
    staging, output = tmp_path / "staging", tmp_path / "report"
    for folder, name in (staging, "shown"), (output, "shown"), (output, "kept"):
        study = folder / "results/ablations" / name
        study.mkdir(parents=True)
        (study / "runs.csv").write_text(study.parts[-4])
    (staging / "figures").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), staging / "report.ipynb")
    monkeypatch.setattr(folders, "REPORT", output)
    pipeline.publish(staging, output)
    kept = {path.parent.name: path.read_text() for path in output.rglob("runs.csv")}
    assert kept == {"shown": "staging", "kept": "report"}


def test_what_was_measured_elsewhere_is_that_of_the_same_models_or_left_out(tmp_path, monkeypatch):
    report, staging = tmp_path / "report", tmp_path / "staging"
    for folder, name in (report, "results"), (staging, "results"), (staging, "models"), (report, "models"):
        (folder / name).mkdir(parents=True)
    models = [staging / "models/a.keras", report / "models/age_gender_P.keras"]  # the latter is no part of a report
    for model in models:
        model.write_bytes(b"weights")
    judged = {"models": [{"file": f"report/models/{model.name}", "sha256": sha256_of(model)} for model in models]}
    (report / "results/other_faces.json").write_text(json.dumps(judged))
    (report / "results/other_faces.csv").write_text("model")
    (report / "figures").mkdir()
    (report / "results/strangers.json").write_text(json.dumps(judged))
    for name in ("results/strangers_gaps.csv", "figures/strangers.svg"):
        (report / name).write_text("committed")
    monkeypatch.setattr(folders, "REPORT", report)
    monkeypatch.setattr(folders, "MODELS", report / "models")
    pipeline._keep_elsewhere(staging)
    assert (staging / "results/other_faces.csv").read_text() == "model"
    for name in ("results/strangers_gaps.csv", "figures/strangers.svg"):
        assert (staging / name).read_text() == "committed"
        (staging / name).write_text("measured anew")
    pipeline._keep_elsewhere(staging)
    assert (staging / "results/strangers_gaps.csv").read_text() == "measured anew"
    shutil.rmtree(staging / "results")
    (staging / "models/a.keras").write_bytes(b"others")
    pipeline._keep_elsewhere(staging)
    assert not (staging / "results").exists()


def test_the_readme_shows_the_committed_results():
    readme = (folders.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(BEGIN) == readme.count(END) == 1
    assert with_headline(readme, folders.REPORT / "results") == readme


def test_the_committed_report_keeps_its_promises():
    data = json.loads((folders.REPORT / "results" / "data.json").read_text())
    assert data["rendered"] is False and data["images"] == 5000
    headline = pd.read_csv(folders.REPORT / "results" / "headline.csv").query("source == 'this work'")
    for row, most_years in zip(headline.itertuples(), (6.3, 6.5, 4.9), strict=True):
        assert row.age_mae <= most_years and row.gender_accuracy >= 0.895
    assert 1200 <= count_words(folders.REPORT / "report.ipynb") <= 1500
    elsewhere = json.loads((folders.REPORT / "results" / "other_faces.json").read_text())["models"]
    assert [one["model"] for one in elsewhere] == [f"age_gender_{name}" for name in "ABFP"]
    for one in elsewhere:  # else judge them again: docs/faces.md has the command
        assert one["sha256"] == sha256_of(folders.MODELS / Path(one["file"]).name)
        # ModelP's training is not among the published runs
        assert one["faces_seen_in_training"] == (None if one["model"][-1] == "P" else 0)
        assert one["data"]["images"] == 2500
    strangers = json.loads((folders.REPORT / "results" / "strangers.json").read_text())
    for one in strangers["models"]:  # else run chapter 11 again with other_faces
        assert one["sha256"] == sha256_of(folders.MODELS / one["file"])
    assert (strangers["source_images"], strangers["target_images"]) == (1000, 2500)
    for name, largest in (("A.keras", 15), ("A.h5", 15), ("B.keras", 50), ("F.keras", 50)):
        assert 0 < (folders.MODELS / f"age_gender_{name}").stat().st_size <= largest * 1e6
