"""The page in a real browser: opened from the disk, without a network."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest

from nvcodec.report.content import ReportContent
from nvcodec.report.page import render
from tests.report.chromium import opened

pytestmark = pytest.mark.browser

# Looks at the page once it is there, uses it as a reader would, and writes down what it saw.
WATCHER = """
const violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
window.addEventListener("error", (event) => violations.push(String(event.message)));
window.addEventListener("load", () => {
  const viewer = document.querySelector(".viewer");
  const shown = () => [...viewer.querySelectorAll("figure")].findIndex((figure) => figure.offsetHeight > 0);
  const seen = (name) => getComputedStyle(viewer.querySelector(`figure.chosen .${name}`));
  const found = { violations, first: shown(), split: seen("decoded").clipPath, hidden: seen("difference").visibility };
  found.pictures = [...document.images].map((image) => image.complete && image.naturalWidth > 0);
  found.thumbnails = document.querySelectorAll("image.thumbnail").length;
  found.curves = document.querySelectorAll("#time polyline, #training polyline").length;
  const sections = [...document.querySelectorAll("section")];
  found.sections = sections.filter((each) => each.offsetHeight > 80).map((each) => each.id);
  found.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  const slider = viewer.querySelector("input");
  slider.value = "25";
  slider.dispatchEvent(new Event("input"));
  found.moved = seen("decoded").clipPath;
  viewer.querySelector('[data-set-view="difference"]').click();
  found.difference = seen("difference").visibility;
  viewer.querySelectorAll("[data-pick]")[1].click();
  found.second = shown();
  const graph = document.querySelectorAll("#time svg")[1];
  const box = graph.getBoundingClientRect();
  const at = { clientX: box.left + box.width * 0.5, clientY: box.top + 5 };
  graph.dispatchEvent(new PointerEvent("pointermove", { ...at, bubbles: true }));
  found.readout = document.querySelector(".readout").textContent;
  document.body.setAttribute("data-found", JSON.stringify(found));
});
"""


def watched(page: str) -> str:
    """The page with the watcher in front, which its policy is told to let run."""
    digest = base64.b64encode(hashlib.sha256(WATCHER.encode()).digest()).decode()
    page = page.replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    return page.replace("<style>", f"<script>{WATCHER}</script><style>", 1)


def found_in(dom: str) -> dict:
    text = re.search(r'data-found="([^"]*)"', dom)
    assert text is not None, dom[-500:]
    return json.loads(text[1].replace("&quot;", '"'))


@pytest.mark.parametrize("size", ["1200,900", "500,900"])
def test_the_page_opens_from_the_disk_and_its_parts_are_there(
    content: ReportContent, tmp_path: Path, size: str
) -> None:
    page = tmp_path / "page.html"
    page.write_text(watched(render(content)))
    found = found_in(opened(page, tmp_path / "profile", f"--window-size={size}"))
    assert found["violations"] == []
    assert found["sections"] == ["time", "frames", "bytes", "sharing", "training", "x265", "file"]
    assert found["pictures"] and all(found["pictures"])
    assert (found["thumbnails"], found["curves"]) == (12, 8)
    assert not found["wide"]
    assert (found["first"], found["second"]) == (0, 1)
    assert "50%" in found["split"]
    assert "25%" in found["moved"]
    assert (found["hidden"], found["difference"]) == ("hidden", "visible")
    assert re.fullmatch(r"frame \d+ at 0\.\d\d s: \d+\.\d\d dB, MS-SSIM 0\.\d{4}, x265 \d+\.\d\d dB", found["readout"])


def test_scripts_in_a_file_do_not_run(content: ReportContent, tmp_path: Path) -> None:
    own = "document.body.dataset.owned = 1"
    hostile = f"</td></script><script>{own}</script><img src=x onerror='{own}'>"
    summary = dataclasses.replace(content.summary, name=hostile, metadata={"title": hostile})
    page = tmp_path / "page.html"
    page.write_text(watched(render(dataclasses.replace(content, summary=summary))))
    dom = opened(page, tmp_path / "profile")
    assert found_in(dom)["violations"] == []
    assert not re.search(r"<body[^>]*owned", dom)


def test_the_pages_own_script_is_let_run(bare_content: ReportContent, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(render(bare_content))
    assert '<html lang="en" class="script">' in opened(page, tmp_path / "profile")
