"""The commands nvenc, nvdec and nvinfo."""
