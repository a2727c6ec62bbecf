"""How fast the codec is: measurements of ``tools/bench_speed.py``."""
