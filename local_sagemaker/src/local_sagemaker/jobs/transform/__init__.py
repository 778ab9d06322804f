"""Batch transform jobs: everything under an S3 prefix, sent through a model."""
