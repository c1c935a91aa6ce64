"""How sure a model may be: calibration, age distributions, prediction intervals, selective prediction."""
