"""Bytes, parameters and pixels: all that a decoder needs, with NumPy alone."""
