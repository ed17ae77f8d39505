"""Rate-distortion measurements of this codec and of others."""
