"""A page in a headless Chromium: what it logs, and what it says of itself."""

import json
import os
import shlex
import shutil
import subprocess
import time
from base64 import b64encode
from hashlib import sha256

WIDTHS = (500, 800, 1400)
NO_BROWSER = "no Chromium on this machine (Debian: apt-get install chromium): the report was not opened"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
COMPLAINTS = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")  # what a console shows
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


def hash_of(script):
    """What lets exactly this script run, in a page's policy."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


class Driven:
    """A Chromium that is driven through its debugging pipe: real keys, and pages with scripts switched off."""

    def __init__(self, folder):
        here, there = os.pipe(), os.pipe()
        flags = [*FLAGS, f"--user-data-dir={folder / 'driven'}", "--remote-debugging-pipe", "about:blank"]
        command = f"exec {shlex.join([chromium(), *flags])} 3<&{here[0]} 4>&{there[1]}"
        self.process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(here[0], there[1]), stderr=subprocess.DEVNULL
        )
        os.close(here[0])
        os.close(there[1])
        self.input, self.output = os.fdopen(here[1], "wb"), os.fdopen(there[0], "rb")
        self.count, self.session, self.rest, self.complaints = 0, None, b"", []
        page = next(one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        self.ask("Runtime.enable")
        self.ask("Log.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.process.terminate()
        self.process.wait(20)
        self.output.close()

    def ask(self, method, **parameters):
        """Send one command, and wait for its answer."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        self.input.write(json.dumps(message).encode() + b"\0")
        self.input.flush()
        while True:
            byte = self.output.read1(1 << 16)
            assert byte, "the browser has ended"
            *whole, self.rest = (self.rest + byte).split(b"\0")
            answers = [json.loads(one) for one in whole]
            self.complaints += [one for one in answers if one.get("method") in COMPLAINTS]
            for answer in answers:
                if answer.get("id") == self.count:
                    return answer["result"]

    def open(self, page, scripts=True):
        """Load a page, and wait until it is there."""
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        url = f"{page.as_uri()}?{self.count}"  # new each time, so that it is not the last page that is found complete
        self.ask("Page.navigate", url=url)
        for _ in range(200):
            if self.say("location.href + document.readyState") == url + "complete":
                return
            time.sleep(0.05)
        raise AssertionError(f"{page} was not loaded")

    def look(self, page, width, probe=PROBE):
        """Open a page at a width; what it logs on the console, and what the probe finds."""
        # the probe is the test's own: the page's policy lets it run, besides what it lets run by itself
        text, ours = page.read_text(), hash_of(probe)
        if "script-src " in text:
            text = text.replace("script-src ", f"script-src {ours} ", 1)
        else:
            text = text.replace("default-src 'none';", f"default-src 'none'; script-src {ours};", 1)
        probed = page.with_stem(f"{page.stem}-probed")
        probed.write_text(text.replace("</body>", f"<script>{probe}</script></body>"))
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=1200, deviceScaleFactor=1, mobile=False)
        self.complaints = []
        self.open(probed)
        found = self.say("new Promise(requestAnimationFrame).then(() => document.body.dataset.found)")
        return self.complaints, json.loads(found)

    def say(self, expression):
        """What an expression is in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    def press(self, key):
        """Press one key: Tab, Enter or a blank."""
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )
