"""The decoder: from a file to frames, by index, by time or all in order."""
