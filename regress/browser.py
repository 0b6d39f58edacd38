"""A real browser without a screen, told what to do over a pipe.

Chromium's DevTools protocol: a message is JSON and a NUL, on descriptors 3 and 4.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from webview import DEADLINE, Wrong, must

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser",
         "headless_shell")


class Browser:
    def __init__(self):
        program = next((n for n in NAMES if shutil.which(n)), None)
        must(program, "no Chromium: run script/bootstrap")
        self.home = tempfile.mkdtemp(prefix="qvm-remote-browser.")
        theirs, self.to = os.pipe()
        self.come, ours = os.pipe()

        def ends():
            os.dup2(theirs, 63)
            os.dup2(ours, 64)
            os.dup2(63, 3)
            os.dup2(64, 4)
        self.program = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
             "--disable-background-networking", "--remote-debugging-pipe",
             "--user-data-dir=" + self.home, "--window-size=1280,900",
             "about:blank"],
            close_fds=False, preexec_fn=ends, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(ours)
        self.number, self.rest, self.events = 0, b"", []
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t for t in targets if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"],
                                 flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log":
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.rest:
            ready = select.select([self.come], [], [], DEADLINE)[0]
            data = os.read(self.come, 1 << 20) if ready else b""
            must(data, "the browser says nothing")
            self.rest += data
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        said = {"id": self.number, "method": method, "params": params}
        if self.session:
            said["sessionId"] = self.session
        data = json.dumps(said).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            m = self.receive()
            if m.get("id") == self.number:
                must("error" not in m, method, m.get("error"))
                return m["result"]
            self.events.append(m)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def js(self, text):
        """The value of an expression, of a promise's too."""
        r = self.call("Runtime.evaluate", expression=text, returnByValue=True,
                      awaitPromise=True)
        if "exceptionDetails" in r:
            raise Wrong("%s: %s" % (text[:80], r["exceptionDetails"].get(
                "exception", {}).get("description", "?")))
        return r["result"].get("value")

    def wait(self, text):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                if self.js("!!(%s)" % text):
                    return
            except Wrong:
                pass  # between two pages there is none
            must(time.monotonic() < end, "in vain:", text)
            time.sleep(0.03)

    def key(self, key, code=None, text=None):
        for kind in "keyDown", "keyUp":
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      code=code or key, windowsVirtualKeyCode={
                          "Enter": 13, "Tab": 9, "ArrowUp": 38, "ArrowDown": 40}.get(key, 0), **more)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name}])

    def shot(self, path, width=1280, height=860):
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile=False)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def complaints(self):
        """What the page or the browser found wrong: policy, scripts."""
        self.js("1")
        return [e for e in self.events
                if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]

    def end(self):
        self.program.terminate()
        self.program.wait(DEADLINE)
        os.close(self.to)
        os.close(self.come)
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
