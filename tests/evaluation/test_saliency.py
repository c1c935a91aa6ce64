"""Which faces are looked at, and that saliency planted in maps is found again."""

import numpy as np
import pandas as pd
import pytest
from plot_tools import check_layout, drawn

from agegender_lib import plots
from agegender_lib.data import AGE_BANDS, CORRUPTIONS, REGIONS, region_masks
from agegender_lib.evaluation import (
    mean_faces,
    mean_maps,
    randomisation_check,
    region_shares,
    relative_maps,
    saliency_examples,
    sample_faces,
)
from agegender_lib.plots.saliency import overlay
from agegender_lib.plots.style import TEXT_WIDTH_CM
from agegender_lib.runs import predictions_table

MASKS = region_masks()


def predictions(n=400, seed=0, ages=None):
    """A model that reads a tenth of the genders wrongly and errs on ages by up to a tenth of them."""
    rng = np.random.default_rng(seed + 1)
    ages = np.random.default_rng(0).integers(0, 90, n) if ages is None else np.asarray(ages)
    gender = np.arange(len(ages)) % 2
    said = np.where(rng.random(len(ages)) < 0.1, 1 - gender, gender)
    read = ages * (1 + rng.uniform(-0.1, 0.1, len(ages))) + rng.uniform(0, 0.1, len(ages))
    return predictions_table(ages, read, gender, np.where(said == 1, 0.8, 0.2))


BOTH = {"ModelA": predictions(seed=1), "ModelB": predictions(seed=2).sample(frac=1, random_state=0)}
FILES = [f"{k}.jpg" for k in reversed(range(500))]  # the faces lie in another order, and there are more
SAMPLED = sample_faces(BOTH, FILES, 100)


def flat(n=100):
    return np.ones((n, 128, 128), np.float32)


def only(region, n=100):
    return np.repeat(MASKS[region][None].astype(np.float32), n, axis=0)


def noise(seed, n=100):
    """Smooth random maps, each another."""
    coarse = np.random.default_rng(seed).random((n, 8, 8), dtype=np.float32)
    return np.kron(coarse, np.ones((16, 16), np.float32))


def test_regions_do_not_overlap_and_new_ones_are_no_corruptions():
    assert set(MASKS) == {*REGIONS, "elsewhere"} == {"forehead", "eyes", "nose", "mouth", "elsewhere"}
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in MASKS.values()), 1)
    assert MASKS["eyes"][27:45, 16:112].all() and MASKS["eyes"].sum() == 18 * 96
    assert MASKS["mouth"][76:102, 30:98].all() and MASKS["mouth"].sum() == 26 * 68
    assert set(CORRUPTIONS) & {*REGIONS} == {"eyes", "mouth"}


def test_every_band_has_as_many_faces_whatever_the_tables_order():
    assert SAMPLED["age_band"].tolist() == [band for band in AGE_BANDS for _ in range(10)]
    assert [FILES[row] for row in SAMPLED["row"]] == SAMPLED["file"].tolist()
    labels = BOTH["ModelA"].set_index("file").loc[SAMPLED["file"]]
    assert labels["age"].tolist() == SAMPLED["age"].tolist() and SAMPLED["file"].is_unique
    turned = {name: table[::-1] for name, table in BOTH.items()}
    pd.testing.assert_frame_equal(sample_faces(turned, FILES, 100), SAMPLED)
    few = sample_faces({"m": predictions(ages=[1] * 3 + [25] * 100)}, FILES, 200)
    assert few["age_band"].value_counts()[["0-2", "20-29"]].tolist() == [3, 20]
    assert few["file"].tolist()[3:] != [f"{k}.jpg" for k in range(3, 23)]


def test_mean_maps_and_faces_are_those_of_their_band():
    maps, images = flat(), np.zeros((100, 4, 4, 3), np.uint8)
    maps[:20] = only("mouth")[0]
    maps[90:] = 7 * only("eyes")[0]
    maps[90] = 0
    images[90:] = 200
    random = [{("ModelB", "gender"): only("nose")}, {("ModelB", "gender"): 5 * only("forehead")}]
    table = mean_maps({("ModelB", "gender"): maps}, SAMPLED, random)
    table = table.set_index(["weights", "age_band"])["map"]
    mouth, eyes, nose, forehead = (MASKS[name] / MASKS[name].mean() for name in ("mouth", "eyes", "nose", "forehead"))
    assert len(table) == 12
    for band, wanted in (("0-2", mouth), ("3-9", mouth), ("60-69", np.ones((128, 128))), ("80+", eyes)):
        np.testing.assert_allclose(table["trained", band], wanted, rtol=1e-4)
    np.testing.assert_allclose(table["trained", "all"], (20 * mouth + 9 * eyes + 70) / 99, rtol=1e-3)
    np.testing.assert_allclose(table["random", "all"], (nose + forehead) / 2, rtol=1e-4)
    faces = mean_faces(images, SAMPLED)
    assert list(faces) == ["all", *AGE_BANDS]
    assert (faces["80+"] == 200).all() and (faces["70-79"] == 0).all() and (faces["all"] == 20).all()


def test_planted_saliency_is_found_with_its_interval_and_empty_maps_are_counted():
    """All of it on the mouth of 60 faces or on the eyes of 30, in other units; the maps of ten are empty."""
    maps = np.concatenate([only("mouth", 60), 3 * only("eyes", 30), np.zeros((10, 128, 128), np.float32)])
    random = [{("ModelA", "gender"): only("mouth")}, {("ModelA", "gender"): flat()}]
    table = region_shares({("ModelA", "gender"): maps}, SAMPLED, random).set_index("region")
    assert (table["n"] == 90).all() and (table["blank"] == 10).all()
    for region, share in (("mouth", 2 / 3), ("eyes", 1 / 3)):
        row, area = table.loc[region], MASKS[region].mean()
        assert row["share"] == pytest.approx(share, rel=1e-4)
        assert row["ratio"] == pytest.approx(share / area, rel=1e-4)
        # as wide as a share of that many faces is uncertain
        half = 1.96 * np.sqrt(2 / 9 / 90) / area
        assert row["ratio_low"] == pytest.approx(row["ratio"] - half, rel=0.06)
        assert row["ratio_high"] == pytest.approx(row["ratio"] + half, rel=0.06)
    wanted = [(1 + 1 / MASKS["mouth"].mean()) / 2, 1, 1 / MASKS["mouth"].mean()]
    found = table.loc["mouth", ["random", "random_low", "random_high"]]
    np.testing.assert_allclose(found.astype(float), wanted, rtol=1e-4)
    together = region_shares({("ModelA", "age"): maps}, SAMPLED.assign(duplicate_group=3))
    np.testing.assert_array_equal(together["ratio_low"], together["ratio_high"])


def test_the_randomisation_check_tells_the_average_from_what_is_a_faces_own():
    shared, rest = only("mouth", 1) + 0.2, noise(2)
    maps = {("ModelA", "age"): shared + noise(1) * 0.3, ("ModelA", "gender"): rest}
    random = [
        # the average is alike and the rest another; then the other way round, in other units
        {("ModelA", "age"): shared + noise(4) * 0.3, ("ModelA", "gender"): 9 * (rest + 4 * only("eyes", 1))},
        {("ModelA", "age"): shared + noise(5) * 0.3, ("ModelA", "gender"): 9 * (rest + 4 * only("nose", 1))},
    ]
    random[1]["ModelA", "age"][:3] = 0
    table = randomisation_check(maps, random, SAMPLED).set_index("task")
    mean, face, low, high = table.loc["age"].filter(like="correlation")
    assert mean > 0.97 and abs(face) < 0.03 and low < 0 < high
    mean, face, low, _ = table.loc["gender"].filter(like="correlation")
    assert abs(mean) < 0.35 and face > 0.9 and low > 0.85
    assert table[["n", "blank"]].to_numpy().tolist() == [[97, 3], [100, 0]]


def figures():
    keys = [(model, task) for model in ("ModelA", "ModelB") for task in ("age", "gender")]
    maps = {key: noise(k) + only("mouth") for k, key in enumerate(keys)}
    random = [{key: noise(9 + k) for k, key in enumerate(keys)}]
    images = np.random.default_rng(0).integers(0, 256, (100, 128, 128, 3), dtype=np.uint8)
    examples, tables, faces = saliency_examples(BOTH, SAMPLED), mean_maps(maps, SAMPLED, random), None
    faces = mean_faces(images, SAMPLED)
    return {
        "maps": (plots.saliency_maps(tables, faces), (tables, faces)),
        "gallery": (plots.saliency_gallery(images, examples, relative_maps(maps)), examples),
        "regions": (plots.saliency_regions(region_shares(maps, SAMPLED, random)), None),
    }


FIGURES = figures()


@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_the_page_and_cut_nothing_off(name):
    figure, _ = FIGURES[name]
    check_layout(figure, drawn(figure))
    width, height = figure.get_size_inches() * 2.54
    assert width <= TEXT_WIDTH_CM + 1e-6 and height <= 20


def test_every_map_stands_in_its_row_and_column_on_one_scale():
    figure, (table, faces) = FIGURES["maps"]
    cells = [ax for ax in figure.axes if ax.images]
    assert len(cells) == 4 * (len(AGE_BANDS) + 2)
    most = max(each.max() for each in table.loc[table["weights"] == "trained", "map"])
    table = table.set_index(["model", "task", "weights", "age_band"])["map"]
    rows = [("ModelA", "age"), ("ModelA", "gender"), ("ModelB", "age"), ("ModelB", "gender")]
    for number, ax in enumerate(cells):
        row, column = divmod(number, len(AGE_BANDS) + 2)
        weights, band = [*(("trained", band) for band in (*AGE_BANDS, "all")), ("random", "all")][column]
        wanted = overlay(faces[band], table[(*rows[row], weights, band)] / most)
        np.testing.assert_array_equal(ax.images[0].get_array(), wanted)
