"""The model card and the data sheet: their numbers are those of the results, and nothing missing goes unsaid."""

import re
import shutil

import pandas as pd
import pytest

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.model_card import PAGES, render_card, write_cards

MODELS = ("ModelA", "ModelB", "ModelF")


@pytest.fixture
def results(tmp_path):
    """A copy of the committed results, to be changed."""
    kept = tmp_path / "results"
    shutil.copytree(folders.REPORT / "results", kept, ignore=shutil.ignore_patterns("ablations", "search"))
    return kept


def rows(card, title):
    """The cells of the table under a line that begins with ``title``, the heading row first."""
    lines = card[card.index(f"\n{title}") :].splitlines()[1:]
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    assert set(table[1]) <= {"---", "--:"} and len({len(row) for row in table}) == 1
    return [table[0], *table[2:]]


def models_of(results, name):
    """The rows of each model."""
    table = pd.read_csv(results / f"{name}.csv")
    return [table[table["model"] == model].drop(columns="model").reset_index(drop=True) for model in MODELS]


def numbers(cell):
    """The numbers in a cell, shares as 0 to 1."""
    share = 100 if "%" in cell else 1
    return [float(number) / share for number in re.findall(r"-?\d+\.\d+", cell.replace("−", "-"))]


@pytest.mark.parametrize(
    ("title", "measure", "exact"),
    [("Mean absolute age error", "age_mae", 0.006), ("Gender accuracy;", "gender_accuracy", 0.0006)],
)
def test_the_results_per_group_are_those_of_the_tables(results, title, measure, exact):
    head, *found = rows(render_card(results), title)
    assert head == ["group", "images", *MODELS]
    tables = [models_of(results, name) for name in ("age_bands", "genders", "races")]
    assert len(found) == sum(len(models[0]) for models in tables) == 17
    place = iter(found)
    for models in tables:
        for number in range(len(models[0])):
            group, count, *cells = next(place)
            for table, cell in zip(models, cells, strict=True):
                row = table.iloc[number]
                few = " (few)" if row["low_support"] else ""
                assert group == row.iloc[0] and count == f"{row['count']}{few}"
                wanted = row[[measure, f"{measure}_low", f"{measure}_high"]].to_list()
                assert numbers(cell) == pytest.approx(wanted, abs=exact)
    assert any("(few)" in row[1] for row in found)


def test_gaps_are_bold_beyond_chance_and_marked_beyond_ages(results):
    table = pd.read_csv(results / "gaps.csv")
    # every case once, whatever the committed results are
    table["p"], table["p_within_ages"] = [0.04, 0.06, 0.01] * 20, [0.06, 0.04, 0.02, None] * 15
    table.to_csv(results / "gaps.csv", index=False)
    shown = table[table["measure"] != "gender_accuracy"].set_index(["grouping", "measure", "model"])
    words = {
        "age error (years)": "age_mae",
        "age bias (years)": "age_bias",
        "gender accuracy, from 3 years on": "gender_accuracy_from_3",
    }
    head, *found = rows(render_card(results), "## Gaps")
    assert head == ["groups", "measure", *MODELS] and len(found) * 3 == len(shown)
    for grouping, measure, *cells in found:
        for model, cell in zip(MODELS, cells, strict=True):
            row = shown.loc[(grouping.replace("age band", "age_band").replace("×", "x"), words[measure], model)]
            wanted = row[["gap", "low", "high"]].astype(float).to_list()
            assert numbers(cell) == pytest.approx(wanted, abs=0.006 if "years)" in measure else 0.0006)
            assert ("**" in cell, "†" in cell) == (row["p"] < 0.05, row["p"] < 0.05 and row["p_within_ages"] < 0.05)


@pytest.mark.parametrize("missing", ["data.json", "gaps.csv", "runs/model_a/predictions.csv"])
def test_a_missing_result_is_named_and_no_page_is_written(results, missing):
    (results / missing).unlink()
    (results.parent / "MODEL_CARD.md").write_text("the previous one")
    with pytest.raises(InputError, match=missing.split("/")[-1].split(".")[0]):
        write_cards(results.parent)
    assert (results.parent / "MODEL_CARD.md").read_text() == "the previous one"
    assert sorted(path.name for path in results.parent.iterdir()) == ["MODEL_CARD.md", "results"]


def test_the_committed_pages_show_the_committed_results(tmp_path, results):
    written = write_cards(results.parent)
    assert [path.name for path in written] == list(PAGES)
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert text == (folders.REPORT / path.name).read_text(encoding="utf-8")
        assert "{{" not in text and "{%" not in text
        for link in re.findall(r"\]\(([^)]+)\)", text):
            assert (folders.REPORT / link).exists(), link


def test_the_card_has_the_readme_s_table_of_where_the_files_open_and_all_do(results):
    found = rows(render_card(results), "The published files open")
    readme = (folders.ROOT / "README.md").read_text(encoding="utf-8")
    assert len(found) > 10 and all(f"| {' | '.join(row)} |" in readme for row in found)
    for reader, formats, seconds, years, p_female in found[1:]:
        assert re.fullmatch(r"3 `\.\w+`(, 3 `\.\w+`)?", formats) and int(seconds.split()[0]) < 20
        assert numbers(years)[0] <= 1e-4 and numbers(p_female)[0] <= (1e-6 if "Keras" in reader else 1e-4)
