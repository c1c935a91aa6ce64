"""Ablation studies: variants beside their baseline, ensembles, gradient conflict, and what runs cost."""
