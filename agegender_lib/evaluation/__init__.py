"""Read run folders and predictions; return tidy tables. Draws nothing and knows no Keras."""

from agegender_lib.evaluation.abstention import age_abstention, gender_abstention, quote_abstention
from agegender_lib.evaluation.age_intervals import age_coverage, quote_age_intervals
from agegender_lib.evaluation.age_spread import age_spread
from agegender_lib.evaluation.attention import (
    attention_of,
    mean_faces,
    mean_maps,
    region_shares,
)
from agegender_lib.evaluation.attention_checks import (
    attention_examples,
    quote_attention,
    randomisation_check,
)
from agegender_lib.evaluation.attention_faces import faces_to_look_at
from agegender_lib.evaluation.baselines import (
    baselines,
    beside_original,
    constant_predictions,
    original_report,
)
from agegender_lib.evaluation.calibration import expected_calibration_error, reliability
from agegender_lib.evaluation.calibration_summary import calibration_summary, quote_calibration
from agegender_lib.evaluation.conflict import gradient_cosines, gradient_depth, quote_gradients
from agegender_lib.evaluation.costs import fluctuation, training_costs
from agegender_lib.evaluation.cross_validation import (
    cross_validation_table,
    fold_spread,
    held_out,
    quote_cross_validation,
)
from agegender_lib.evaluation.ensembles import average_seeds, averaged, compare_averages
from agegender_lib.evaluation.gaps import GAP_GROUPINGS, gaps, gaps_of, quote_gaps
from agegender_lib.evaluation.groups import errors_by, running_median, worst
from agegender_lib.evaluation.label_noise import errors_on_duplicates, label_noise, quote_label_noise
from agegender_lib.evaluation.metrics import compare, compare_all, confusion, summarise
from agegender_lib.evaluation.quoted import headline, quote_comparison, quote_groups, quote_run
from agegender_lib.evaluation.robustness import quote_robustness, robustness_summary, robustness_table
from agegender_lib.evaluation.seeds import quote_seeds, seed_spread
from agegender_lib.evaluation.studies import (
    compare_choices,
    quote_faces,
    quote_study,
    read_trainings,
    training_table,
)
from agegender_lib.evaluation.surprising import (
    most_surprising,
    planted_errors,
    quote_surprising,
    surprising_labels,
    wrong_genders,
)
from agegender_lib.evaluation.temperature import temperature_scaled
from agegender_lib.runs import Run, read_run

__all__ = [
    "GAP_GROUPINGS",
    "Run",
    "age_abstention",
    "age_coverage",
    "age_spread",
    "attention_examples",
    "attention_of",
    "average_seeds",
    "averaged",
    "baselines",
    "beside_original",
    "calibration_summary",
    "compare",
    "compare_all",
    "compare_averages",
    "compare_choices",
    "confusion",
    "constant_predictions",
    "cross_validation_table",
    "errors_by",
    "errors_on_duplicates",
    "expected_calibration_error",
    "faces_to_look_at",
    "fluctuation",
    "fold_spread",
    "gaps",
    "gaps_of",
    "gender_abstention",
    "gradient_cosines",
    "gradient_depth",
    "headline",
    "held_out",
    "label_noise",
    "mean_faces",
    "mean_maps",
    "most_surprising",
    "original_report",
    "planted_errors",
    "quote_abstention",
    "quote_age_intervals",
    "quote_attention",
    "quote_calibration",
    "quote_comparison",
    "quote_cross_validation",
    "quote_faces",
    "quote_gaps",
    "quote_gradients",
    "quote_groups",
    "quote_label_noise",
    "quote_robustness",
    "quote_run",
    "quote_seeds",
    "quote_study",
    "quote_surprising",
    "randomisation_check",
    "read_run",
    "read_trainings",
    "region_shares",
    "reliability",
    "robustness_summary",
    "robustness_table",
    "running_median",
    "seed_spread",
    "summarise",
    "surprising_labels",
    "temperature_scaled",
    "training_costs",
    "training_table",
    "worst",
    "wrong_genders",
]
