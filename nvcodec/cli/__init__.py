"""The commands nvenc, nvdec, nvinfo, nvcut, nvcat, nvcompare and nvreport."""

import os

# How often a thread of GNU OpenMP looks for work before it lets another process have its core. By default it looks for
# milliseconds, and a decoder beside one busy process becomes 14 times slower; with this 3 times, and no slower alone.
# It is read when torch is loaded.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "20000"
