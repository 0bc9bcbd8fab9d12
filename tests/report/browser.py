"""A page in a headless Chromium: what it logs, and what it says of itself."""

import json
import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from html import unescape

NO_BROWSER = "no Chromium on this machine (Debian: apt-get install chromium): the report was not opened"
PROBE = """
addEventListener("load", () => {
  const seen = (node) => { const box = node.getBoundingClientRect(); return box.width > 40 && box.height > 40; };
  const root = document.documentElement;
  const found = {
    table: seen(document.querySelector("table")),
    plots: [...document.querySelectorAll("svg")].map(seen),
    marks: document.querySelectorAll("svg path, svg use").length,
    overflow: root.scrollWidth - root.clientWidth,
  };
  document.body.setAttribute("data-found", JSON.stringify(found));
});
"""


def chromium():
    """Its path, None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def browse(page, folder, *flags):
    quiet = "--disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", *quiet.split(), *flags]
    command += [
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--v=0",
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def hash_of(script):
    """What lets exactly this script run, in a page's policy."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def look(page, folder, width, probe=PROBE):
    """Open a page at a width; what it logs on the console, and what the probe finds."""
    # the probe is the test's own: the page's policy lets it run, and nothing but it and what the page lets run itself
    text, ours = page.read_text(), hash_of(probe)
    if "script-src " in text:
        text = text.replace("script-src ", f"script-src {ours} ", 1)
    else:
        text = text.replace("default-src 'none';", f"default-src 'none'; script-src {ours};", 1)
    page.write_text(text.replace("</body>", f"<script>{probe}</script></body>"))
    done = browse(page, folder, f"--window-size={width},1200", "--virtual-time-budget=3000")
    found = json.loads(unescape(re.search(r'data-found="([^"]*)"', done.stdout)[1]))
    return "CONSOLE" in done.stderr, found
