"""Trained networks that files name, and their loader."""
