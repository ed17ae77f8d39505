"""Fits of networks to images, with torch and Numba."""
