"""A headless Chromium, for tests of pages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without a network, whatever a page asks for, and without what a browser does on its own.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
TIMEOUT_S = 120


def find_chromium() -> str:
    """The browser's path; skips the test where there is none."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no browser is installed ({', '.join(NAMES)})")


def opened(page: Path, profile: Path, *options: str) -> str:
    """The page's elements, as HTML, once its scripts have run."""
    command = [find_chromium(), *FLAGS, f"--user-data-dir={profile}", *options, "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True)
    return result.stdout.decode()
