"""A served box and a real Chromium, for the tests of the page."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.support.ui import WebDriverWait
from web_fixtures import WebBox

from simcourier_web.server import Server, serve

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
needs_chromium = pytest.mark.skipif(
    not (shutil.which(CHROMIUM) and shutil.which(DRIVER)),
    reason=f"no browser: install chromium and chromium-driver ({CHROMIUM}, {DRIVER})",
)
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@contextmanager
def serving(box: WebBox, *, port: int = 0, **settings: Any) -> Iterator[Server]:
    """Serve the box as the daemon does. Settings are those of `[http]`."""
    server = serve(box.app, msgspec.structs.replace(box.config.http, **settings), port)
    thread = threading.Thread(target=server.run, name="http", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        for channel in list(server.active_channels.values()):
            channel.close()
        thread.join(10)


@contextmanager
def served(box: WebBox, *, port: int = 0, **settings: Any) -> Iterator[str]:
    """The same; gives its address."""
    with serving(box, port=port, **settings) as server:
        yield f"http://127.0.0.1:{server.port}/"


@contextmanager
def browser(
    profile: Path, *, width: int = 1280, height: int = 900, scripts: bool = True, dark: bool = False
) -> Iterator[webdriver.Chrome]:
    """A Chromium with a fresh profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*_OPTIONS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        _emulate(driver, width, height, dark)
        yield driver
    finally:
        driver.quit()


def _emulate(driver: webdriver.Chrome, width: int, height: int, dark: bool) -> None:
    # The window of a headless browser can't be as narrow as a phone; the emulated screen can.
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def until(driver: webdriver.Chrome, met: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait for the page to show something; one that is reloaded in the middle of a look is looked at again."""
    wait = WebDriverWait(driver, seconds, 0.1, ignored_exceptions=[StaleElementReferenceException])
    return wait.until(lambda _driver: met())


def text(driver: webdriver.Chrome, selector: str) -> str:
    """The text of the first element that fits."""
    return str(driver.find_element("css selector", selector).text)


def complaints(driver: webdriver.Chrome) -> list[str]:
    """What the browser's console says."""
    return [entry["message"] for entry in driver.get_log("browser")]
