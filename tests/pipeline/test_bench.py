"""The verb bench: ratios, the original's loading, what a bare step is, and what is printed."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from tiny_faces import picture

from agegender_lib import folders
from agegender_lib.data import load_faces, render_faces
from agegender_lib.models import FaceAugmentation
from agegender_lib.pipeline import cli
from agegender_lib.pipeline.bench import measure as bench
from agegender_lib.pipeline.bench import original as bench_original
from agegender_lib.pipeline.bench import single as bench_single
from agegender_lib.pipeline.bench import training as bench_training
from agegender_lib.pipeline.bench import words as bench_words
from agegender_lib.pipeline.bench.fit import WARM_UP, Repeated, StopAfter, fit_pace
from agegender_lib.pipeline.bench.timing import Rounds, Variant, added, in_turn, pace, speeds
from agegender_lib.pipeline.bench.training import BARE, ORIGINAL, OURS
from agegender_lib.training import configure
from agegender_lib.training.batches import Batches

SLOW, FAST, BARE_STEP = (Variant(what, "m", "float32") for what in ("slow", "fast", "bare"))
# 8 channels and a training step end TensorFlow 2.21 with oneDNN in a corrupted memory, 16 do not
TINY = {
    "original": {
        **bench_training.SETTINGS["original"],
        "builder": {"variant": "original", "filters": (2,), "dense": 2, "side": 32},
    },
    "ModelA": {"builder": {"widths": (16,), "stem": 16, "side": 32}, "precision": "float32"},
}
# what Keras's own generator calls
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    return load_faces(render_faces(folder / "faces", 5), folder / "cache")


@pytest.fixture
def tiny(monkeypatch):
    """Networks that take a moment to build, in one arithmetic."""
    monkeypatch.setattr(bench_training, "SETTINGS", TINY)
    monkeypatch.setattr(bench_training, "fast_precision", lambda: "float32")


def a_clock(*ticks):
    """Answers (clock, processor) seconds, one after the other; the processor works half the time."""
    times = iter(ticks)
    return lambda: np.array([1.0, 0.5]) * next(times)


def planted():
    """Seconds per image over three rounds; in the last one the machine is ten times as slow."""
    slowness = np.array([[1.0], [1.1], [10.0]])
    clock = slowness * [[0.040, 0.010, 0.008]]
    return Rounds.of((SLOW, FAST, BARE_STEP), clock, clock / 2)


def test_speeds_are_medians_and_ratios_are_taken_within_a_round():
    table = speeds(planted(), SLOW).set_index("what")
    np.testing.assert_allclose(table["ratio"], [1, 4, 5])
    np.testing.assert_allclose(table["images_per_second"], 1 / (1.1 * np.array([0.040, 0.010, 0.008])))
    np.testing.assert_allclose(table["ms_per_image"], [44, 11, 8.8])
    np.testing.assert_allclose(table["processor_ms_per_image"], [22, 5.5, 4.4])
    # a round in which only the reference was disturbed moves no median
    rounds = planted()
    rounds.clock.loc[1, [tuple(SLOW)]] *= 7
    assert speeds(rounds, SLOW).set_index("what")["ratio"]["fast"] == pytest.approx(4)


def test_what_is_added_is_a_share_of_the_bare_step():
    np.testing.assert_allclose(added(planted().clock, FAST, BARE_STEP), 0.25)
    np.testing.assert_allclose(added(planted().clock, BARE_STEP, FAST), -0.2)


def test_a_pace_counts_its_steps_and_makes_at_least_two():
    steps = []
    # three steps of 2 s, of which the third ends after the 5 s asked for
    found = pace(lambda: steps.append(1), 4, 5, a_clock(100, 102, 104, 106))
    assert len(steps) == 3
    np.testing.assert_allclose(found, [6 / 12, 3 / 12])
    np.testing.assert_allclose(pace(lambda: None, 4, 0, a_clock(0, 9, 10)), [10 / 8, 5 / 8])


def test_variants_take_turns_and_the_cold_measurement_does_not_count():
    asked = []

    def measuring(name, *answers):
        left = iter(answers)

        def measure(seconds):
            asked.append((name, seconds))
            return np.array([next(left), 0.5])

        return measure

    found = in_turn({SLOW: measuring("slow", 99, 4, 5), FAST: measuring("fast", 99, 1, 2)}, 2, 3.0)
    assert asked == [("slow", 0), ("fast", 0), ("slow", 3), ("fast", 3), ("slow", 3), ("fast", 3)]
    assert found.clock[tuple(SLOW)].tolist() == [4, 5] and found.clock[tuple(FAST)].tolist() == [1, 2]
    assert (found.processor == 0.5).all(axis=None)


def test_a_fit_is_timed_after_its_warm_up_only():
    time = {"now": 0.0}
    watch = StopAfter(5, lambda: np.array([1.0, 0.5]) * time["now"])
    watch.set_model(SimpleNamespace(stop_training=False))
    for step, took in enumerate([100.0] * WARM_UP + [2.0] * 3):
        assert not watch.model.stop_training
        time["now"] += took
        watch.on_train_batch_end(step, {"loss": 1.0})
    assert watch.model.stop_training and watch.steps == 3
    np.testing.assert_allclose(watch.passed, [6, 3])


def test_a_fit_uses_full_batches_only_and_ends_within_its_epoch(few, tiny):
    config = configure("model_a", **TINY["ModelA"])
    graph = bench_training.whole_graph(config, "float32", 5)
    wanted = bench_training.targets(few.table, config, graph.output)
    batches = Batches(few.images, np.arange(5), wanted, 2)  # in order: the fifth face is a batch of its own
    endless = Repeated(batches, 2)
    assert [len(endless[index][0]) for index in range(5)] == [2] * 5
    assert (endless[3][0] == few.images[2:4]).all()
    clock, processor = fit_pace(graph, batches, 2, 2)(0.0)
    assert clock > 0 and processor > 0
    assert int(graph.optimizer.iterations) == WARM_UP + 2


@pytest.fixture
def coloured(tmp_path):
    """Patterns unlike each other as files, and their labels: a face's age names its picture."""
    images = np.stack([np.asarray(picture(number)) for number in range(7)])
    files = bench_original.write_jpegs(images, tmp_path / "jpegs")
    table = pd.DataFrame({"file": files, "gender": [1, 0, 1, 0, 0, 1, 1], "age": np.arange(7) * 10})
    # in another order than the files' names have
    return images, tmp_path / "jpegs", table.sample(frac=1, random_state=3)


def test_the_originals_loading_pairs_every_file_with_its_labels(coloured):
    images, folder, table = coloured
    batches = bench_original.OriginalBatches(folder, table, 3, augmentation={})
    assert len(batches) == 3
    genders = table.set_index("age")["gender"]
    ages = []
    for pixels, wanted in (batches[index] for index in range(3)):
        assert list(wanted) == ["gender_output", "age_output"]
        assert {values.shape for values in wanted.values()} == {(len(pixels), 1)}
        for face, age, gender in zip(
            pixels, wanted["age_output"][:, 0], wanted["gender_output"][:, 0], strict=True
        ):
            assert gender == genders[age]
            # JPEG changes a smooth picture by a few levels; another picture is 20 and more away
            assert np.abs(255 * face - images[int(age) // 10]).mean() < 4
            ages.append(age)
    assert sorted(ages) == sorted(table["age"])


def test_the_originals_loading_augments_within_the_range_of_ours(coloured):
    _, folder, table = coloured
    plain = bench_original.OriginalBatches(folder, table, 7, augmentation={})[0]
    moved = bench_original.OriginalBatches(folder, table, 7)[0]
    assert moved[0].dtype == np.float32 and moved[0].shape == (7, 128, 128, 3)
    assert 0 <= moved[0].min() and 0.5 < moved[0].max() <= 1
    by_age = [dict(zip(wanted["age_output"][:, 0], pixels, strict=True)) for pixels, wanted in (plain, moved)]
    assert min(np.abs(by_age[0][age] - by_age[1][age]).mean() for age in by_age[0]) > 0.005


def test_the_bare_step_neither_loads_nor_augments(few, tiny, monkeypatch, tmp_path):
    moved, loaded = [], []
    move, load = FaceAugmentation._move, Batches.__getitem__
    monkeypatch.setattr(FaceAugmentation, "_move", lambda self, x: moved.append(1) or move(self, x))
    monkeypatch.setattr(Batches, "__getitem__", lambda self, i: loaded.append(1) or load(self, i))
    variants = bench_training.training_variants(few, np.arange(5), tmp_path / "jpegs")
    for variant, measure in variants.items():
        moved.clear(), loaded.clear()
        measure(0.0)
        ours = variant.what == OURS
        # `_move` is traced once, loading happens every step
        assert bool(moved) == ours, variant
        assert (len(loaded) >= WARM_UP + 2) == ours and (ours or not loaded), variant
    kinds = [name.what for name in variants]
    assert kinds == [ORIGINAL, OURS, BARE, OURS, BARE]


def test_the_batch_in_memory_is_what_the_network_reads(few):
    wanted = {"age_output": few.table["age"].to_numpy("float32")[:, None]}
    pixels, targets = bench_training.in_memory(Batches(few.images, np.arange(5), wanted, 3))
    assert keras.backend.standardize_dtype(pixels.dtype) == "float32"
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(pixels), few.images[:3].astype("float32") / 255)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(targets["age_output"]), wanted["age_output"][:3])


def test_both_architectures_are_the_ones_they_are_called():
    original = bench_training.settings_of("original")
    assert (original.age_loss, original.age_weight, original.gender_weight) == ("mse", 1, 500)
    assert (original.optimizer, original.ema_momentum, original.label_smoothing) == ("adam", None, 0)
    for name, config in {"age_gender_A_original": original, "age_gender_A": configure("model_a")}.items():
        assert bench_training.build_network(config).name == name
    assert bench_training.settings_of("ModelA") == configure("model_a")


def test_without_tensorflow_the_originals_loading_is_left_out_and_says_so(few, monkeypatch, tmp_path):
    monkeypatch.setattr(bench_original.keras.backend, "backend", lambda: "jax")
    said = bench_words.conditions(few, 5, 3, 5, "float32", None)
    monkeypatch.undo()
    assert "left out" in said[-1] and "jax" in said[-1] and "drawn stand-in faces" in said[1]

    for build in ("whole_graph", "bare_graph"):
        monkeypatch.setattr(bench_training, build, lambda *_: SimpleNamespace(output={}))
    monkeypatch.setattr(bench_training, "missing", lambda: "no reason")
    variants = bench_training.training_variants(few, np.arange(5), tmp_path / "jpegs")
    assert ORIGINAL not in {name.what for name in variants} and not (tmp_path / "jpegs").exists()


def test_modela_is_measured_in_its_default_arithmetic_and_in_float32(monkeypatch):
    monkeypatch.setattr(bench_training, "fast_precision", lambda: "mixed_bfloat16")
    for default, resolved in {"auto": "mixed_bfloat16", "float32": "float32"}.items():
        monkeypatch.setattr(bench_training, "SETTINGS", {"ModelA": {"precision": default}})
        found = bench_training.precisions()
        assert bench_training.default_precision() == resolved == found[0]
        assert sorted(found) == ["float32", "mixed_bfloat16"]


def test_every_part_has_its_reference_and_loading_is_compared_with_its_own_bare_step():
    names = [
        Variant(ORIGINAL, "original", "float32"),
        Variant(OURS, "original", "float32"),
        Variant(BARE, "original", "float32"),
        Variant(OURS, "ModelA", "float32"),
        Variant(BARE, "ModelA", "float32"),
        Variant(bench.BATCHES_OF_100, "original", "float32"),
        Variant(bench.BATCHES_OF_100, "ModelA", "float32"),
    ]
    clock = np.array([[0.030, 0.012, 0.010, 0.022, 0.020, 0.004, 0.008]])
    single = [Variant(bench.ONE_IMAGE, model, "float32") for model in ("original", "ModelA")]
    table = bench.tabulate(
        Rounds.of(names, clock, clock), Rounds.of(single, [[0.006, 0.015]] * 3, [[0.005, 0.012]] * 3)
    )
    np.testing.assert_allclose(table["ratio"], [1, 2.5, 3, 30 / 22, 1.5, 1, 0.5, 1, 0.4])
    np.testing.assert_allclose(table["added"], [2, 0.2, np.nan, 0.1] + [np.nan] * 5)
    parts = dict(bench_words.readable(table))
    assert [len(part) for part in parts.values()] == [5, 2, 2]
    assert next(iter(parts)).startswith(ORIGINAL) and "added" not in list(parts.values())[1]


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ([0.02, 0.06, 0.1], "kept"),
        ([0.11, 0.12, 0.3], "exceeded"),
        ([-0.28, -0.12, 0.45], "neither kept nor exceeded for sure, the rounds lie on both sides"),
    ],
)
def test_the_budget_of_loading_is_judged_only_where_the_rounds_agree(shares, verdict):
    said = bench_words.of_the_bare_step("float32", pd.Series(shares), pd.Series([0.5]))
    assert f"{100 * shares[1]:g} % of the bare step" in said and f"the budget of 10 % is {verdict}." in said
    assert f"{100 * shares[0]:g} % to {100 * shares[2]:g} % over 3 rounds; 50 % of its processor" in said


@pytest.mark.parametrize(
    ("took", "said"), [(12.0, "40 % of the budget of 30 ms, which is kept"), (45, "exceeded")]
)
def test_the_budget_of_one_image(took, said):
    assert said in bench_words.of_single_images(
        pd.Series({"ms_per_image": took, "processor_ms_per_image": 11.0})
    )


def test_single_images_take_turns_and_are_timed_one_by_one():
    called = []
    time = {"now": 0.0}

    def call(name, seconds):
        called.append(name)
        time["now"] += seconds

    found, worked = bench_single.take_turns(
        [lambda: call("a", 1), lambda: call("b", 3)], 30, lambda: time["now"], lambda: time["now"] / 2
    )
    warm_up = 2 * bench_single.WARM_UP
    assert called[warm_up : warm_up + 4] == ["a", "b", "a", "b"]
    # 30 s for each of the two, 4 s a turn
    assert found == [[1] * 15, [3] * 15] and worked == [[0.5] * 15, [1.5] * 15]


def test_single_images_get_one_core_and_one_thread(monkeypatch, capsys):
    kept, started = [], {}
    model = SimpleNamespace(predict_on_batch=lambda face: kept.append(face.shape))
    monkeypatch.setattr("agegender_lib.models.load_model", lambda file: model)
    monkeypatch.setattr(bench_single.os, "sched_getaffinity", lambda pid: {0, 3}, raising=False)
    monkeypatch.setattr(
        bench_single.os, "sched_setaffinity", lambda pid, cores: kept.append(cores), raising=False
    )
    bench_single.main("0.0", "a.keras", "b.keras")
    assert kept[0] == {3} and set(kept[1:]) == {(1, 128, 128, 3)}
    printed = capsys.readouterr().out
    assert [len(times) for times in json.loads(printed)["clock"]] == [bench_single.LEAST] * 2

    def run(command, env, **options):
        started.update(command=command, env=env)
        return SimpleNamespace(returncode=0, stdout=f"a greeting\n{printed}")

    monkeypatch.setattr(bench_single.subprocess, "run", run)
    clock, processor = bench_single.one_image_seconds(["a.keras", "b.keras"], 2)
    assert len(clock) == len(processor) == 2 and started["command"][-3:] == ["2", "a.keras", "b.keras"]
    assert started["env"]["TF_NUM_INTRAOP_THREADS"] == started["env"]["TF_NUM_INTEROP_THREADS"] == "1"


def test_the_verb_measures_a_few_faces_and_prints_the_budgets(few, tiny, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(folders, "MODELS", tmp_path / "none")
    command = ["bench", "--images", "4", "--seconds", "0.01", "--csv", str(tmp_path / "speeds.csv")]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "4 faces of drawn, drawn stand-in faces" in said and f"on {keras.backend.backend()}" in said
    assert said.count("the budget of") == 2 and said.count("ratio: times as fast as") == 3
    table = pd.read_csv(tmp_path / "speeds.csv")
    assert (table["images_per_second"] > 0).all() and (table["ratio"] > 0).all()
    whole = table[table["what"].isin([ORIGINAL, OURS])]
    assert whole["added"].notna().all() and len(whole) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["speeds.csv"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--images", "0"], "0 images"),
        (["--seconds", "0"], "0.0 seconds"),
        (["--seconds", "nan"], "nan seconds"),
        (["--data", "nowhere.tar"], "nowhere.tar"),
        (["--csv", "."], "is a folder"),
    ],
)
def test_what_makes_no_sense_is_refused(words, found, capsys):
    assert cli.main(["bench", *words]) == 2
    complaint = [line for line in capsys.readouterr().err.splitlines() if line.startswith("agegender: ")]
    assert len(complaint) == 1 and found in complaint[0]
