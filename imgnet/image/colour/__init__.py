"""Colours that a file describes without an ICC profile, and gain maps."""
