"""Batches of images, encoded in processes of this machine or on a Ray cluster."""
