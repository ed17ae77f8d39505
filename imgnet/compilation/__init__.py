"""Compilation of functions with Numba, its cache, and compiled primitives."""
