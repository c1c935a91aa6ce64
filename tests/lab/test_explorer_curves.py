"""Learning curves laid over each other, of trainings that are running: what is drawn, when, and when no more."""

import asyncio
import gc
import io
import os
import weakref

import matplotlib.pyplot as plt
import numpy as np
import pytest
from explorer_tools import faces_of, history_of, write_run
from matplotlib.colors import to_hex
from PIL import Image

from agegender_lib import lab, plots
from agegender_lib.errors import InputError
from agegender_lib.lab.histories import find_trainings, read_history
from agegender_lib.plots.style import COLOURS
from tests.plots.test_plots import check_layout, drawn


@pytest.fixture(scope="module")
def faces():
    return faces_of()


def grow(folder, epochs):
    """A further epoch, as a training writes it."""
    history = history_of(epochs)
    history.to_csv(folder / "part", index=False)
    os.replace(folder / "part", folder / "history.csv")


def lines(figure, kind):
    """By panel, the y values of the curves of this kind."""
    return [[list(line.get_ydata()) for line in ax.lines if line.get_gid() == kind] for ax in figure.axes]


@pytest.fixture
def figures(monkeypatch):
    """Every figure of curves that was drawn, in order."""
    made, draw = [], plots.overlaid_curves
    monkeypatch.setattr(plots, "overlaid_curves", lambda *args: made.append(draw(*args)) or made[-1])
    return made


# The figure.


def test_every_training_has_its_curves_and_its_best_epoch():
    tables = {"ModelF 1, made": history_of(4), "other": history_of(7), "ModelA 2, made": history_of(5)}
    tables["other"].loc[2, "val_age_mae"] = 0.5
    figure = plots.overlaid_curves(tables)
    columns = ("gender_loss", "gender_accuracy", "age_loss", "age_mae")
    for column, train, validation in zip(
        columns, lines(figure, "train"), lines(figure, "validation"), strict=True
    ):
        assert train == [list(table[column]) for table in tables.values()]
        assert validation == [list(table[f"val_{column}"]) for table in tables.values()]
    rings = [line for line in figure.axes[3].lines if line.get_marker() == "o"]
    assert [ring.get_xydata().ravel().tolist() for ring in rings] == [[4, 1], [3, 0.5], [5, 1]]
    colours = [to_hex(line.get_color()) for line in figure.axes[0].lines if line.get_gid() == "validation"]
    assert colours[0] == COLOURS["ModelF"].lower() and colours[2] == COLOURS["ModelA"].lower()
    assert len(set(colours)) == 3
    assert not any(lines(plots.overlaid_curves(tables, train=False), "train"))


def test_as_many_as_can_be_told_apart_and_no_more():
    tables = {f"ModelA {n:08}, train_val": history_of(3) for n in range(21)}
    figure = plots.overlaid_curves(tables)
    looks = {
        (line.get_color(), str(line._unscaled_dash_pattern))
        for line in figure.axes[0].lines
        if line.get_gid() == "validation"
    }
    assert len(looks) == 21
    check_layout(figure, drawn(figure))
    for wrong in ({}, {**tables, "one more": history_of(3)}):
        with pytest.raises(InputError, match=f"{len(wrong)} learning curves .*: give 1 to 21"):
            plots.overlaid_curves(wrong)


def test_an_exploding_epoch_is_cut_off_and_told():
    wild = history_of(40)
    wild.loc[3, "val_age_mae"] = 5000
    figure = plots.overlaid_curves({"calm": history_of(40), "wild": wild})
    assert figure.axes[3].get_ylim()[1] < 3 and figure.axes[0].get_ylim()[1] < 3
    assert [text.get_text() for text in figure.axes[3].texts] == ["off the scale: up to 5e+03"]
    assert not figure.axes[0].texts


def test_epochs_without_a_number_have_no_ring():
    table = history_of(3).assign(val_age_mae=np.nan)
    ax = plots.overlaid_curves({"a": table}).axes[3]
    assert not [line for line in ax.lines if line.get_marker() == "o"]


# What is on disk.


def test_trainings_are_found_with_the_newest_first(faces, tmp_path):
    old = write_run(tmp_path / "model_a-1", faces)
    new = write_run(tmp_path / "model_f-2", faces, epochs=2, finished=False, model="model_f", of=9)
    os.utime(old / "history.csv", (1, 1))
    begun = write_run(tmp_path / "model_a-3", faces, epochs=0, finished=False)
    os.utime(begun / "config.json", (2, 2))
    (tmp_path / "notes").mkdir()
    (tmp_path / "other" / "config.json").parent.mkdir()
    (tmp_path / "other" / "config.json").write_text("[]")
    found = find_trainings([tmp_path, tmp_path / "gone", old])
    assert [training.folder for training in found] == [new, begun, old]
    assert [t.name for t in found] == ["ModelF 2, made", "ModelA 3, made", "ModelA 1, made"]
    assert [(t.epochs, t.finished, t.stamp is None) for t in found] == [
        (9, False, False),
        (10, False, True),
        (10, True, False),
    ]


def test_a_history_that_is_half_there_is_read_as_far_as_it_is_whole(tmp_path):
    assert read_history(tmp_path) is None
    text = history_of(3).to_csv(index=False)
    whole = text.splitlines(keepends=True)
    for end, epochs in ((0, None), (5, None), (len(whole[0]), None), (len(text) - 3, 2), (len(text), 3)):
        (tmp_path / "history.csv").write_text(text[:end])
        found = read_history(tmp_path)
        assert (None if found is None else len(found)) == epochs, end
    (tmp_path / "history.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(InputError, match=r"history\.csv lacks the column.* stage"):
        read_history(tmp_path)
    (tmp_path / "history.csv").write_text('epoch\n1,2\n"\n')
    with pytest.raises(InputError, match=r"history\.csv cannot be read"):
        read_history(tmp_path)


# The widget.


def test_a_history_that_grows_is_drawn_anew_and_only_then(faces, tmp_path, figures):
    folder = write_run(tmp_path / "model_a-1", faces, epochs=2, finished=False)
    curves = lab.learning_curves(tmp_path)
    assert len(figures) == 1 and "2 of 10" in curves.words.value and not curves.live.value
    before = curves.picture.value
    assert Image.open(io.BytesIO(before)).format == "PNG"
    assert not curves.update() and len(figures) == 1
    grow(folder, 5)
    assert curves.update()
    assert len(lines(figures[-1], "validation")[0][0]) == 5 and "5 of 10" in curves.words.value
    assert curves.picture.value != before
    (folder / "metrics.json").write_text("{}")
    assert curves.update() and "finished" in curves.words.value
    assert plt.get_fignums() == []


def test_what_is_chosen_is_drawn(faces, tmp_path, figures):
    folders = [write_run(tmp_path / f"model_a-{n}", faces, epochs=n) for n in (1, 2, 3, 4)]
    curves = lab.learning_curves(tmp_path, chosen=[folders[1], folders[3]])
    assert sorted(len(curve) for curve in lines(figures[-1], "validation")[0]) == [2, 4]
    curves.choice.value = (folders[0],)
    assert [len(curve) for curve in lines(figures[-1], "validation")[0]] == [1]
    assert "1 of 10" in curves.words.value and "2 of 10" not in curves.words.value
    # a curve that is added changes no other one's colour, although its training is newer
    first = figures[-1].axes[0].lines[0].get_color()
    os.utime(folders[2] / "history.csv", (2e9, 2e9))
    curves.choice.value = (folders[2], folders[0])
    assert [len(curve) for curve in lines(figures[-1], "validation")[0]] == [1, 3]
    assert figures[-1].axes[0].lines[0].get_color() == first
    curves.train.value = False
    assert not any(lines(figures[-1], "train"))
    curves.choice.value = ()
    assert "Choose one training or more" in curves.words.value and curves.picture.layout.display == "none"


def test_a_training_that_begins_appears(faces, tmp_path, figures):
    curves = lab.learning_curves(tmp_path / "runs")
    assert "No training in" in curves.words.value and not figures and not curves.choice.options
    begun = write_run(tmp_path / "runs" / "model_a-1", faces, epochs=0, finished=False)
    curves.update()
    assert [folder for _, folder in curves.choice.options] == [begun] and curves.choice.value == ()
    curves.choice.value = (begun,)
    assert "none finished yet" in curves.words.value and not figures
    grow(begun, 1)
    curves.update()
    assert len(figures) == 1 and curves.picture.layout.display is None
    # others come and go, what is chosen stays
    other = write_run(tmp_path / "runs" / "model_a-2", faces)
    curves.update()
    assert curves.choice.value == (begun,) and len(curves.choice.options) == 2 and len(figures) == 1
    for part in other.iterdir():
        part.unlink()
    curves.update()
    assert curves.choice.value == (begun,) and len(curves.choice.options) == 1


def test_a_history_that_cannot_be_read_leaves_the_last_one_and_is_told(faces, tmp_path, figures):
    folder = write_run(tmp_path / "model_a-1", faces, epochs=2, finished=False)
    curves = lab.learning_curves(tmp_path)
    (folder / "history.csv").write_text("epoch,loss\n1,2\n")
    curves.update()
    assert "lacks the column" in curves.words.value and "2 of 10" in curves.words.value
    assert len(lines(figures[-1], "validation")[0][0]) == 2
    grow(folder, 3)
    curves.update()
    assert "lacks" not in curves.words.value and "3 of 10" in curves.words.value


async def until(true):
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def test_while_it_is_live_it_looks_by_itself_and_shows_new_trainings(faces, tmp_path, figures):
    folder = write_run(tmp_path / "model_a-1", faces, epochs=2, finished=False)

    async def watch():
        curves = lab.learning_curves(tmp_path, refresh=0.02)
        assert curves.live.value
        grow(folder, 4)
        await until(lambda: "4 of 10" in curves.words.value)
        new = write_run(tmp_path / "model_b-2", faces, epochs=1, finished=False, model="model_b")
        await until(lambda: new in curves.choice.value and "ModelB 2" in curves.words.value)
        curves.live.value = False
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)
        grow(folder, 6)
        await asyncio.sleep(0.1)
        assert "6 of 10" not in curves.words.value
        curves.live.value = True
        await until(lambda: "6 of 10" in curves.words.value)
        curves.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(watch())
    assert plt.get_fignums() == []


def test_a_cell_executed_again_leaves_nothing_that_goes_on_looking(faces, tmp_path):
    write_run(tmp_path / "model_a-1", faces)

    async def twice():
        first = lab.learning_curves(tmp_path, refresh=0.02)
        elsewhere = lab.learning_curves(tmp_path / "model_a-1", refresh=0.02)
        second = lab.learning_curves(tmp_path, refresh=0.02)
        await asyncio.sleep(0.05)
        assert not first.live.value and second.live.value and elsewhere.live.value
        assert len(asyncio.all_tasks()) == 3
        second.close()
        elsewhere.close()

    asyncio.run(twice())


def test_figures_are_not_kept(faces, tmp_path, monkeypatch):
    folder = write_run(tmp_path / "model_a-1", faces, epochs=1, finished=False)
    made, draw = [], plots.overlaid_curves

    def noted(*args):
        figure = draw(*args)
        made.append(weakref.ref(figure))
        return figure

    monkeypatch.setattr(plots, "overlaid_curves", noted)
    curves = lab.learning_curves(tmp_path)
    for epochs in (2, 3):
        grow(folder, epochs)
        curves.update()
    gc.collect()
    assert len(made) == 3 and [ref() for ref in made] == [None] * 3


@pytest.mark.parametrize("refresh", [0, -1, float("nan")])
def test_a_time_that_makes_no_sense_is_refused(tmp_path, refresh):
    with pytest.raises(InputError, match=r"refresh is .*: give seconds, above 0"):
        lab.learning_curves(tmp_path, refresh=refresh)
