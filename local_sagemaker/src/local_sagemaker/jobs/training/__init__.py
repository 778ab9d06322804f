"""Training jobs: a script or the built-in XGBoost algorithm, with AWS's own training toolkit."""
