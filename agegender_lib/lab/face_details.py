"""All that is known of one face, and where the models look on it."""

import html
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agegender_lib import plots
from agegender_lib.data import GENDERS, FaceSet, race_names
from agegender_lib.data.summary import RENDERED_NOTE
from agegender_lib.errors import InputError
from agegender_lib.evaluation import relative_maps
from agegender_lib.lab.face_table import LEVEL, SPLITS, of
from agegender_lib.lab.shown import Gallery, data_uri
from agegender_lib.plots.style import mark_rendered

Maps = dict[tuple[str, str], np.ndarray]

TASKS = ("age", "gender")
_MOST_COPIES = 8
NOT_CHOSEN = "Choose a face to see its labels, its near-duplicates and what the models say of it."
MEANING = "Grad-CAM: what adds to each prediction, 1 being uniform. A wrong gender is red."
NO_RUNS = (
    "No model has read these faces: no finished training of them was found. Execute 02_model_a and "
    "03_pretrained with the same data, or name run folders."
)


class SaliencyMaps:
    """Grad-CAM maps of faces; nothing is loaded before the first: Keras, the ``files`` (by model), networks' graphs."""

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


class FaceDetails(widgets.VBox):
    """One face: its picture and labels, its near-duplicates, every model's predictions, and where they look.

    ``on_choose`` gets the row of a near-duplicate that was clicked; ``row`` is that of the face that is shown, if any.
    """

    def __init__(
        self,
        faces: FaceSet,
        table: pd.DataFrame,
        models: list[str],
        saliency: SaliencyMaps,
        on_choose: Callable[[int], None],
    ):
        self.row: int | None = None
        self._faces, self._table, self._models, self._saliency = faces, table, models, saliency
        self._copies: np.ndarray = np.empty(0, int)
        self.words = widgets.HTML(f"<p>{NOT_CHOSEN}</p>")
        self.predictions = widgets.HTML()
        self.copies_words = widgets.HTML()
        self.copies = Gallery(_MOST_COPIES, lambda number: on_choose(int(self._copies[number])))
        tip = "Grad-CAM of every model, for age and gender"
        self.look = widgets.Button(description="Where the models look", icon="eye", tooltip=tip)
        self.look.on_click(lambda _: self._look())
        self.at_once = widgets.Checkbox(description="for every face", indent=False)
        self.at_once.observe(lambda _: self.at_once.value and self._look(), "value")
        self.saliency_words = widgets.HTML()
        self.saliency_images = {task: widgets.Image(format="png") for task in TASKS}
        for task, image in self.saliency_images.items():
            image.add_class("agegender-saliency").add_class(f"agegender-saliency-{task}")
        super().__init__([self.words])
        self.add_class("agegender-details")

    def show(self, row: int) -> None:
        """Show the face in this row of the table."""
        self.row = row
        face = self._table.iloc[row]
        self.words.value = self._labels(face)
        self.predictions.value = predictions_html(face, self._models)
        self._show_copies(face)
        parts = [self.words, self.predictions]
        if len(self._copies):
            parts += [self.copies_words, self.copies]
        if self._saliency.files:
            self.saliency_words.value = ""
            parts += [widgets.HBox([self.look, self.at_once]), self.saliency_words]
        elif self._models:
            words = "Their model files are not there to see where they look."
            self.saliency_words.value = f"<p class='quiet'>{words}</p>"
            parts.append(self.saliency_words)
        self.children = parts
        if self._saliency.files and self.at_once.value:
            self._look()

    def _labels(self, face: pd.Series) -> str:
        race = race_names(self._table["race"])[self.row]
        said = f"{face['age']} years, {GENDERS[face['gender']]}, {race}"
        drawn = f"<p class='quiet'>{RENDERED_NOTE}</p>" if self._faces.synthetic else ""
        return (
            f"<img class='face' src='{data_uri(self._faces.images[self.row])}' alt='face labelled {said}'>"
            f"<p>labelled <b>{said}</b></p><p class='quiet'>{html.escape(face['file'])}</p>{drawn}"
        )

    def _show_copies(self, face: pd.Series) -> None:
        same = self._table["duplicate_group"] == face["duplicate_group"]
        rows = np.flatnonzero(same) if face["duplicate_group"] >= 0 else np.empty(0, int)
        rows = rows[rows != self.row]
        self._copies = rows[:_MOST_COPIES]
        if not len(rows):
            return
        labels = self._table.iloc[[self.row, *rows]]
        differing = [f"{label}s" for label in ("age", "gender") if len(set(labels[label])) > 1]
        which = f"their {' and '.join(differing)} disagree" if differing else "ages and genders agree"
        more = f", of which {_MOST_COPIES} are shown" if len(rows) > _MOST_COPIES else ""
        self.copies_words.value = (
            f"<h4>Near-duplicates</h4><p>The same photograph under {len(rows)} other "
            f"name{'s' if len(rows) > 1 else ''}{more}; {which}.</p>"
        )
        copies = self._table.iloc[self._copies]
        self.copies.show(self._faces.images[self._copies], captions(copies), list(copies["file"]))

    def _look(self) -> None:
        if self.row is None or not self._saliency.files:
            return
        self.look.disabled = True
        try:
            missing = self._saliency.missing
            for number, name in enumerate(missing, start=1):
                which = f"{html.escape(name)}, {number} of {len(missing)}"
                self.saliency_words.value = f"<p>Loading {which}: once, in seconds to a minute …</p>"
                self._saliency.load(name)
                self._draw()
            if not missing:
                self._draw()
            self.saliency_words.value = f"<p class='quiet'>{MEANING}</p>"
        except InputError as error:
            self.saliency_words.value = f"<p class='wrong'>{html.escape(str(error))}</p>"
        finally:
            self.look.disabled = False

    def _draw(self) -> None:
        image, face = np.asarray(self._faces.images[self.row]), self._table.iloc[self.row]
        maps = self._saliency.maps(image)
        said = {name: [face[of(what, name)] for what in ("age_predicted", "p_female")] for name in self._saliency.files}
        predictions = pd.DataFrame.from_dict(said, orient="index", columns=["age_predicted", "p_female"])
        predictions = predictions.rename_axis("model").reset_index().assign(age=face["age"], gender=face["gender"])
        for task, shown in self.saliency_images.items():
            shown.value = saliency_figure(image, predictions, maps, task, self._faces.synthetic)._repr_png_()
        if self.saliency_images["age"] not in self.children:
            self.children = [*self.children, *self.saliency_images.values()]


def captions(rows: pd.DataFrame) -> list[str]:
    """ "24 y, female" of every row, as it stands below a thumbnail."""
    return [f"{age} y, {GENDERS[gender]}" for age, gender in zip(rows["age"], rows["gender"], strict=True)]


def predictions_html(face: pd.Series, models: list[str]) -> str:
    """What each model says of a face, a row of ``face_table``, and how far from its labels, as HTML."""
    if not models:
        return "<p>No model has read this face.</p>"
    rows, sides = [], {}
    for name in models:
        if pd.isna(face[of("age_predicted", name)]):
            rows.append(f"<tr><th>{html.escape(name)}</th><td colspan='4'>has not read this face</td></tr>")
            continue
        sides.setdefault(face[of("split", name)], []).append(name)
        p_female, wrong = face[of("p_female", name)], face[of("gender_wrong", name)]
        right = "<span class='wrong'>wrong</span>" if wrong else "right"
        gender, error = GENDERS[int(p_female >= 0.5)], f"{face[of('age_error', name)]:+.1f} years"
        low, high = (face.get(of(end, name), np.nan) for end in ("age_low", "age_high"))
        interval = "" if pd.isna(low) else f" ({low:.0f} to {high:.0f})"
        rows.append(
            f"<tr><th>{html.escape(name)}</th><td>{face[of('age_predicted', name)]:.1f}{interval}</td>"
            f"<td>{error.replace('-', '−')}</td><td>{gender}, {right}</td><td>{p_female:.3f}</td></tr>"
        )
    head = f"<tr><th></th><th>age ({LEVEL:.0%} interval)</th><th>error</th><th>gender</th><th>P(female)</th></tr>"
    return f"<h4>What the models say</h4><table>{head}{''.join(rows)}</table>" + "".join(
        f"<p class='quiet'>{_side(split, names, len(models))}</p>" for split, names in sides.items()
    )


def _side(split: str, names: list[str], models: int) -> str:
    who = "these models" if len(names) == models > 1 else " and ".join(map(html.escape, names))
    if split == "validation":
        return f"A {SPLITS[split]} face: {who} never learnt from it."
    if split == "train":
        return (
            f"A {SPLITS[split]} face: {who} learnt from it: a prediction near the label says little about other faces. "
            "Intervals are kept of validation faces only."
        )
    return f"A face that {who} neither learnt from nor was judged by."


def saliency_figure(image: np.ndarray, predictions: pd.DataFrame, maps: Maps, task: str, synthetic: bool) -> Figure:
    """One task's maps of one face beside it, under what each model says: a row of ``predictions`` each."""
    shown = {key: each for key, each in maps.items() if key[1] == task}
    figure = plots.saliency_gallery(image[None], predictions.assign(face=0), shown)
    if synthetic:
        mark_rendered(figure)
    return figure
