"""The report's own text: what it says follows from the tables, whichever way they turn out."""

import json
import shutil

import nbformat
import pandas as pd
import pytest

from agegender_lib import folders
from agegender_lib.pipeline.export.numbers import Numbers
from agegender_lib.pipeline.model_card import write_cards


@pytest.fixture
def results(tmp_path):
    """A copy of the committed results, to be changed."""
    kept = tmp_path / "results"
    shutil.copytree(folders.REPORT / "results", kept, ignore=shutil.ignore_patterns("ablations", "search", "runs"))
    for page in ("MODEL_CARD.md", "DATA_SHEET.md"):
        shutil.copy(folders.REPORT / page, tmp_path)
    return kept


def change(results, name, alter):
    table = pd.read_csv(results / f"{name}.csv")
    alter(table).to_csv(results / f"{name}.csv", index=False)


def text_of(results, about):
    """The cell that begins with this heading, filled, in one line."""
    cells = nbformat.read(folders.REPORT / "report.ipynb", as_version=4).cells
    (cell,) = (cell for cell in cells if cell.source.startswith(f"# {about}"))
    return " ".join(Numbers(results).fill(cell.source, about).split())


@pytest.mark.parametrize(
    ("name", "words"),
    [("FairFace", "`train_val`, with labels as FairFace's [@karkkainen2021]."), ("", "The faces are `train_val`.")],
)
def test_other_faces_are_not_called_utkface(results, name, words):
    file = results / "data.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"set_name": name, "split_given": True}))
    for path in results.glob("strangers*"):  # which such a report has not
        path.unlink()
    shutil.copytree(folders.REPORT / "results" / "runs" / "model_a", results / "runs" / "model_a")
    sheet, card = (path.read_text() for path in reversed(write_cards(results.parent)))
    cells = nbformat.read(folders.REPORT / "report.ipynb", as_version=4).cells
    text = " ".join(Numbers(results).fill("\n".join(cell.source for cell in cells), "report").split())
    assert words in text and "faces, as the labels say, and keep the members" in text
    # the frame of photographs is UTKFace's, whoever is in them
    weights = "faces of UTKFace"
    assert text.count("aligned as UTKFace's are") == 1 == text.replace(weights, "").count("UTKFace")
    assert "UTKFace" not in sheet and (name or "train_val") in sheet and "split as the labels say" in sheet
    assert "UTKFace" not in card.replace(weights, "") and "guess in 5 bins" in card


def test_a_study_is_told_by_its_intervals(results):
    def planted(table):
        for task in ("age_mae", "gender_accuracy"):
            table[[f"{task}_difference{end}" for end in ("", "_low", "_high")]] = (0.1, -1.0, 1.0)
        others = table.index[~table["baseline"]]
        for row, values in ((others[0], (0.5, 0.2, 0.8)), (others[1], (2, 1, 3)), (others[2], (-1.5, -2, -1))):
            table.loc[row, ["age_mae_difference", "age_mae_difference_low", "age_mae_difference_high"]] = values
        table.loc[others[3], "age_mae_difference"] = None  # not trained
        return table

    change(results, "recipe", planted)
    table = pd.read_csv(results / "recipe.csv")
    worst, best = table[~table["baseline"]].iloc[1], table[~table["baseline"]].iloc[2]
    text = text_of(results, "What each choice is worth")
    assert f"in {(~table['baseline']).sum() - 1} comparisons." in text
    assert "2 alternatives raise the age error by an interval that excludes zero and 1 lowers it" in text
    reference = table[table["baseline"]].set_index("factor")["variant"]
    for word, row in (("loss is 2.00", worst), ("gain is 1.50", best)):
        wanted = f"The largest {word} years ({row['factor']}: {row['variant']} instead of {reference[row['factor']]})."
        assert wanted in text


def test_missing_trainings_are_told_and_missing_studies_left_out(results):
    def lost(table):
        first = table["run"] == table["run"].iloc[0]
        return table.assign(age_mae=table["age_mae"].mask(first))

    assert "runs are done" not in text_of(results, "What each choice is worth")
    change(results, "claims_runs", lost)
    count = pd.read_csv(results / "claims_runs.csv")["run"].nunique()
    change(results, "heads", lambda table: table.assign(age_mae_difference=None))
    (results / "equal_data.csv").unlink()
    (results / "gradients.json").write_text(json.dumps({"cosine": None}))
    text = text_of(results, "What each choice is worth")
    assert f"own network ({count - 1} of {count} runs are done)." in text
    assert "Heads on a frozen" not in text and "fig-heads" not in text
    assert "at equal numbers of faces" not in text and "How many faces" in text
    assert "mean cosine" not in text and "fig-conflict" not in text


def test_the_better_model_is_named_only_beyond_chance(results):
    for low, high, wanted in (
        (0.1, 0.3, "ModelA is better, by more than chance."),
        (-0.3, -0.1, "ModelB is better, by more than chance."),
        (-0.1, 0.3, "the data do not decide which is better."),
    ):
        change(results, "paired", lambda table, low=low, high=high: table.assign(low=low, high=high))
        assert wanted in text_of(results, "Summary and discussion")


def test_one_group_alone_is_no_least_and_most(results):
    own = pd.read_csv(results / "age_bands.csv").query("model == 'ModelA'").index
    change(results, "age_bands", lambda table: table.assign(low_support=table.index != own[3], age_mae=4.25))
    change(results, "races", lambda table: table[table["race"] == "Asian"])
    text = text_of(results, "Summary and discussion")
    assert "images ModelA's MAE is 4.25 years in the only one, " in text
    assert "is lowest at" not in text and "By labelled race" not in text


@pytest.mark.parametrize("young", [3.0, -3.0])
def test_a_pattern_is_named_where_there_is_one(young, results):
    own = pd.read_csv(results / "age_bands.csv").query("model == 'ModelA'").index

    def planted(table):
        table.loc[own[0], "age_bias"], table.loc[own[-1], "age_bias"] = young, -3
        return table

    change(results, "age_bands", planted)
    text = text_of(results, "Summary and discussion")
    assert ("a loss rewarding the middle" in text) is (young > 0)


@pytest.mark.parametrize(
    ("trained", "held_out", "says"),
    [(14, 15, "it has learned little"), (3, 5, "overfitting"), (4.9, 5, "The gap is small")],
)
def test_what_the_curves_teach_depends_on_what_was_learned(trained, held_out, says, results):
    change(results, "costs", lambda table: table.assign(train_age_mae=float(trained), age_mae=float(held_out)))
    text = text_of(results, "Our own CNN")
    found = [word for word in ("it has learned little", "overfitting", "The gap is small") if word in text]
    assert found == [says]


def test_heads_from_a_published_model_are_told_as_that(results):
    for name in ("model_b", "model_f"):
        facts = json.loads((results / f"{name}.json").read_text())
        facts["weights_origin"] = "the published model; none of these faces has trained it"
        facts["settings"]["stages"] = [facts["settings"]["stages"][0] | {"trainable": "heads"}]
        facts["settings"]["patience"] = None
        (results / f"{name}.json").write_text(json.dumps(facts))
    text = text_of(results, "Pre-trained CNN")
    assert "Only the branches learn" in text and "come from the published model; none" in text
    for another in ("dashed line", "early stopping", "The belief was right", "for a reservation"):
        assert another not in text
    assert "has learned ages and genders" in text_of(results, "Introduction")
