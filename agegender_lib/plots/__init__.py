"""Tables and arrays in, matplotlib figures out; knows no Keras and leaves no pyplot state behind."""

from agegender_lib.plots.architecture import draw_architecture
from agegender_lib.plots.calibration import (
    coverage_by_age,
    interval_coverage,
    reliability_diagrams,
    risk_coverage_curves,
)
from agegender_lib.plots.curves import epoch_times, overlaid_curves, training_curves
from agegender_lib.plots.distributions import label_noise, labels_overview
from agegender_lib.plots.faces import augmentation_grid, duplicate_pairs, error_gallery, face_grid
from agegender_lib.plots.gradient_conflict import gradient_conflict, split_depth
from agegender_lib.plots.groups import group_gaps, intersectional_groups, shift_steps
from agegender_lib.plots.photo import photo, photo_faces
from agegender_lib.plots.predictions import compare_models, confusion_matrices, metrics_by_group, true_vs_predicted
from agegender_lib.plots.robustness import corrupted_faces, robustness_curves
from agegender_lib.plots.saliency import saliency_gallery, saliency_maps, saliency_regions
from agegender_lib.plots.studies import ablation_forest, fold_scores, training_size_curve
from agegender_lib.plots.style import save_figure
