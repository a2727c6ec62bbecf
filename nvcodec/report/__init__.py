"""How good files are: videos beside their source, as figures and as a page."""
