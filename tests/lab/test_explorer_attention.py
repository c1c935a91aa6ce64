"""Where the models look on the face that was clicked."""

import io

import keras
import numpy as np
import pytest
from explorer_tools import faces_of, write_run
from model_tools import lived_in
from PIL import Image

from agegender_lib.evaluation import relative_maps
from agegender_lib.lab import Explorer, attention
from agegender_lib.models import build_model_a, grad_cams
from agegender_lib.plots.saliency import overlay


@pytest.fixture(scope="module")
def faces():
    return faces_of(rendered=True)


@pytest.fixture(scope="module")
def runs(faces, tmp_path_factory):
    """Two tiny networks with other weights, in run folders."""
    work, found = tmp_path_factory.mktemp("runs"), {}
    for seed, name in enumerate(("ModelA", "ModelF")):
        keras.utils.set_random_seed(seed)
        model = lived_in(
            build_model_a(widths=(8, 8), stem=8, side=48), faces.images[:8] / np.float32(255), seed
        )
        folder = write_run(work / f"model_a-{seed}", faces)
        model.save(folder / "model.keras")
        found[name] = folder
    return found


@pytest.fixture
def shown(faces, runs):
    return Explorer(faces, runs)


@pytest.fixture
def figures(monkeypatch):
    """What was drawn: (model names, task) of every figure, and the figures."""
    made, draw = [], attention.attention_figure
    noted = lambda *args: made.append((args[3], draw(*args))) or made[-1][1]  # noqa: E731
    monkeypatch.setattr("agegender_lib.lab.face_details.attention_figure", noted)
    return made


def overlays(figure):
    """The pictures on the panels of a figure, the face itself left out."""
    return [np.asarray(ax.images[0].get_array(), int) for ax in figure.axes if ax.images][1:]


def test_maps_are_those_of_every_model_and_task(shown, faces, runs, figures):
    shown.gallery.thumbnails[4].click()
    assert shown.details.attention_images["age"] not in shown.details.children
    shown.details.look.click()
    networks = {name: keras.models.load_model(folder / "model.keras") for name, folder in runs.items()}
    wanted = grad_cams(networks, faces.images[[4]])
    last = dict(figures[-2:])
    found = {task: overlays(figure) for task, figure in last.items()}
    assert list(last) == ["age", "gender"] and [len(each) for each in found.values()] == [2, 2]
    for task, each in found.items():
        own = [relative_maps(wanted)[name, task][0] for name in networks]
        most = np.quantile(own, 0.999)
        for one, relative in zip(each, own, strict=True):
            np.testing.assert_allclose(one, overlay(faces.images[4], relative / most), atol=2)
        assert not np.allclose(*each)
    assert not np.allclose(found["age"][0], found["gender"][0])
    pictures = [image.value for image in shown.details.attention_images.values()]
    assert pictures[0] != pictures[1]
    assert all(Image.open(io.BytesIO(picture)).format == "PNG" for picture in pictures)
    assert set(shown.details.attention_images.values()) <= set(shown.details.children)
    assert "1 being an even share" in shown.details.attention_words.value
    assert not shown.details.look.disabled
    # faces that are drawn say so
    assert any("rendered" in text.get_text() for text in last["age"].texts)
