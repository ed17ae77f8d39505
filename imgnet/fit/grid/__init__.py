"""Fit of `grid`."""
