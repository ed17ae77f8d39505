"""The fit of `gated` and `mlp`."""
