"""Requests: effort, quality, target and rate control."""
