"""The .inr file: layout, header, container and streams."""
