"""Where models look: what Grad-CAM maps of many faces have in common, and whether they show what was learned."""
