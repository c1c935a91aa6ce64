"""Spoilt faces: what is done to them, and that a model's losses of known size are found."""

import functools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from tiny_faces import picture

from agegender_lib import data, plots
from agegender_lib.data import CORRUPTIONS, REGIONS, corrupt
from agegender_lib.evaluation import robustness_summary, robustness_table
from agegender_lib.files import write_csv, write_json
from agegender_lib.plots.style import look_of

NAMES = pytest.mark.parametrize("name", CORRUPTIONS)
FLAT = 118


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Six drawn faces, uint8 [6, 128, 128, 3]."""
    folder = data.render_faces(tmp_path_factory.mktemp("six") / "faces", 6)
    return np.array(data.load_faces(folder, folder.parent / "cache").images)


def flat(value=FLAT):
    return np.full((1, 128, 128, 3), value, np.uint8)


def distance(one, other):
    return np.sqrt(np.mean((one.astype(float) - other) ** 2, axis=(1, 2, 3)))


@NAMES
def test_stronger_is_farther_from_the_face_and_neutral_leaves_it(name, faces):
    way = CORRUPTIONS[name]
    assert len(way.strengths) == 5
    away = [distance(corrupt(faces, name, strength), faces) for strength in (way.neutral, *way.strengths)]
    assert (np.diff(away, axis=0) > 0).all()
    assert away[0].max() <= (4 if name == "jpeg" else 0)


@NAMES
def test_a_face_is_spoilt_alike_in_every_batch_and_changed_by_no_call(name, faces):
    before = faces.copy()
    whole = corrupt(faces, name, CORRUPTIONS[name].strengths[2], seed=3)
    alone = [corrupt(faces[n : n + 1], name, CORRUPTIONS[name].strengths[2], seed=3) for n in (5, 0, 2)]
    assert whole.dtype == np.uint8 and whole.shape == faces.shape
    np.testing.assert_array_equal(whole[[5, 0, 2]], np.concatenate(alone))
    np.testing.assert_array_equal(faces, before)


def test_noise_has_its_sigma_is_independent_and_follows_the_seed():
    noise = corrupt(flat(), "noise", 12).astype(float) - FLAT
    assert noise.std() == pytest.approx(12, rel=0.02) and abs(noise.mean()) < 0.3
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.03
    assert abs(np.corrcoef(noise[0, :, 1:].ravel(), noise[0, :, :-1].ravel())[0, 1]) < 0.03
    again, other = (corrupt(flat(), "noise", 12) - 0.0 - FLAT, corrupt(flat(), "noise", 12, seed=1) - 0.0 - FLAT)
    np.testing.assert_array_equal(again, noise)
    assert abs(np.corrcoef(other.ravel(), noise.ravel())[0, 1]) < 0.03
    # two faces that differ do not get the same noise
    neighbour = corrupt(flat(FLAT + 1), "noise", 12) - 1.0 - FLAT
    assert abs(np.corrcoef(neighbour.ravel(), noise.ravel())[0, 1]) < 0.03


def test_brightness_multiplies_and_light_is_lost_above_white():
    assert corrupt(flat(100), "darker", 0.3).mean() == pytest.approx(30, abs=0.5)
    assert corrupt(flat(100), "brighter", 2).mean() == pytest.approx(200, abs=0.5)
    assert (corrupt(flat(100), "brighter", 4) == 255).all()


def test_rotation_is_counter_clockwise_about_the_centre():
    up = flat(0)
    up[0, 10:30, 54:74] = 255
    quarter = corrupt(up, "rotation", 90)[0, :, :, 0].astype(float)
    np.testing.assert_allclose(quarter, np.rot90(up[0, :, :, 0]), atol=1)
    turned = corrupt(up, "rotation", 30)[0, :, :, 0].astype(float)
    down, right = (turned.sum(axis=axis) @ np.arange(128) / turned.sum() - 63.5 for axis in (1, 0))
    assert np.degrees(np.arctan2(-down, right)) == pytest.approx(120, abs=1)
    # corners repeat the edge instead of turning black
    assert (corrupt(flat(), "rotation", 45) == FLAT).all()


@pytest.mark.parametrize("name", ["eyes", "mouth"])
def test_a_region_is_covered_and_nothing_else(name, faces):
    top, bottom, left, right = REGIONS[name]
    whole = corrupt(faces, name, 1)
    assert (whole[:, top:bottom, left:right] == 128).all()
    outside = np.ones((128, 128), bool)
    outside[top:bottom, left:right] = False
    np.testing.assert_array_equal(whole[:, outside], faces[:, outside])
    for share in CORRUPTIONS[name].strengths:
        covered = (corrupt(flat(7), name, share)[0, :, :, 0] == 128).sum()
        assert covered / ((bottom - top) * (right - left)) == pytest.approx(share, abs=0.05)


def answers(age_growth=None, wrong=None, count=200, seed=0):
    """A model right on all clean faces but for noise, whose error grows and whose genders turn as planted.

    ``age_growth`` and ``wrong``: corruption to the five levels' years of error and numbers of wrong genders.
    """
    rng = np.random.default_rng(seed)
    labels = pd.DataFrame({"file": [f"{n}.jpg" for n in range(count)], "age": rng.integers(20, 60, count)})
    labels = labels.assign(gender=np.arange(count) % 2, race=0, duplicate_group=-1)
    # errors of 4 years on average, all too old, so that added years add to the error one to one
    error = rng.uniform(1, 7, count)
    error += 4 - error.mean()
    sure = np.where(labels["gender"] == 1, 0.9, 0.1)
    tables = [labels.assign(corruption="clean", strength=0.0, age_predicted=labels["age"] + error, p_female=sure)]
    for name, way in CORRUPTIONS.items():
        years, turned = ((of or {}).get(name, (0,) * 5) for of in (age_growth, wrong))
        for strength, more, many in zip(way.strengths, years, turned, strict=True):
            spread = rng.normal(0, 0.1, count)
            read = labels["age"] + error + more + spread - spread.mean()
            p_female = np.where(np.arange(count) < many, 1 - sure, sure)
            tables.append(labels.assign(corruption=name, strength=strength, age_predicted=read, p_female=p_female))
    return pd.concat(tables, ignore_index=True)


PLANTED = answers({"blur": (0, 0.5, 1.5, 3, 6), "jpeg": (0, 0, 0, 0.4, 2)}, {"noise": (0, 4, 16, 40, 100)})


def test_planted_losses_are_found_with_their_size_and_none_elsewhere():
    table = robustness_table(PLANTED)
    assert list(table["corruption"].unique()) == list(CORRUPTIONS) and len(table) == 6 * len(CORRUPTIONS)
    assert (table["n"] == 200).all()
    by = table.set_index(["corruption", "severity"])
    assert by.loc["blur", "age_mae"].tolist() == pytest.approx([4, 4, 4.5, 5.5, 7, 10])
    assert by.loc["blur", "age_mae_change"].tolist() == pytest.approx([0, 0, 0.5, 1.5, 3, 6])
    assert by.loc["jpeg", "age_mae_change"].tolist() == pytest.approx([0, 0, 0, 0, 0.4, 2])
    assert by.loc["jpeg", "strength"].tolist() == [100, *CORRUPTIONS["jpeg"].strengths]
    assert by.loc["noise", "gender_accuracy"].tolist() == pytest.approx([1, 1, 0.98, 0.92, 0.8, 0.5])
    assert by.loc["noise", "gender_accuracy_change"].tolist() == pytest.approx([0, 0, -0.02, -0.08, -0.2, -0.5])
    harmed = {("blur", level) for level in (2, 3, 4, 5)} | {("jpeg", 4), ("jpeg", 5)}
    assert set(by.index[by["age_mae_change_low"] > 0]) == harmed
    still = by.drop(index="noise", level=0)
    assert (still["gender_accuracy_change"] == 0).all() and (still["gender_accuracy"] == 1).all()
    calm = by.drop(index=["blur", "jpeg"], level=0)
    assert calm["age_mae_change"].abs().max() < 1e-9


def test_summary_says_where_harm_begins_and_who_loses_least():
    calm = answers({"blur": (0, 0, 0, 0, 0.9)}, seed=1)
    summary = robustness_summary({"ModelA": PLANTED, "ModelB": calm})
    by = summary.set_index(["model", "corruption"])
    blur, noise, jpeg = (CORRUPTIONS[name].strengths for name in ("blur", "noise", "jpeg"))
    # 0.5 and 1.5 years: half way; 2 and 8 points: half way; 0.4 and 2 years: three eighths
    age, gender = (by[f"{measure}_breaking_severity"] for measure in ("age_mae", "gender_accuracy"))
    assert age["ModelA", "blur"] == pytest.approx((blur[1] + blur[2]) / 2)
    assert gender["ModelA", "noise"] == pytest.approx((noise[1] + noise[2]) / 2)
    assert age["ModelA", "jpeg"] == pytest.approx(jpeg[3] + 3 / 8 * (jpeg[4] - jpeg[3]))
    assert age.count() + gender.count() == 3
    assert by.loc[("ModelA", "blur"), "age_mae_change"] == pytest.approx(11 / 5)
    assert by.loc[("ModelA", "all"), "age_mae_change"] == pytest.approx((11 + 2.4) / 45)
    assert by.loc[("ModelA", "all"), "gender_accuracy_change"] == pytest.approx(-0.8 / 45)
    assert by.loc[("ModelB", "all"), "age_mae_change"] == pytest.approx(0.9 / 45)
    row = by.loc[("ModelA", "all")]
    assert row["age_mae_change_low"] < row["age_mae_change"] < row["age_mae_change_high"]
    assert row["title"] == "All" and by.loc[("ModelA", "eyes"), "title"] == "Eyes covered"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A run folder of 20 faces, 12 of them held out, and a fake model that reads the mean grey level as the age."""
    from agegender_lib.inference import robustness

    images = np.stack([np.asarray(picture(seed)) for seed in range(20)])
    table = pd.DataFrame({"file": [f"{n}.jpg" for n in range(20)], "age": range(20), "gender": 0, "race": 1})
    table["duplicate_group"] = -1
    found = data.FaceSet(table, images, table[:0], "f" * 64, "tiny", True)
    # predictions lie in another order than the faces
    predictions = table.assign(split=np.where(table["age"] < 12, "validation", "train")).iloc[::-1]
    write_csv(tmp_path / "predictions.csv", predictions)
    write_json(tmp_path / "config.json", {"data": {"name": "tiny", "fingerprint": "f" * 64}})
    calls = []

    def predict(model, images, batch_size):
        calls.append((model, len(images), batch_size))
        return pd.DataFrame({"age_predicted": images.mean(axis=(1, 2, 3)), "p_female": images[:, 0, 0, 0] / 255})

    monkeypatch.setattr(robustness, "load_model", lambda path: path.name)
    monkeypatch.setattr(robustness, "predict", predict)
    return robustness.corrupted_predictions, tmp_path, found, calls


def test_every_setting_is_asked_once_about_the_same_held_out_faces(run):
    corrupted_predictions, folder, found, calls = run
    table = corrupted_predictions(folder, found, count=6)
    settings = [("clean", 0.0), *((n, s) for n, way in CORRUPTIONS.items() for s in way.strengths)]
    assert list(table[["corruption", "strength"]].drop_duplicates().itertuples(index=False, name=None)) == settings
    assert calls == [("model.keras", 6, 6)] * len(settings)
    drawn = table["file"][:6].tolist()
    assert len(set(drawn)) == 6 and set(table["age"]) <= set(range(12))
    for (name, strength), rows in table.groupby(["corruption", "strength"], sort=False):
        assert rows["file"].tolist() == drawn and (rows["file"] == rows["age"].astype(str) + ".jpg").all()
        images = found.images[rows["age"].to_numpy()]
        wanted = images if name == "clean" else corrupt(images, name, strength, seed=0)
        np.testing.assert_allclose(rows["age_predicted"], wanted.mean(axis=(1, 2, 3)), atol=1e-5)


def test_answers_are_kept_and_read_again_even_without_the_model(run):
    corrupted_predictions, folder, found, calls = run
    first = corrupted_predictions(folder, found, count=6)
    many = len(calls)
    pd.testing.assert_frame_equal(corrupted_predictions(folder, found, count=6), first)
    assert len(calls) == many
    assert len(list(folder.glob("robustness_6_0_*.csv.gz"))) == 1


@functools.cache
def two_models():
    found = {"ModelA": PLANTED, "ModelF": answers({"blur": (0, 0, 1, 2, 3)}, seed=1)}
    return {name: robustness_table(table) for name, table in found.items()}


@pytest.mark.parametrize("measure", ["age_mae", "gender_accuracy"])
def test_curves_show_the_table(measure):
    tables = two_models()
    figure = plots.robustness_curves(tables, measure)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [way.title for way in CORRUPTIONS.values()]
    for ax, (corruption, way) in zip(figure.axes, CORRUPTIONS.items(), strict=True):
        assert ax.get_xlabel() == way.unit
        labels = [tick.get_text() for tick in ax.get_xticklabels()]
        assert labels == ["clean", *(f"{strength:g}" for strength in way.strengths)]
        for line, band, (name, table) in zip(ax.lines, ax.collections, tables.items(), strict=True):
            own = table[table["corruption"] == corruption]
            assert line.get_color() == look_of(tables)[name][0]
            np.testing.assert_allclose(line.get_xydata(), own[["severity", measure]])
            box = band.get_datalim(ax.transData)
            assert (box.y0, box.y1) == pytest.approx((own[f"{measure}_low"].min(), own[f"{measure}_high"].max()))
            assert to_rgba(band.get_facecolor()[0], 1) == to_rgba(line.get_color())
