"""Read run folders and predictions; return tidy tables. Draws nothing and knows no Keras."""

from agegender_lib.evaluation.ablations.ensembles import compare_ensembles, ensemble_predictions, seed_ensembles
from agegender_lib.evaluation.ablations.gradient_conflict import gradient_cosines, gradient_depth, mean_cosine
from agegender_lib.evaluation.ablations.studies import compare_variants, read_runs, run_table
from agegender_lib.evaluation.comparison import beside_original, headline, paired_comparison, pairwise_comparisons
from agegender_lib.evaluation.compute_cost import fluctuation, training_costs, training_facts
from agegender_lib.evaluation.fairness.dataset_shift import groups_beside, race_gap_power, shift_steps
from agegender_lib.evaluation.fairness.disparities import GAP_GROUPINGS, gaps, gaps_of
from agegender_lib.evaluation.fairness.subgroups import largest_errors, metrics_by_group, running_median
from agegender_lib.evaluation.labels.label_errors import (
    estimated_label_errors,
    injected_label_errors,
    label_error_scores,
    top_label_errors,
)
from agegender_lib.evaluation.labels.label_noise import errors_on_duplicates, label_noise
from agegender_lib.evaluation.lookalikes import lookalike_errors, lookalikes
from agegender_lib.evaluation.metrics import confusion_matrix, evaluate
from agegender_lib.evaluation.robustness import robustness_summary, robustness_table
from agegender_lib.evaluation.saliency import (
    mean_faces,
    mean_maps,
    randomisation_check,
    region_shares,
    relative_maps,
    saliency_examples,
    sample_faces,
)
from agegender_lib.evaluation.statistics.cross_validation import (
    cross_validation_table,
    fold_variance,
    out_of_fold_predictions,
)
from agegender_lib.evaluation.statistics.seed_variance import seed_variance
from agegender_lib.evaluation.uncertainty.age_distributions import age_dispersion
from agegender_lib.evaluation.uncertainty.calibration import calibration_summary, reliability, temperature_scaled
from agegender_lib.evaluation.uncertainty.prediction_intervals import empirical_coverage
from agegender_lib.evaluation.uncertainty.selective_prediction import age_risk_coverage, gender_risk_coverage
from agegender_lib.runs import Run, read_run
