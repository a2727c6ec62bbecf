"""Frames in and out: formats, colour, sources and sinks. The only room that imports av."""
