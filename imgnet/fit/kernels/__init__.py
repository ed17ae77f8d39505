"""Kernels: compiled functions without state."""
