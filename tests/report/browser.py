"""A page in a headless Chromium: what it logs, and what it says of itself."""

import json
import re
import shutil
import subprocess

NO_BROWSER = "no Chromium on this machine (Debian: apt-get install chromium): the report was not opened"
PROBE = """
<script>
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
</script>
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


def look(page, folder, width):
    """Open a page at a width; what it logs on the console, and what the probe finds."""
    # the probe is the test's own; the page's policy forbids scripts, so it is lifted for the probe only
    text = page.read_text().replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
    page.write_text(text.replace("</body>", PROBE + "</body>"))
    done = browse(page, folder, f"--window-size={width},1200", "--virtual-time-budget=3000")
    found = json.loads(re.search(r'data-found="([^"]*)"', done.stdout)[1].replace("&quot;", '"'))
    return "CONSOLE" in done.stderr, found
