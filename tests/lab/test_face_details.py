"""Where the models look on the face that was clicked."""

import keras
import numpy as np
from explorer_tools import faces_of, write_run
from model_tools import lived_in

from agegender_lib.evaluation import relative_maps
from agegender_lib.inference import grad_cams
from agegender_lib.lab import Explorer, face_details
from agegender_lib.models import build_model_a
from agegender_lib.plots.saliency import overlay


def test_maps_are_those_of_every_model_and_task(monkeypatch, tmp_path):
    faces, made, draw = faces_of(synthetic=True), {}, face_details.saliency_figure

    def noted(*given):
        made[given[3]] = draw(*given)
        return made[given[3]]

    monkeypatch.setattr("agegender_lib.lab.face_details.saliency_figure", noted)
    runs = {name: write_run(tmp_path / f"model_a-{name}", faces) for name in ("ModelA", "ModelF")}
    for seed, folder in enumerate(runs.values()):
        keras.utils.set_random_seed(seed)
        network = build_model_a(widths=(8, 8), stem=8, image_size=48)
        lived_in(network, faces.images[:8] / np.float32(255), seed).save(folder / "model.keras")
    shown = Explorer(faces, runs)
    shown.gallery.thumbnails[4].click()
    assert not made
    shown.details.look.click()
    networks = {name: keras.models.load_model(folder / "model.keras") for name, folder in runs.items()}
    wanted = relative_maps(grad_cams(networks, faces.images[[4]]))
    for task in ("age", "gender"):
        own = [wanted[name, task][0] for name in networks]
        # the face itself comes first
        panels = [np.asarray(ax.images[0].get_array(), int) for ax in made[task].axes if ax.images][1:]
        for panel, relative in zip(panels, own, strict=True):
            most = np.quantile(own, 0.999)
            np.testing.assert_allclose(panel, overlay(faces.images[4], relative / most), atol=2)
    assert set(shown.details.saliency_images.values()) <= set(shown.details.children)
