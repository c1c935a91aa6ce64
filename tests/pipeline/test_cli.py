"""The command line: help that helps, and bad input answered in one sentence with exit code 2."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from outcomes import one_sentence
from tiny_faces import FACES, everything_below, jpeg, truncated, write_folder

from agegender_lib.pipeline import cli


def test_help_imports_nothing_heavy():
    """Help is there at once: importing pandas takes half a second, TensorFlow five."""
    asked = (
        "import sys; from agegender_lib.pipeline import cli\n"
        "for words in (['--help'], ['predict', '--help'], ['train', 'model_a', '--epoch', '3']):\n"
        "    try: cli.main(words)\n"
        "    except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'PIL', 'keras', 'papermill', 'optuna'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "Find the faces of photographs" in " ".join(answer.stdout.split())


def test_check_says_what_was_used_and_lists_what_was_not(agegender, tmp_path):
    files = {**FACES, "notes.txt": b"x", "1_2_3.jpg": jpeg(1), f"20_1_1_{'1' * 17}.jpg": truncated()}
    folder = write_folder(tmp_path / "faces", files)
    code, out, _ = agegender("data", "check", folder, "--rejected", tmp_path / "rejected.csv")
    assert code == 0
    assert "5 faces used, 3 files rejected" in out and "ages 4 to 116 years" in out
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert set(rejected["file"]) == set(files) - set(FACES)
    assert rejected["reason"].str.len().min() > 5


def test_check_says_how_a_table_of_labels_was_read(agegender, tmp_path):
    rows = [("20-29", "Male", "White"), ("3-9", "Female", "Indian"), ("old", "Male", "White")]
    text = "".join(f"train/{n}.jpg,{','.join(row)},False\n" for n, row in enumerate(rows))
    table = (
        write_folder(tmp_path, {"labels.csv": ("file,age,gender,race,service_test\n" + text).encode()}) / "labels.csv"
    )
    faces = write_folder(tmp_path / "faces", {f"train/{n}.jpg": jpeg(n) for n in range(3)})
    check = ("data", "check", faces, "--labels", table)
    one_sentence(agegender(*check), "1 of the 3 rows", "no number and no range (row 4)", "--allow-rejected")
    code, out, _ = agegender(*check, "--allow-rejected")
    assert code == 0
    for words in ("2 faces used, 1 files rejected", "(FairFace)", "ages 3 to 29 years", "race: Indian 1, White 1"):
        assert words in out
    one_sentence(agegender("train", "model_a", "--labels", table), "of no faces", "--data")


def test_render_draws_what_was_asked_for(agegender, tmp_path):
    code, out, _ = agegender("data", "render", tmp_path / "drawn", "--count", 3, "--seed", 4)
    assert code == 0 and "3 drawn faces" in out
    assert len(list((tmp_path / "drawn").iterdir())) == 3
    one_sentence(agegender("data", "render", tmp_path / "drawn", "--count", 4), "already holds")


@pytest.mark.parametrize("verb", [("data", "check"), ("train", "model_a", "--data"), ("report", "--data")])
def test_a_source_that_is_not_there_is_refused(agegender, tmp_path, verb):
    one_sentence(agegender(*verb, tmp_path / "nowhere"), "nowhere", "does not exist")
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "found"), [("synthetic_face: 10\n", "did you mean synthetic_faces"), ("model_a: {epoch: 3}\n", "'epoch'")]
)
def test_a_profile_that_makes_no_sense_is_refused(agegender, tmp_path, text, found):
    profile, faces = tmp_path / "mine.yaml", write_folder(tmp_path / "faces", FACES)
    profile.write_text(text)
    command = ("train", "model_a", "--data", faces, "--profile", profile, "--runs", tmp_path / "runs")
    one_sentence(agegender(*command), found)
    assert not list((tmp_path / "runs").glob("*/*.keras"))


def test_weights_that_cannot_be_used_are_refused(agegender, tmp_path):
    weights, faces = tmp_path / "mine.weights.h5", write_folder(tmp_path / "faces", FACES)
    weights.write_bytes(b"text")
    command = ("train", "model_b", "--data", faces, "--weights", weights, "--runs", tmp_path / "runs")
    one_sentence(agegender(*command), "mine.weights.h5")


def test_a_report_refuses_weights_that_do_not_fit_before_it_trains(agegender, tmp_path):
    import keras

    weights = tmp_path / "mine.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(weights)
    profile, faces = tmp_path / "mine.yaml", write_folder(tmp_path / "faces", FACES)
    profile.write_text("validation: 2\nmodel_b: {architecture: {backbone: vgg16}}\n")
    answer = agegender("report", "--data", faces, "--profile", profile, "--weights", weights)
    one_sentence(answer, "mine.weights.h5", "does not fit", "'block1_conv1'")
    assert not (tmp_path / "build").exists()


def test_a_converted_model_answers_the_same(agegender, tmp_path):
    import keras

    from agegender_lib.models import add_test_time_augmentation, build_model_a

    model = add_test_time_augmentation(build_model_a(widths=(8,), stem=8, image_size=32))
    model.save(tmp_path / "one.keras")
    assert agegender("convert", tmp_path / "one.keras", tmp_path / "two.h5")[0] == 0
    assert agegender("convert", tmp_path / "two.h5", tmp_path / "three.keras")[0] == 0
    pixels = np.random.default_rng(0).random((2, 128, 128, 3), dtype="float32")
    wanted = model.predict(pixels, verbose=0)
    for name in ("two.h5", "three.keras"):
        found = keras.models.load_model(tmp_path / name, compile=False).predict(pixels, verbose=0)
        for answer, one in zip(found, wanted, strict=True):
            np.testing.assert_allclose(answer, one, rtol=1e-5)
    for name in ("three.keras", "four.pb", "no/five.h5"):
        one_sentence(agegender("convert", tmp_path / "one.keras", tmp_path / name), Path(name).name)
    one_sentence(agegender("convert", tmp_path / "none.h5", tmp_path / "six.h5"), "none.h5")


def test_unknown_words_end_in_usage_and_exit_code_2(agegender):
    for words in (["fly"], ["train", "model_c"], ["report", "--speed", "9"], [], ["data"]):
        code, _, complaint = agegender(*words)
        assert code == 2 and "usage:" in complaint


@pytest.mark.parametrize(
    ("verb", "goes_on"), [("train model_a", True), ("data check x", False), ("convert a b", False)]
)
def test_an_interrupt_promises_only_what_is_true(agegender, monkeypatch, verb, goes_on):
    def stopped(*_):
        raise KeyboardInterrupt

    for called in ("pipeline.data_commands.data_of", "reporting.profiles.read_profile", "models.load_model"):
        monkeypatch.setattr(f"agegender_lib.{called}", stopped)
    code, _, said = agegender(*verb.split())
    assert code == 130 and said.strip() == f"agegender: {cli.RESUMED if goes_on else cli.INTERRUPTED}"
    assert ("goes on" in said) == goes_on


def test_a_name_that_the_terminal_has_no_letters_for_ends_no_command(agegender, tmp_path, monkeypatch):
    faces = write_folder(tmp_path / "写真", FACES)
    screen = io.TextIOWrapper(io.BytesIO(), "cp1252", write_through=True)
    monkeypatch.setattr(sys, "stdout", screen)
    assert agegender("data", "check", faces)[0] == 0
    assert r"\u5199\u771f: 5 faces used" in screen.buffer.getvalue().decode("cp1252")
