"""A trained model in use: its age distributions, Grad-CAM maps, and predictions of corrupted faces."""

import agegender_lib.quiet  # before Keras
from agegender_lib.inference.age_distributions import age_distributions, with_age_distribution
from agegender_lib.inference.grad_cam import explainer, grad_cams, randomised
from agegender_lib.inference.robustness import corrupted_predictions
