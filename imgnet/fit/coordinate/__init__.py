"""Fit of `gated` and `mlp`."""
