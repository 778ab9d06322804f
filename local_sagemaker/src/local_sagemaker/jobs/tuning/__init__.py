"""Hyperparameter tuning jobs, each a search over real training jobs."""
