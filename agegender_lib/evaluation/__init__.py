"""Read run folders and predictions; return tidy tables. Draws nothing and knows no Keras."""

from agegender_lib.runs import Run, read_run

from .abstention import age_abstention, gender_abstention
from .age_distributions import age_spread
from .age_intervals import age_coverage
from .baselines import baselines, beside_original, constant_predictions, headline, original_report
from .calibration import calibration_summary, expected_calibration_error, reliability, temperature_scaled
from .conflict import gradient_cosines, gradient_depth, mean_cosine
from .costs import fluctuation, training_costs, training_facts
from .cross_validation import cross_validation_table, fold_spread, held_out
from .ensembles import average_seeds, averaged, compare_averages
from .gaps import GAP_GROUPINGS, gaps, gaps_of
from .groups import errors_by, running_median, worst
from .label_noise import errors_on_duplicates, label_noise
from .metrics import compare, compare_all, confusion, summarise
from .robustness import robustness_summary, robustness_table
from .saliency import (
    mean_faces,
    mean_maps,
    randomisation_check,
    region_shares,
    relative_maps,
    saliency_examples,
    sample_faces,
)
from .seeds import seed_spread
from .studies import compare_choices, read_trainings, training_table
from .surprising import most_surprising, planted_errors, surprising_labels, wrong_genders
