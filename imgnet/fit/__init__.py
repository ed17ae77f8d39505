"""The optimiser, with torch and Numba."""
