"""Which faces are looked at, and that attention planted in maps is found again."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from agegender_lib import plots
from agegender_lib.data import AGE_BANDS, CORRUPTIONS, REGIONS, region_masks
from agegender_lib.errors import InputError
from agegender_lib.evaluation import (
    attention_examples,
    attention_of,
    faces_to_look_at,
    mean_faces,
    mean_maps,
    randomisation_check,
    region_shares,
)
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM
from tests.plots.test_plots import check_layout, drawn

MASKS = region_masks()
CM = 2.54


def predictions(n=400, seed=0, wrong=0.1, ages=None):
    """A model that reads a share ``wrong`` of the genders wrongly and errs on ages by up to a tenth of them."""
    rng = np.random.default_rng(seed + 1)
    ages = np.random.default_rng(0).integers(0, 90, n) if ages is None else np.asarray(ages)
    gender = np.arange(len(ages)) % 2
    said = np.where(rng.random(len(ages)) < wrong, 1 - gender, gender)
    return pd.DataFrame(
        {
            "file": [f"{k}.jpg" for k in range(len(ages))],
            "split": "validation",
            "age": ages,
            "gender": gender,
            "race": 0,
            "duplicate_group": -1,
            "age_predicted": ages * (1 + rng.uniform(-0.1, 0.1, len(ages))) + rng.uniform(0, 0.1, len(ages)),
            "p_female": np.where(said == 1, 0.8, 0.2),
        }
    )


BOTH = {"ModelA": predictions(seed=1), "ModelB": predictions(seed=2).sample(frac=1, random_state=0)}
FILES = [f"{k}.jpg" for k in reversed(range(500))]  # the faces lie in another order, and there are more
LOOKED_AT = faces_to_look_at(BOTH, FILES, 100)


def flat(n=100):
    return np.ones((n, 128, 128), np.float32)


def only(region, n=100):
    return np.repeat(MASKS[region][None].astype(np.float32), n, axis=0)


def noise(seed, n=100, mean=0.0):
    """Smooth random maps, each another, with something that all share."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((n, 8, 8), dtype=np.float32) + mean
    return np.kron(coarse, np.ones((16, 16), np.float32))


# Regions


def test_regions_do_not_overlap_and_new_ones_are_no_corruptions():
    assert set(MASKS) == {*REGIONS, "elsewhere"} == {"forehead", "eyes", "nose", "mouth", "elsewhere"}
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in MASKS.values()), 1)
    assert MASKS["eyes"][27:45, 16:112].all() and MASKS["eyes"].sum() == 18 * 96
    assert MASKS["mouth"][76:102, 30:98].all() and MASKS["mouth"].sum() == 26 * 68
    assert set(CORRUPTIONS) & {*REGIONS} == {"eyes", "mouth"}


# Which faces


def test_every_band_has_as_many_faces_and_up_to_half_of_them_wrong_ones():
    faces = LOOKED_AT[LOOKED_AT["model"] == "ModelA"]
    assert len(LOOKED_AT) == 200 and faces["age_band"].value_counts().eq(10).all()
    wrong = LOOKED_AT.assign(w=LOOKED_AT["gender_answer"] == "wrong").groupby("file")["w"].any()
    by_band = wrong.groupby(faces.set_index("file")["age_band"].astype(str)).sum()
    together = BOTH["ModelA"].merge(BOTH["ModelB"][["file", "p_female"]], on="file")
    missed = [(together[f"p_female_{k}"] >= 0.5) != (together["gender"] == 1) for k in "xy"]
    there = pd.Series(np.any(missed, axis=0)).groupby(
        pd.cut(together["age"], [-1, 2, 9, *range(19, 80, 10), 200])
    )
    np.testing.assert_array_equal(by_band[list(AGE_BANDS)], np.minimum(5, there.sum()))


def test_answers_belong_to_their_model_and_file():
    for name, table in BOTH.items():
        rows = LOOKED_AT[LOOKED_AT["model"] == name].merge(table, on="file", suffixes=("", "_given"))
        assert len(rows) == 100 and rows["face"].tolist() == list(range(100))
        assert (rows["p_female"] == rows["p_female_given"]).all() and (rows["age"] == rows["age_given"]).all()
        right = (rows["p_female"] > 0.5) == (rows["gender"] == 1)
        assert (rows["gender_answer"] == np.where(right, "right", "wrong")).all()
        assert [FILES[row] for row in rows["row"]] == rows["file"].tolist()
    one, other = (LOOKED_AT[LOOKED_AT["model"] == name] for name in BOTH)
    assert one["file"].tolist() == other["file"].tolist()
    assert LOOKED_AT["row"].unique().tolist() == one["row"].tolist()


def test_ages_are_far_or_close_for_their_band_by_all_the_faces_of_the_split():
    table = predictions(ages=[5] * 9 + [25] * 9)
    table["age_predicted"] = table["age"] + np.concatenate([np.arange(1, 10), 10 * np.arange(9)])
    looked = faces_to_look_at({"m": table}, FILES, 18).set_index("file")["age_answer"]
    for start in (0, 9):
        found = [looked[f"{k}.jpg"] for k in range(start, start + 9)]
        assert found == ["close"] * 3 + ["middle"] * 3 + ["far"] * 3


def test_small_bands_leave_their_places_and_the_draw_follows_the_seed():
    table = predictions(ages=[1] * 3 + [25] * 100 + [45] * 100)
    looked = faces_to_look_at({"m": table}, FILES, 43)
    assert looked["age_band"].value_counts()[["0-2", "20-29", "40-49"]].tolist() == [3, 20, 20]
    assert looked["file"].tolist() == faces_to_look_at({"m": table[::-1]}, FILES, 43)["file"].tolist()
    assert set(looked["file"]) != set(faces_to_look_at({"m": table}, FILES, 43, seed=1)["file"])
    assert len(faces_to_look_at({"m": table}, FILES, 10_000)) == 203


def test_models_of_different_images_or_unknown_faces_are_refused():
    with pytest.raises(InputError, match="different images"):
        faces_to_look_at({"a": BOTH["ModelA"], "b": BOTH["ModelB"][1:]}, FILES)
    with pytest.raises(InputError, match=r"'0\.jpg' is not among"):
        faces_to_look_at(BOTH, FILES[:-1])
    with pytest.raises(InputError, match="0 models"):
        faces_to_look_at({}, FILES)
    with pytest.raises(InputError, match="99 maps"):
        region_shares({("ModelA", "age"): flat(99)}, LOOKED_AT)
    with pytest.raises(InputError, match="0 faces of ModelF"):
        mean_maps({("ModelF", "age"): flat()}, LOOKED_AT)


# What maps have in common


def test_attention_has_mean_one_whatever_the_units_and_an_empty_map_is_none():
    maps = noise(0, 3) * np.array([1e-12, 1, 1e6], np.float32)[:, None, None]
    maps[1] = 0
    found = attention_of({"k": maps})["k"]
    np.testing.assert_allclose(found[[0, 2]].mean(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(found[0] / found[0].max(), maps[0] / maps[0].max(), rtol=1e-5)
    assert np.isnan(found[1]).all()


def test_mean_maps_are_those_of_their_band_and_answers():
    faces = LOOKED_AT[LOOKED_AT["model"] == "ModelB"]
    children = faces["age_band"].isin(["0-2", "3-9"]).to_numpy()
    wrong = (faces["gender_answer"] == "wrong").to_numpy()
    maps = flat()
    maps[children] = only("mouth")[0]
    maps[wrong & ~children] = 7 * only("eyes")[0]
    maps[np.flatnonzero(wrong & ~children)[0]] = 0
    random = [{("ModelB", "gender"): only("nose")}, {("ModelB", "gender"): only("forehead")}]
    table = mean_maps({("ModelB", "gender"): maps}, LOOKED_AT, random)
    assert set(table["task"]) == {"gender"} and set(table["answers"]) == {"all", "right", "wrong"}
    table = table.set_index(["weights", "age_band", "answers"])

    def of(mask):
        return mask / mask.mean()

    mouth, eyes = of(MASKS["mouth"]), of(MASKS["eyes"])
    for band in ("0-2", "3-9"):
        np.testing.assert_allclose(table.loc[("trained", band, "all"), "map"], mouth, rtol=1e-4)
    np.testing.assert_allclose(table.loc[("trained", "60-69", "right"), "map"], 1, rtol=1e-4)
    np.testing.assert_allclose(table.loc[("trained", "60-69", "wrong"), "map"], eyes, rtol=1e-4)
    whole = table.loc[("trained", "all", "all")]
    n_wrong = (wrong & ~children).sum() - 1
    expected = (20 * mouth + n_wrong * eyes + (80 - n_wrong - 1)) / 99
    np.testing.assert_allclose(whole["map"], expected, rtol=1e-3)
    assert (whole["n"], whole["blank"]) == (99, 1)
    random = table.loc[("random", "all", "all"), "map"]
    np.testing.assert_allclose(random, (of(MASKS["nose"]) + of(MASKS["forehead"])) / 2, rtol=1e-4)


def test_mean_faces_are_those_of_their_band():
    images = np.zeros((100, 4, 4, 3), np.uint8)
    faces = LOOKED_AT[LOOKED_AT["model"] == "ModelA"]
    images[(faces["age_band"] == "80+").to_numpy()] = 200
    found = mean_faces(images, LOOKED_AT)
    assert list(found) == ["all", *AGE_BANDS]
    assert (found["80+"] == 200).all() and (found["70-79"] == 0).all() and (found["all"] == 20).all()


def test_maps_that_are_all_empty_have_rows_that_say_so():
    maps = {("ModelA", "age"): noise(1) * 0, ("ModelA", "gender"): noise(2)}
    table = region_shares(maps, LOOKED_AT, [maps])
    row = table.query("task == 'age'")
    assert set(row["region"]) == {*REGIONS, "elsewhere"} and set(row["answers"]) == {"all"}
    assert (row["n"] == 0).all() and (row["blank"] == 100).all() and row["ratio"].isna().all()
    alike = randomisation_check(maps, [maps], LOOKED_AT).set_index("task")["average"]
    assert np.isnan(alike["age"]) and alike["gender"] == pytest.approx(1)
    assert plots.attention_regions(table).axes


def test_even_attention_is_one_everywhere():
    table = region_shares({("ModelA", "age"): 5 * flat()}, LOOKED_AT, resamples=50)
    assert set(table["answers"]) == {"all", "close", "middle", "far"} and len(table) == 4 * 5
    np.testing.assert_allclose(table[["ratio", "ratio_low", "ratio_high"]], 1, rtol=1e-5)
    np.testing.assert_allclose(table["share"], table["area"], rtol=1e-5)
    assert table.groupby("answers")["share"].sum().to_numpy() == pytest.approx(1, rel=1e-5)
    assert table["random"].isna().all()


def test_planted_attention_is_found_with_an_interval_for_right_and_wrong():
    """Right answers: all of it on the mouth or all on the eyes, half of the faces each; wrong ones on the nose."""
    faces = LOOKED_AT[LOOKED_AT["model"] == "ModelA"]
    maps = np.where((np.arange(100) % 2 == 0)[:, None, None], only("mouth"), 3 * only("eyes"))
    wrong = (faces["gender_answer"] == "wrong").to_numpy()
    maps[wrong] = only("nose", wrong.sum())
    random = [{("ModelA", "gender"): only("mouth")}, {("ModelA", "gender"): flat()}]
    table = region_shares({("ModelA", "gender"): maps}, LOOKED_AT, random).set_index(["answers", "region"])
    for region in ("mouth", "eyes"):
        row, area = table.loc[("right", region)], MASKS[region].mean()
        share = (np.arange(100) % 2 == (0 if region == "mouth" else 1))[~wrong].mean()
        assert row["share"] == pytest.approx(share, rel=1e-4) and row["ratio"] == pytest.approx(
            share / area, rel=1e-4
        )
        # as wide as a share of that many faces is uncertain
        half = 1.96 * np.sqrt(share * (1 - share) / (~wrong).sum()) / area
        assert row["ratio_low"] == pytest.approx(row["ratio"] - half, rel=0.06)
        assert row["ratio_high"] == pytest.approx(row["ratio"] + half, rel=0.06)
        assert table.loc[("wrong", region), "ratio"] == 0
    assert table.loc[("wrong", "nose"), "share"] == pytest.approx(1, rel=1e-4)
    assert table.loc[("wrong", "nose"), "n"] == wrong.sum() and table.loc[("all", "nose"), "n"] == 100
    mouth = table.loc[("all", "mouth")]
    expected = [(1 + 1 / MASKS["mouth"].mean()) / 2, 1, 1 / MASKS["mouth"].mean()]
    np.testing.assert_allclose(
        mouth[["random", "random_low", "random_high"]].astype(float), expected, rtol=1e-4
    )


def test_duplicates_are_drawn_together_and_empty_maps_are_counted():
    maps = np.concatenate([only("mouth", 50), only("eyes", 50)])
    alone = region_shares({("ModelA", "age"): maps}, LOOKED_AT).query("answers == 'all'")
    together = region_shares({("ModelA", "age"): maps}, LOOKED_AT.assign(duplicate_group=3)).query(
        "answers == 'all'"
    )
    assert (alone["ratio_high"] - alone["ratio_low"])[alone["region"] == "mouth"].item() > 1
    np.testing.assert_array_equal(together["ratio_low"], together["ratio_high"])
    maps[:20] = 0
    row = (
        region_shares({("ModelA", "age"): maps}, LOOKED_AT)
        .query("answers == 'all' and region == 'mouth'")
        .iloc[0]
    )
    assert (row["n"], row["blank"]) == (80, 20) and row["share"] == pytest.approx(30 / 80, rel=1e-4)


# Checks


def test_randomisation_check_tells_the_average_from_what_is_a_faces_own():
    shared = only("mouth", 1) + 0.2
    maps = {("ModelA", "age"): shared + noise(1) * 0.3, ("ModelA", "gender"): noise(2)}
    other = noise(4) * 0.3
    random = [
        # the average is alike and the rest another; then the other way round, in other units
        {("ModelA", "age"): shared + other, ("ModelA", "gender"): 9 * (noise(2) + 4 * only("eyes", 1))},
        {
            ("ModelA", "age"): shared + noise(5) * 0.3,
            ("ModelA", "gender"): 9 * (noise(2) + 4 * only("nose", 1)),
        },
    ]
    table = randomisation_check(maps, random, LOOKED_AT).set_index("task")
    age, gender = table.loc["age"], table.loc["gender"]
    assert (
        age["average"] > 0.97
        and age["average_low"] <= age["average"] <= age["average_high"]
        and age["seeds"] > 0.97
    )
    assert abs(age["face"]) < 0.03 and age["face_low"] < 0 < age["face_high"]
    assert abs(gender["average"]) < 0.35 and abs(gender["seeds"]) < 0.35
    assert gender["face"] > 0.9 and gender["face_low"] > 0.85
    assert (table["n"] == 100).all()


def test_randomisation_check_counts_empty_maps_and_refuses_what_does_not_fit():
    maps = {("ModelA", "age"): noise(1)}
    empty = noise(2)
    empty[:3] = 0
    row = randomisation_check(maps, [{("ModelA", "age"): empty}], LOOKED_AT).iloc[0]
    assert (row["n"], row["blank"]) == (97, 3) and np.isnan(row["seeds"]) and abs(row["face"]) < 0.05
    row = randomisation_check(maps, [{("ModelA", "age"): empty * 0}], LOOKED_AT).iloc[0]
    assert (row["n"], row["blank"]) == (0, 100) and np.isnan(row["average"]) and np.isnan(row["face"])
    with pytest.raises(InputError, match="no maps of random"):
        randomisation_check(maps, [], LOOKED_AT)
    with pytest.raises(InputError, match="not of its 100 faces"):
        randomisation_check(maps, [{("ModelA", "age"): noise(2, 50)}], LOOKED_AT)


def test_examples_are_the_best_and_the_worst_of_different_ages():
    examples = attention_examples(LOOKED_AT, 6)
    bad = (LOOKED_AT["gender_answer"] == "wrong").astype(int) + (LOOKED_AT["age_answer"] == "far")
    counts = bad.groupby(LOOKED_AT["face"]).sum()
    assert examples["wrong"].tolist() == counts[examples["face"]].tolist()
    assert (examples["wrong"][:3] == 0).all() and (examples["wrong"][3:] >= 2).all()
    by_face = LOOKED_AT.drop_duplicates("face").set_index("face").loc[examples["face"]]
    for half in (by_face[:3], by_face[3:]):
        assert half["age_band"].is_unique and half["age"].is_monotonic_increasing
    missed = LOOKED_AT.groupby("face")["gender_answer"].agg(lambda answers: (answers == "wrong").sum())
    assert (missed[examples["face"][3:]] >= 1).all()
    assert missed[examples["face"][3:]].max() == missed.max() == 2


def test_regions_stand_beside_what_random_networks_give_them():
    maps = {("ModelA", "age"): flat() + only("mouth"), ("ModelA", "gender"): flat() + only("eyes")}
    random = [{key: flat() + k * only("eyes") for key in maps} for k in (0, 2)]
    shares = region_shares(maps, LOOKED_AT, random, resamples=50).query("answers == 'all'")
    most = shares.loc[shares.groupby("task")["ratio"].idxmax()].set_index("task")
    assert most["region"].to_dict() == {"age": "mouth", "gender": "eyes"}
    assert most.loc["age", "ratio"] == pytest.approx(2 / (1 + MASKS["mouth"].mean()), rel=1e-4)
    assert most.loc["age", "ratio_low"] > most.loc["age", "random_high"]
    # eyes lie between what the two random networks give them
    assert most.loc["gender", "random_low"] < most.loc["gender", "ratio"] < most.loc["gender", "random_high"]
    check = randomisation_check(maps, random, LOOKED_AT, resamples=50).set_index("task")
    assert check.loc["gender", "average"] == pytest.approx(0.5, abs=1e-3)  # the mean of 0 and 1


# Figures


def figures():
    keys = [(model, task) for model in ("ModelA", "ModelB") for task in ("age", "gender")]
    maps = {key: noise(k) + only("mouth") for k, key in enumerate(keys)}
    random = [{key: noise(9 + k) for k, key in enumerate(keys)}]
    images = np.random.default_rng(0).integers(0, 256, (100, 128, 128, 3), dtype=np.uint8)
    examples = attention_examples(LOOKED_AT, 6)
    tables = mean_maps(maps, LOOKED_AT, random)
    return {
        "maps": (plots.attention_maps(tables, mean_faces(images, LOOKED_AT)), tables),
        "gallery": (plots.attention_gallery(images, examples, LOOKED_AT, attention_of(maps)), examples),
        "regions": (plots.attention_regions(region_shares(maps, LOOKED_AT, random, resamples=50)), None),
    }


FIGURES = figures()


@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_the_page_and_cut_nothing_off(name):
    figure, _ = FIGURES[name]
    check_layout(figure, drawn(figure))
    width, height = figure.get_size_inches() * CM
    assert width <= TEXT_WIDTH_CM + 1e-6 and height <= 20


def test_every_map_stands_in_its_row_and_column_on_one_scale():
    figure, table = FIGURES["maps"]
    cells = [ax for ax in figure.axes if ax.images]
    assert len(cells) == 4 * (len(AGE_BANDS) + 2)
    table = table[table["answers"] == "all"].set_index(["model", "task", "weights", "age_band"])["map"]
    rows = [("ModelA", "age"), ("ModelA", "gender"), ("ModelB", "age"), ("ModelB", "gender")]
    for number, ax in enumerate(cells):
        row, column = divmod(number, len(AGE_BANDS) + 2)
        where = [*(("trained", band) for band in (*AGE_BANDS, "all")), ("random", "all")][column]
        np.testing.assert_allclose(ax.images[-1].get_array(), table[(*rows[row], *where)], rtol=1e-6)
    assert len({ax.images[-1].get_clim() for ax in cells}) == 1
    trained = table[table.index.get_level_values("weights") == "trained"]
    assert cells[0].images[-1].get_clim() == (0, pytest.approx(max(each.max() for each in trained)))


def test_gallery_writes_wrong_answers_in_red_and_only_those():
    figure, examples = FIGURES["gallery"]
    red = []
    answers = LOOKED_AT.set_index(["model", "face"])
    cells = [ax for ax in figure.axes if ax.images]
    for number, face in enumerate(examples["face"]):
        line = cells[number * 5 : number * 5 + 5]
        assert line[0].texts[0].get_text().startswith(f"{answers.loc[('ModelA', face), 'age']:.0f} y")
        for ax, model, task in zip(line[1:], "AABB", ("age", "gender") * 2, strict=True):
            row = answers.loc[(f"Model{model}", face)]
            said = (
                f"{row['age_predicted']:.0f} y"
                if task == "age"
                else ["male", "female"][int(row["p_female"] > 0.5)]
            )
            assert ax.texts[0].get_text() == said
            wrong = row[f"{task}_answer"] in ("wrong", "far")
            assert (to_rgba(ax.texts[0].get_color()) == to_rgba(COLOURS["wrong"])) == wrong
            red.append(wrong)
    assert any(red) and not all(red)


def test_a_face_without_a_map_says_so():
    maps = {
        ("ModelA", "age"): attention_of({"k": np.zeros((100, 128, 128), np.float32)})["k"],
        ("ModelA", "gender"): flat(),
    }
    images = np.zeros((100, 128, 128, 3), np.uint8)
    figure = plots.attention_gallery(images, attention_examples(LOOKED_AT, 2), LOOKED_AT, maps)
    said = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert said.count("none") == 2
