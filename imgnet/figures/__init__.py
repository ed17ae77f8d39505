"""Figures of a file of `grid`: where its bits are, and its latents."""
