"""The page in a real browser: headless Chromium from the distribution, driven by Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESKTOP, PHONE = (1280, 900), (390, 844)

# One round trip for one setting: each control and each cell is set as a hand would leave it, with
# the events that follow, and what is seen is read from the grids and the live regions.
SET = """
const wanted = arguments[0];
const tell = (node, event) => node.dispatchEvent(new Event(event, { bubbles: true }));
for (const name of ["rows", "columns", "size", "stride", "padding", "dilation"]) {
  const slider = document.getElementById(name);
  slider.value = wanted[name];
  tell(slider, "input");
}
const ceil = document.getElementById("ceil");
if (ceil.checked !== wanted.ceil) ceil.click();
const op = document.getElementById("op");
op.value = wanted.op;
tell(op, "change");
wanted.cells.forEach((row, r) => row.forEach((text, c) => {
  const cell = document.querySelectorAll("#input [role=row]")[r].querySelectorAll("input")[c];
  cell.value = text;
  tell(cell, "input");
}));
"""
READ = """
const text = (id) => document.getElementById(id).textContent;
const rows = [...document.querySelectorAll("#output [role=row]")];
const output = rows.map((row) => [...row.children].map((cell) => cell.textContent));
const steps = [];
const count = output.flat().length;
for (let i = 1; i <= count; i += 1) {
  document.getElementById("next").click();
  steps.push(text("status"));
}
if (count) document.getElementById("next").click();
const formula = [...document.getElementById("formula").children].map((line) => line.textContent);
return { alert: text("alert"), output, steps, formula, command: text("command") };
"""


def find(*names: str) -> str | None:
    """Give the first of some programs that is there."""
    return next(filter(None, map(shutil.which, names)), None)


CHROMIUM = find("chromium", "chromium-browser", "google-chrome")
DRIVER = find("chromedriver")


def emulate(browser: Any, size: tuple[int, int], scheme: str = "light") -> None:
    """Let its window be of that size, in the light or the dark."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": size == PHONE}
    )
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """Give a browser."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()
