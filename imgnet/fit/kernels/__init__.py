"""Compiled functions without state."""
