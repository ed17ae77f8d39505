"""Image files and (H, W, C) arrays."""
