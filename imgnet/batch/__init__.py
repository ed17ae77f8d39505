"""Many images: in processes of this machine, or on a Ray cluster."""
