"""Plug-in for Pillow."""
