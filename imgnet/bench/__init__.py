"""Measurements of this codec and others."""
