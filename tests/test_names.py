"""Names that the field has another word for do not come back into code, chapters or report; GLOSSARY.md joins them."""

import re

from agegender_lib import folders

FORMER = """
abstention, surest_of, age_coverage, age_spread, halvings, silent at random, best possible,
errors_by, errors_per_group, group_keys, crossings, crossing_races, worst_gallery, by_chance, p_ages,
surprising_labels, most_surprising, wrong_genders, planted_errors, age_surprise, fold_spread, folds_spread, sd_images,
seed_spread, image_sd, compare_averages, average_seeds, heads_averaged,
attention_check, attention_regions, attention_faces, attention_figure,
summarise, compare_all, share_within_5, read_trainings, training_table, recipe_trainings, find_trainings, HARM,
compare_choices, choice_differences, error_by_faces, learning_curves, share right,
gender_answer, answers_table, says what is so, commoner gender, mend, spoilt, errs by, too sure,
open_faces, fewer_to_train, average_flips, average_members, depth_rates, DepthAdam, KeepState, stalled,
ordinal_answers, answers_from_features, search_or_kept, round_weights, held_out_detour, detour_summary, framing,
EXCLUDED_USES, excluded_uses, face_weights, flip_averaging, early_stopping, depth_decay, on_features, rendered_faces,
training_faces, weight_bits, detour_faces, answers_per_second, by heart
"""


def test_no_former_name_is_left():
    names = [name.strip() for name in FORMER.split(",")]
    word = re.compile(rf"\b(?:{'|'.join(names)})\b")
    places = ("agegender_lib/**/*.py", "agegender_lib/**/*.md", "notebooks/*.ipynb", "report/report.ipynb")
    for path in (path for place in places for path in folders.ROOT.glob(place)):
        if path.name == "settings.py":  # which reads the former names of settings
            continue
        found = {match.group() for match in word.finditer(path.read_text(encoding="utf-8"))}
        assert not found, f"{path.name}: {found}"


def test_every_place_of_the_glossary_is_there():
    text = (folders.ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "|---" not in line][1:]
    for row in rows:
        places = re.findall(r"`([a-z]+/[\w/.]*)`", row)
        assert places, f"no place in: {row}"
        for place in places:
            root = folders.ROOT if place.startswith("notebooks/") else folders.ROOT / "agegender_lib"
            assert (root / place).exists(), f"{place} is named in: {row}"
