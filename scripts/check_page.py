#!/usr/bin/env python3
"""Look at report pages in headless Chromium: light and dark, wide and narrow.

    python3 scripts/check_page.py reports/reference/llama2-tiny-cs3-70/report.html ...

A page passes if it loads nothing, is no wider than its window, if labels of its figures neither overlap nor leave their
figure, if its images decode, if text stands out from the page (4.5 to 1), and if it prints. Each page is checked in a
copy with a script that measures and writes what it found into the page; Chromium prints that page, and this program
reads it. Nothing but Chromium and Python's own library is needed. Where there is no Chromium the program says so and
succeeds, unless `--require` is given; `CHROMIUM` names another one.
"""

import argparse
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
WINDOWS = [(1280, 900), (390, 844)]
DARK = "@media (prefers-color-scheme: dark)"

# Runs in the page. Opens all that unfolds, measures, and leaves a list of sentences.
MEASURE = r"""
<script id="measure">
const faults = [];
// The page is loaded when these are.
const copies = [...document.querySelectorAll("svg image")].map(image => {
  const copy = document.createElement("img");
  copy.src = image.getAttribute("href");
  copy.style.display = "none";
  document.body.append(copy);
  return copy;
});
const found = { figures: 0, labels: 0, images: copies.length };
const measure = () => {
  document.querySelectorAll("details").forEach(part => { part.open = true; });

  const page = document.documentElement;
  if (page.scrollWidth > innerWidth + 1) faults.push(`the page is ${page.scrollWidth} px wide in ${innerWidth}`);
  document.querySelectorAll("link, script:not(#measure), iframe, object, [src], [href], [srcset]").forEach(part => {
    const from = ["src", "href", "srcset", "data"].map(name => part.getAttribute(name)).find(name => name) || "";
    if (!/^(data:image|#)/.test(from)) faults.push(`the page loads ${part.tagName} ${from}`);
  });

  document.querySelectorAll("svg").forEach(figure => {
    found.figures += 1;
    const name = figure.getAttribute("aria-label") || "figure";
    const frame = figure.getBoundingClientRect();
    if (frame.width === 0) faults.push(`${name}: is not drawn`);
    // A pixel of the figure's own, so that touching is no overlap.
    const slack = frame.width / 800;
    const boxes = [...figure.querySelectorAll("text")]
      .map(text => ({ text: text.textContent.trim(), box: text.getBoundingClientRect() }))
      .filter(label => label.text !== "");
    found.labels += boxes.length;
    boxes.forEach(({ text, box }, index) => {
      const outside = box.left < frame.left - slack || box.right > frame.right + slack
        || box.top < frame.top - slack || box.bottom > frame.bottom + slack;
      if (outside) faults.push(`${name}: '${text}' leaves the figure`);
      boxes.slice(index + 1).forEach(other => {
        const wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const high = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        // Lines of text have air above and below their letters: a quarter of a line may overlap.
        if (wide > 2 * slack && high > box.height / 4) faults.push(`${name}: '${text}' overlaps '${other.text}'`);
      });
    });
  });

  copies.forEach(copy => {
    if (copy.naturalWidth === 0) faults.push("an image does not decode");
  });

  const light = color => {
    const [r, g, b] = color.match(/[\d.]+/g).map(Number).map(value => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  document.querySelectorAll("h1, h2, p, th, td, .badge, svg text[opacity='1'][fill='currentColor']").forEach(part => {
    const style = getComputedStyle(part);
    const ink = light(part.tagName === "text" ? style.fill : style.color);
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (contrast < 4.5) faults.push(`'${part.textContent.trim().slice(0, 40)}' has a contrast of ${contrast.toFixed(1)}`);
  });

};
addEventListener("load", () => {
  try {
    measure();
  } catch (error) {
    faults.push(`measuring fails: ${error}`);
  }
  const note = document.createElement("pre");
  note.id = "measured";
  note.textContent = JSON.stringify({ ...found, faults: [...new Set(faults)] });
  document.body.append(note);
});
</script>
"""


def browser():
    """Path of Chromium, or nothing."""
    named = os.environ.get("CHROMIUM")
    return next((path for path in map(shutil.which, [named] if named else BROWSERS) if path), None)


def chromium(program, page, window, *more):
    """Run Chromium on a page without a display, as if for the first time; gives back what it prints."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        return run(program, profile, page, window, more)


def run(program, profile, page, window, more):
    """The same with a profile of its own."""
    command = [
        program,
        "--headless",
        "--disable-gpu",
        "--no-sandbox",
        "--hide-scrollbars",
        "--no-first-run",
        f"--user-data-dir={profile}",
        f"--window-size={window[0]},{window[1]}",
        "--virtual-time-budget=20000",
        *more,
        page.as_uri(),
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout


def check(program, path, folder, screenshots):
    """Sentences about what is wrong with a page."""
    source = path.read_text(encoding="utf-8")
    faults = []
    for scheme in ["light", "dark"]:
        # The page's own rules for dark screens, whatever this screen is.
        styled = source.replace(DARK, "@media all" if scheme == "dark" else "@media not all")
        if styled == source:
            faults.append("the page has no rules for dark screens")
        copy = folder / f"{scheme}.html"
        copy.write_text(styled.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
        for window in WINDOWS:
            where = f"{scheme}, {window[0]} px"
            dom = chromium(program, copy, window, "--dump-dom")
            measured = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S)
            if not measured:
                faults.append(f"{where}: nothing was measured")
                continue
            found = json.loads(html.unescape(measured.group(1)))
            faults += [f"{where}: {fault}" for fault in found["faults"]]
            if min(found["figures"], found["labels"]) == 0:
                faults.append(f"{where}: no figure was seen")
            print(f"{path}, {where}: {found['figures']} figures, {found['labels']} labels, {found['images']} images")
            if screenshots:
                picture = screenshots / f"{path.parent.name}-{scheme}-{window[0]}.png"
                tall = (window[0], 12000)
                chromium(program, copy, tall, f"--screenshot={picture.resolve()}")
    printed = folder / "page.pdf"
    chromium(program, path.resolve(), WINDOWS[0], f"--print-to-pdf={printed}")
    if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
        faults.append("the page does not print")
    return faults


def main():
    """Check all pages; the exit status is 1 where one does not pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path, help="report.html files")
    parser.add_argument("--require", action="store_true", help="fail where there is no Chromium")
    parser.add_argument("--screenshots", type=pathlib.Path, help="folder for pictures of the pages")
    args = parser.parse_args()
    missing = [str(path) for path in args.pages if not path.is_file()]
    if missing:
        parser.error(f"no such page: {', '.join(missing)}")
    program = browser()
    if not program:
        print(f"no Chromium here ({', '.join(BROWSERS)}): pages were not checked")
        return 1 if args.require else 0
    if args.screenshots:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    failed = False
    for path in args.pages:
        with tempfile.TemporaryDirectory() as folder:
            for fault in check(program, path, pathlib.Path(folder), args.screenshots):
                failed = True
                print(f"error: {path}: {fault}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
