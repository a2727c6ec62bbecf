"""The encoder: settings, presets and the pipeline from source to file."""
