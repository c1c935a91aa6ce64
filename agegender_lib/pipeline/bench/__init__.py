"""How fast training and inference are here: measured in one run, as ratios."""
