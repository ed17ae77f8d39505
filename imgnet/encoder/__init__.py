"""Encoders: from a request and an image to an encoded image."""
