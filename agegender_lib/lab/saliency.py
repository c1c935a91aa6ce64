"""Where the models look on one face: loaded when first asked for, then kept."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agegender_lib import plots
from agegender_lib.evaluation import relative_maps
from agegender_lib.plots.style import mark_rendered

Maps = dict[tuple[str, str], np.ndarray]


class SaliencyMaps:
    """Grad-CAM maps of faces that are asked for one after the other.

    Nothing is loaded before the first one, which takes seconds: Keras, the ``files`` (by model), and tracing each
    network's graph.
    """

    def __init__(self, files: Mapping[str, Path]):
        self.files = dict(files)
        self._explainers: dict[str, Callable[[np.ndarray], np.ndarray]] = {}

    @property
    def missing(self) -> list[str]:
        """The models that are not loaded yet, the smallest file, which is the quickest, first."""
        left = set(self.files) - set(self._explainers)
        return sorted(left, key=lambda name: (self.files[name].stat().st_size, name))

    def load(self, name: str) -> None:
        """Load one of the models."""
        from agegender_lib.inference import explainer  # Keras takes seconds
        from agegender_lib.models import load_model

        self._explainers[name] = explainer(load_model(self.files[name]))

    def maps(self, image: np.ndarray) -> Maps:
        """(model, task) to ``evaluation.relative_maps`` of one face, uint8 [128, 128, 3], of all models loaded."""
        found = {}
        for name in self.files:
            if name in self._explainers:
                found[name, "age"], found[name, "gender"] = self._explainers[name](np.asarray(image)[None])
        return relative_maps(found)


def saliency_figure(image: np.ndarray, predictions: pd.DataFrame, maps: Maps, task: str, synthetic: bool) -> Figure:
    """One task's maps of one face beside it, under what each model says: a row of ``predictions`` each."""
    shown = {key: each for key, each in maps.items() if key[1] == task}
    figure = plots.saliency_gallery(image[None], predictions.assign(face=0), shown)
    if synthetic:
        mark_rendered(figure)
    return figure
