"""Measures of how alike two pictures are."""
