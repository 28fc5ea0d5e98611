#!/usr/bin/env python3
"""Draw docs/assets/system.svg, the picture of the system in the README; it reads on light and on dark pages.

scripts/picture.py            print it
scripts/picture.py --write    put it into docs/assets/system.svg
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

TARGET = Path(__file__).resolve().parent.parent / "docs/assets/system.svg"
WIDTH, HEIGHT = 960, 452
STYLE = """
  .page { fill: #ffffff; stroke: #d8dee6 } .zone { fill: #f4f7fb; stroke: #c3cfdd }
  .box { fill: #ffffff; stroke: #64748b } .one { fill: #e5efff; stroke: #2f6fde } .two { fill: #fff0e0; stroke: #d97a1d }
  .title { font-size: 15px; font-weight: 650; fill: #16202e } .text { font-size: 12.5px; fill: #475569 }
  .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #24405f }
  .label { font-size: 12px; fill: #334155 } .line { fill: none; stroke: #64748b; stroke-width: 1.6 }
  .first { stroke: #2f6fde; stroke-width: 2.6 } .second { stroke: #d97a1d; stroke-width: 2 } .lease { stroke-dasharray: 4 4 }
  .head { fill: #64748b }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1420; stroke: #263445 } .zone { fill: #131d2b; stroke: #314257 }
    .box { fill: #1a2636; stroke: #8496ab } .one { fill: #14284a; stroke: #6ea0ff } .two { fill: #3a2812; stroke: #f0a04b }
    .title { fill: #eef3f9 } .text { fill: #a9b8c9 } .code { fill: #b9d2f0 } .label { fill: #c6d2df }
    .line { stroke: #8496ab } .first { stroke: #6ea0ff } .second { stroke: #f0a04b } .head { fill: #8496ab }
  }
"""


Area = tuple[int, int, int, int]  # x, y, width, height


def box(kind: str, area: Area) -> str:
    """A rounded box."""
    x, y, width, height = area
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="9" stroke-width="1.3"/>'


def text(kind: str, x: int, y: int, content: str, anchor: str = "start") -> str:
    """One line of text."""
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(content)}</text>'


def card(kind: str, area: Area, lines: Sequence[tuple[str, str]]) -> list[str]:
    """A box with lines of text, each with its class."""
    x, y, _, _ = area
    rows = [text(style, x + 14, y + 24 + 19 * number, content) for number, (style, content) in enumerate(lines)]
    return [box(kind, area), *rows]


def arrow(path: str, kind: str = "") -> str:
    """A line with a head at its end."""
    return f'<path class="line {kind}" d="{path}" marker-end="url(#head)"/>'


def drawing() -> list[str]:
    """Everything in the picture, back to front."""
    return [
        box("page", (1, 1, WIDTH - 2, HEIGHT - 2)),
        box("zone", (286, 22, 652, 408)),
        text("code", 304, 45, "modelway up"),
        *card(
            "box",
            (22, 66, 216, 124),
            [
                ("title", "Modeller"),
                ("code", "class Digits(Handler)"),
                ("text", "+ model files"),
                ("text", "+ golden examples"),
                ("code", "→ digits-1.0.0.mwpkg"),
            ],
        ),
        *card(
            "box", (22, 318, 216, 84), [("title", "Caller"), ("code", "POST /vision/digits"), ("code", "     /predict")]
        ),
        *card(
            "box",
            (330, 66, 232, 124),
            [
                ("title", "Control"),
                ("text", "documents → revisions"),
                ("text", "declared → running replicas"),
                ("text", "leases → who answers where"),
                ("text", "SQLite, files"),
            ],
        ),
        *card(
            "box",
            (330, 300, 232, 104),
            [
                ("title", "Gateway"),
                ("text", "keys, exact weights, retries,"),
                ("text", "timeouts, access log, metrics"),
                ("text", "serves on when control is down"),
            ],
        ),
        *card("one", (736, 84, 178, 62), [("title", "vision/digits/v1"), ("text", "replica · scikit-learn")]),
        *card("one", (736, 190, 178, 62), [("title", "vision/digits/v1"), ("text", "replica · scikit-learn")]),
        *card("two", (736, 318, 178, 62), [("title", "vision/digits/v2"), ("text", "replica · ONNX")]),
        arrow("M 238 131 H 322"),
        text("label", 262, 106, "apply", "middle"),
        text("label", 262, 122, "-f …", "middle"),
        arrow("M 446 190 V 292"),
        text("label", 458, 236, "route table"),
        text("label", 458, 252, "(a file)"),
        arrow("M 562 104 H 728"),
        text("label", 646, 96, "starts, replaces", "middle"),
        arrow("M 736 132 H 570", "lease"),
        text("label", 646, 150, "register, renew", "middle"),
        arrow("M 238 360 H 322"),
        arrow("M 562 330 C 660 320 650 240 728 228", "first"),
        arrow("M 562 318 C 640 296 626 190 728 140", "first"),
        text("label", 606, 262, "80 %", "end"),
        arrow("M 562 360 H 728", "second"),
        text("label", 646, 378, "20 %", "middle"),
    ]


def render() -> str:
    """The whole file."""
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M 0 0 L 10 5 L 0 10 z"/></marker>'
    )
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="what" '
        'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif">'
    )
    title = (
        '<title id="what">A modeller packages a handler; control runs its replicas and writes the route table; '
        "the gateway shares callers' requests between versions.</title>"
    )
    return "\n".join([opening, title, f"<style>{STYLE}</style>", f"<defs>{head}</defs>", *drawing(), "</svg>", ""])


def main() -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/assets/system.svg")
    if parser.parse_args().write:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(render(), encoding="utf-8")
    else:
        print(render(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
