# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: a Chromium without a window, in the client's namespace, driven by selenium.

    with browser(lab) as seen:
        seen.open(url)
        seen.text("#headline")
        seen.look(390, dark=True)       a phone, at night
        seen.picture("calm")            build/pages/calm-390-dark.png

Where Chromium or selenium are not installed (`make deps-browser`) the test is skipped."""
import contextlib
import json
import os
import shutil
import sys

import runner
from lab import BUILD, check, wait_until

DEBIAN = "/usr/lib/python3/dist-packages"
PICTURES = os.path.join(BUILD, "pages")


def _selenium():
    """Debian's, also for a Python that is not Debian's."""
    try:
        from selenium import webdriver
    except ImportError:
        sys.path.append(DEBIAN)
        try:
            from selenium import webdriver
        except ImportError:
            raise runner.Skip("needs selenium: make deps-browser") from None
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            raise runner.Skip(f"needs {program}: make deps-browser")
    return webdriver


class Browser:
    def __init__(self, webdriver):
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for option in (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--disable-background-networking", "--no-proxy-server", "--hide-scrollbars"),
        ):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(
            service=Service(shutil.which("chromedriver")), options=options
        )
        self.width, self.dark = 0, False
        self.asked = []
        self.look(1280)

    def open(self, url):
        self.driver.get(url)

    def look(self, width, dark=False):
        """A window so wide, by day or by night."""
        self.width, self.dark = width, dark
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[scheme])
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def picture(self, name):
        """All of the page; its path."""
        os.makedirs(PICTURES, exist_ok=True)
        path = os.path.join(PICTURES, f"{name}-{self.width}-{'dark' if self.dark else 'light'}.png")
        height = min(self.script("return document.documentElement.scrollHeight"), 6000)
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=self.width,
            height=height,
            deviceScaleFactor=1,
            mobile=self.width < 600,
        )
        check(self.driver.save_screenshot(path), path)
        self.look(self.width, self.dark)
        return path

    def _tell(self, command, **arguments):
        self.driver.execute_cdp_cmd(command, arguments)

    def script(self, text):
        return self.driver.execute_script(text)

    def text(self, selector):
        """As it is shown; "" where there is no such element."""
        found = self.all(selector)
        return found[0].text if found else ""

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def expect(self, selector, word, timeout_s=20):
        return wait_until(
            lambda: word in self.text(selector) and self.text(selector),
            timeout_s,
            f"{word!r} in {selector}: {self.text(selector)!r}",
        )

    def press(self, *keys):
        """To whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def complaints(self):
        """What stands in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """All URLs that were asked for so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
        return self.asked


@contextlib.contextmanager
def browser(lab):
    webdriver = _selenium()
    with lab.client.inside():
        seen = Browser(webdriver)
        try:
            yield seen
        finally:
            seen.driver.quit()
