"""The page's text: its parts, what it says of parts that are missing, and that nothing in a file gets through."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

from nvcodec.report.content import ReportContent
from nvcodec.report.page import render

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' style='background:url(//example.org)'"
SECTIONS = {"time", "frames", "bytes", "sharing", "training", "file"}


class Elements(HTMLParser):
    """Names and attributes of all elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.all if name == tag]


def test_all_parts_are_there(content: ReportContent) -> None:
    page = render(content)
    elements = Elements(page)
    assert {section["id"] for section in elements.named("section")} == SECTIONS | {"x265"}
    classes = [attributes.get("class") for _, attributes in elements.all]
    assert classes.count("window") == 2
    assert classes.count("scene-cut") == 1
    assert classes.count("thumbnail") == 12
    assert classes.count("layers") == 2
    assert classes.count("source") == classes.count("decoded") == classes.count("difference") == len(content.shown)
    assert "missing" not in classes
    assert f"{content.comparison.psnr_y:.2f} <small>dB" in page
    assert content.cuts == (6,)
    assert "MS-SSIM, by frame" in page
    assert "Bits per pixel, estimated, by iteration" in page
    for part, size in content.summary.bytes_by_part.items():
        assert f"{part} {size:,}" in page
    for layer in content.sharing[0].layers:
        assert layer.name in page


def test_a_size_that_x265_does_not_reach_is_said(content: ReportContent) -> None:
    """The file of the tests is larger than what x265 makes at its finest."""
    assert (len(content.x265.comparison.frames), content.x265.interval) == (12, 3)
    remark = "x265 makes no file of that size"
    assert remark in render(content)
    same_size = dataclasses.replace(content.x265.comparison, num_bytes=content.comparison.num_bytes)
    x265 = dataclasses.replace(content.x265, comparison=same_size)
    assert remark not in render(dataclasses.replace(content, x265=x265))


def test_what_is_missing_is_said_with_how_to_get_it(bare_content: ReportContent) -> None:
    page = render(bare_content)
    assert {section["id"] for section in Elements(page).named("section")} == SECTIONS
    for hint in ("nvreport FILE --source in.mp4", "nvreport out.nvst --log log.jsonl"):
        assert hint in page
    assert "PSNR of the luma" not in page
    assert "difference" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    # Cuts and thumbnails are those of the decoded frames.
    assert bare_content.cuts == (6,)
    assert "thumbnail" in page


def test_the_page_asks_for_nothing_else(content: ReportContent) -> None:
    page = render(content)
    assert not re.findall(r"https?:|url\(|@import|//[a-z]", re.sub(r"base64,[\w+/=]+", "", page).replace("// ", ""))
    for tag, attributes in Elements(page).all:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form"), tag
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "default-src 'none'" in page


def test_nothing_in_a_file_becomes_markup(content: ReportContent) -> None:
    summary = content.summary
    hostile = dataclasses.replace(
        content,
        summary=dataclasses.replace(
            summary,
            name=HOSTILE,
            metadata={HOSTILE: HOSTILE, "title": HOSTILE},
            time_base=HOSTILE,
            windows=tuple(dataclasses.replace(window, backbone=HOSTILE) for window in summary.windows),
        ),
        sharing=tuple(
            dataclasses.replace(
                window, layers=tuple(dataclasses.replace(layer, name=HOSTILE, shape=HOSTILE) for layer in window.layers)
            )
            for window in content.sharing
        ),
    )
    plain, page = (Elements(render(each)) for each in (content, hostile))
    shape = [
        (tag, sorted(attributes)) for tag, attributes in page.all if "metadata" not in (attributes.get("class") or "")
    ]
    expected = [(tag, sorted(attributes)) for tag, attributes in plain.all]
    for kind in ("script", "img", "style", "image", "svg"):
        assert [each for each in shape if each[0] == kind] == [each for each in expected if each[0] == kind]
    assert not any("onerror" in attributes for _, attributes in page.all)


def test_the_page_stays_small(content: ReportContent) -> None:
    many = dataclasses.replace(
        content, summary=dataclasses.replace(content.summary, windows=content.summary.windows * 3000)
    )
    assert len(render(many)) < 2_000_000
