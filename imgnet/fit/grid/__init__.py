"""The fit of `grid`."""
