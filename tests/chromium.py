"""A headless Chromium for tests: one process, driven through a pipe, without a network."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# the protocol reads file 3 and writes file 4
START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium():
    """Path of a browser; skips the test where there is none."""
    given = os.environ.get("JAXMARGIN_CHROMIUM")
    for name in [given] if given else NAMES:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium; install one, or name it in JAXMARGIN_CHROMIUM")


class Chromium:
    """Commands of the DevTools protocol, one after the other."""

    def __init__(self, profile):
        path = find_chromium()
        to_browser, from_browser = os.pipe(), os.pipe()
        options = (
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        )  # fmt: skip
        ends = (to_browser[0], from_browser[1])
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", START, *map(str, ends), path, *options],
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        self.out, self.back = to_browser[1], os.fdopen(from_browser[0], "rb", buffering=0)
        self.number, self.rest, self.session = 0, b"", None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.send("Page.enable")
        self.send("Network.enable")
        self.requests = []

    def send(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]

    def open(self, path: Path, *, width=1200, dark=False):
        """Load a page, and wait until it is there; what it asked for is in `requests`."""
        self.requests = []
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        self.loaded = False
        self.send("Page.navigate", url=Path(path).resolve().as_uri())
        while not self.loaded:
            self._next()

    def ask(self, expression):
        """Value of an expression in the page, whatever the page allows."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screenshot(self, *, whole=False):
        """The window as PNG, or all of the page."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def close(self):
        self.session = None
        try:
            self.send("Browser.close")
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.out)
            self.back.close()

    def _next(self):
        while b"\0" not in self.rest:
            read = self.back.read(1 << 16)
            assert read, "Chromium ended"
            self.rest += read
        text, _, self.rest = self.rest.partition(b"\0")
        found = json.loads(text)
        if found.get("method") == "Network.requestWillBeSent":
            self.requests.append(found["params"]["request"]["url"])
        elif found.get("method") == "Page.loadEventFired":
            self.loaded = True
        return found
