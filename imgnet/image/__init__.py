"""Picture files and (H, W, C) arrays."""
