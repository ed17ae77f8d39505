"""Distortion metrics of two images."""
