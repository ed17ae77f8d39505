"""Repair of sound files that Pillow refuses or misreads."""
