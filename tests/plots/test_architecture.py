"""A network, block by block."""

import itertools
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from matplotlib.patches import FancyBboxPatch
from plot_tools import CM, drawn, layers, words

from agegender_lib import plots


def check_boxes(figure, table):
    """Every block is a box of its own, holding its name, shape and parameters, in its branch's place."""
    renderer = drawn(figure)
    ax = figure.axes[0]
    boxes = [patch.get_window_extent(renderer) for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == len(table)
    for box, other in itertools.combinations(boxes, 2):
        assert not box.overlaps(other)
    inside = [[] for _ in boxes]
    for text in ax.texts:
        extent = text.get_window_extent(renderer)
        if text.get_text():
            holding = [n for n, box in enumerate(boxes) if box.overlaps(extent)]
            assert len(holding) <= 1, text.get_text()
            for n in holding:
                assert boxes[n].x0 <= extent.x0 and extent.x1 <= boxes[n].x1, text.get_text()
                inside[n].append(text.get_text())
    found = sorted((held[0], held[1]) for held in inside)
    assert found == sorted(zip(table["name"], table["output_shape"], strict=True))
    counted = [text.removesuffix(", fixed") for held in inside for text in held[2:3] if text[0].isdigit()]
    wanted = [f"{count:,}" for count in table["parameters"] if count]
    assert sorted(set(counted) & set(wanted)) == sorted(set(wanted))
    assert any(f"({table['parameters'].sum():,} in all)" in text for text in words(figure))
    return boxes, inside


def test_an_architecture_shows_every_block_and_the_total():
    table = layers(trainable=[0, 1234, 0, 17, 7000])
    figure = plots.draw_architecture(table, "ModelA")
    boxes, inside = check_boxes(figure, table)
    place = {(held[0], held[2] if len(held) > 2 else ""): box for box, held in zip(boxes, inside, strict=True)}
    gender, age, trunk = place["output", "17"], place["output", "7,000"], place["block 1", "1,234"]
    assert gender.x1 < age.x0 and gender.y0 == pytest.approx(age.y0)  # side by side, on one level
    assert trunk.y0 > place["dense", "56, fixed"].y1 > gender.y1  # from top to bottom
    assert {"gender", "age", "ModelA"} <= set(words(figure))
    plain = words(plots.draw_architecture(layers(), "ModelB"))
    assert "56" in plain and "ModelA" not in plain  # without the column nothing is called fixed


BUILD = {
    "ModelA": lambda models: models.build_model_a(),
    "ModelA, shared and pooled": lambda models: models.build_model_a(
        "original", split_after=2, features="global", pooling="average", age_head="distribution"
    ),
    "ModelB of VGG16": lambda models: models.build_model_b("vgg16", weights="none"),
    "ModelA, flips averaged": lambda models: models.add_test_time_augmentation(models.build_model_a("original")),
}


@pytest.mark.parametrize("name", BUILD)
def test_real_models_are_described_in_full_and_fit_a_page(name):
    from agegender_lib import models

    model = BUILD[name](models)
    table = models.summary_table(model)
    assert table["parameters"].sum() == model.count_params()
    learning = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert table["trainable"].sum() == learning
    assert table["name"].iloc[0] == "input" and table["output_shape"].iloc[0] == "128 × 128 × 3"
    for branch in ("gender", "age"):
        last = table[table["branch"] == branch].iloc[-1]
        assert (last["name"], last["output_shape"]) == ("output", "1")
    figure = plots.draw_architecture(table, name)
    check_boxes(figure, table)
    width, height = figure.get_size_inches() * CM
    assert width <= 15.001 and height <= 16  # a caption still fits below it


def test_a_description_names_what_a_block_does():
    from agegender_lib import models

    table = models.summary_table(models.build_model_a(widths=(32, 64), stem=32)).set_index(["branch", "name"])
    assert table.loc[("shared", "stem"), "kind"] == "Conv 3 × 3 × 32, stride 2"
    stage = table.loc[("shared", "stage 2")]
    assert stage["kind"] == "residual block" and "Conv 3 × 3 × 64" in stage["detail"]
    assert stage["detail"].endswith("1 × 1 shortcut and first Conv with stride 2")
    age = table.loc[("age", "output"), ["kind", "parameters", "trainable"]]
    assert age.to_list() == ["Expectation", 117, 0]
