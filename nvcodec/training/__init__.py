"""Training: the networks of a window are fitted to its frames."""
