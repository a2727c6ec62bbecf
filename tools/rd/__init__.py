"""The parts of the rate-distortion bench, ``python -m tools.bench_rd``."""
