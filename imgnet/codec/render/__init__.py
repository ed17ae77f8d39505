"""Parameters to pixels, at any size."""
