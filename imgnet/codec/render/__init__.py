"""Renderers: from the parameters of a network to pixels."""
