"""A request and a picture to an encoded image."""
