"""Engines: rate, distortion and gradients of `grid` on some rows."""
