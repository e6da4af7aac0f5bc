"""The page in headless Chromium: it computes what the engine computes, and everybody can use it."""

from __future__ import annotations

import json
import random
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli.analysis.explain import explain
from poolcli.analysis.page import known_ops, make_page
from poolcli.cli.flags import in_flags
from poolcli.errors import PoolError
from poolcli.geometry import Sliding
from poolcli.request import Request
from tests.helpers.chromium import DESKTOP, PHONE, READ, SET, chromium, emulate
from tests.helpers.every import draws

MATRIX = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
SETTINGS = len(draws(120))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(make_page(MATRIX, Request("max", Sliding(2))), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def browser(shared: Any, page: str) -> Any:
    """A fresh page; whatever the test does, nothing may be complained of or asked for."""
    emulate(shared, DESKTOP)
    shared.get(page)
    return shared


def by_id(browser: Any, name: str) -> Any:
    return browser.find_element("id", name)


def cells(browser: Any, grid: str) -> list[Any]:
    return browser.find_elements("css selector", f"#{grid} [role=gridcell]")


def keys(browser: Any, *typed: str) -> None:
    from selenium.webdriver import ActionChains

    chain = ActionChains(browser)
    for key in typed:
        chain.send_keys(key)
    chain.perform()


# ---------------------------------------------------------------- the same as the engine


def settings(count: int) -> Iterator[dict[str, Any]]:
    """Settings drawn at random, those that are refused among them."""
    draw = random.Random(12)
    for number in range(count):
        rows, columns = (draw.choice([1, 3, 4, 5, 6, 7, 8, 8]) for _ in range(2))
        op = known_ops()[number % len(known_ops())]
        lowest = 0 if op == "stochastic" and number % 4 else -9

        def cell(kind: int = number % 3, lowest: int = lowest) -> str:
            if kind == 2:
                return f"{draw.uniform(lowest, 99):.{draw.randint(1, 3)}f}"
            return str(draw.randint(lowest, 9))

        yield {
            "op": op,
            "rows": rows,
            "columns": columns,
            "size": draw.choice([1, 2, 2, 3, 3, 4]),
            "stride": draw.randint(1, 4),
            "padding": draw.choice([0, 0, 1, 2]),
            "dilation": draw.choice([1, 1, 1, 2, 3]),
            "ceil": draw.random() < 0.4,
            "cells": [[cell() for _ in range(columns)] for _ in range(rows)],
        }


def expected(wanted: dict[str, Any]) -> dict[str, Any]:
    """What the engine makes of it, and how that is told."""
    windows = (wanted[name] for name in ("size", "stride", "padding", "dilation", "ceil"))
    whole = not any("." in text for row in wanted["cells"] for text in row)
    x = np.array([[float(text) for text in row] for row in wanted["cells"]])
    try:
        told = explain(Request(wanted["op"], Sliding(*windows)), x.astype(int) if whole else x)[0]
        output = told.results
    except PoolError as error:
        return {"alert": in_flags(str(error)), "output": [], "formula": [], "steps": []}
    axes = [(axis.effective_text, axis.text) for axis in told.axes]
    texts = [",   ".join(filter(None, axis)) for axis in axes]
    lines = [f"{text} in {name}" for text, name in zip(texts, ("height", "width"), strict=True)]
    alike = [f"{texts[0]} in height and in width"]
    return {
        "alert": "",
        "output": output,
        "formula": alike if texts[0] == texts[1] else lines,
        "steps": [step.text for step in told.steps()],
    }


def refusal(text: str) -> str:
    """Which of several negative numbers is named is up to the order of the work."""
    return re.sub(r"activation, [-0-9.]+;", "activation, …;", text)


def test_the_page_agrees_with_the_engine(browser: Any) -> None:
    refused = 0
    for wanted in settings(SETTINGS):
        browser.execute_script(SET, wanted)
        found, known = browser.execute_script(READ), expected(wanted)
        about = json.dumps(wanted)
        assert refusal(found["alert"]) == refusal(known["alert"]), about
        assert found["formula"] == known["formula"], about
        output = np.array([[float(text) for text in row] for row in found["output"]])
        if not known["alert"]:
            results = np.asarray(known["output"], float)
            assert output.shape == results.shape, about
            np.testing.assert_allclose(output, results, rtol=5e-4, atol=5e-4, err_msg=about)
        else:
            assert output.size == 0, about
            refused += 1
        total = len(known["steps"])
        told = [f"Window {n} of {total}: {text}" for n, text in enumerate(known["steps"], 1)]
        assert found["steps"] == told, about
    assert SETTINGS / 20 <= refused <= SETTINGS / 2
    assert complaints(browser) == []


def test_the_command_gives_what_the_page_shows(browser: Any, capfd: Any) -> None:
    from poolcli.cli.main import main

    for wanted in settings(40):
        browser.execute_script(SET, wanted)
        found = browser.execute_script(READ)
        words = shlex.split(found["command"])
        assert words[0] == "poolcli"
        with pytest.raises(SystemExit) as end:
            main([*words[1:], "--json"])
        out, err = capfd.readouterr()
        if found["alert"]:
            assert end.value.code == 1
            assert refusal(err.strip()) == refusal(f"poolcli: --matrix: {found['alert']}")
        else:
            assert end.value.code == 0
            values = np.array(json.loads(out)["values"], float)
            output = np.array([[float(text) for text in row] for row in found["output"]])
            np.testing.assert_allclose(output, values, rtol=5e-4, atol=5e-4)


@pytest.mark.parametrize(
    ("x", "request_"),
    [
        (np.array([2, 7, 1, 4, 9, 3, 5]), Request("max", Sliding(3, 2))),
        (MATRIX, Request("avg", Sliding((2, 3), (1, 2), ((0, 1), (1, 0)), (2, 1)))),
        (MATRIX, Request("avg", Sliding(3, 2, 1), count_include_pad=True)),
        (MATRIX, Request("avg", Sliding(3, 2, 1), divisor=2)),
        (MATRIX, Request("max", Sliding(2), nodata=4, min_valid=0.75)),
        (MATRIX, Request("avg", Sliding(2), like="torch")),
        (MATRIX - 3.5, Request("lp", Sliding(2), params={"norm": 3.0, "signed": True})),
        (MATRIX, Request("lp", Sliding(2), params={"norm": np.inf})),
        (MATRIX, Request("quantile", Sliding(3, 1), params={"q": 0.3})),
        (MATRIX, Request("quantile", Sliding(3, 1), params={"q": 0.3, "method": "nearest"})),
        (MATRIX, Request("median", Sliding(2), params={"method": "higher"})),
        (MATRIX, Request("median", Sliding(2), params={"method": "midpoint"})),
        (MATRIX, Request("std", Sliding(2), params={"ddof": 1})),
        (MATRIX, Request("stochastic", Sliding(2), params={"seed": 7})),
        (MATRIX, Request("stochastic", Sliding(2), params={"mode": "expected"})),
        (MATRIX - 2, Request("stochastic", Sliding(2), params={"negatives": "shift"})),
        (MATRIX - 2, Request("stochastic", Sliding(2), params={"negatives": "relu", "seed": 3})),
        (MATRIX, Request("gem", Sliding(2), params={"p": 2.0})),
        (MATRIX, Request("lse", Sliding(2), params={"r": -2.0})),
        (MATRIX, Request("mixed", Sliding(2), params={"alpha": 0.25})),
        (MATRIX, Request("blur", Sliding(3, 2))),
        (MATRIX, Request("max", Sliding(3, 2, "same"))),
        (MATRIX.astype(bool), Request("max", Sliding(2))),
        ((MATRIX / 10).astype(np.float32), Request("sum", Sliding(2))),
        (np.where(MATRIX == 4, np.nan, MATRIX), Request("max", Sliding(2))),
        (np.where(MATRIX == 4, np.nan, MATRIX), Request("avg", Sliding(2), nan="skip")),
        (np.where(MATRIX == 4, np.inf, MATRIX), Request("soft", Sliding(2))),
        (np.where(MATRIX == 4, np.nan, MATRIX), Request("mode", Sliding(2))),
        (np.where(MATRIX == 4, np.nan, MATRIX), Request("stochastic", Sliding(2))),
        (np.where(MATRIX == 4, np.nan, MATRIX), Request("subsample", Sliding(2, 1))),
    ],
    ids=str,
)
def test_what_the_page_begins_with(shared: Any, tmp_path: Path, x: Any, request_: Request) -> None:
    path = tmp_path / "page.html"
    path.write_text(make_page(x, request_), "utf-8")
    shared.get(path.as_uri())
    found = shared.execute_script(READ)
    told = explain(request_, x)[0]
    output = np.array([[float(text) for text in row] for row in found["output"]])
    np.testing.assert_allclose(output, np.atleast_2d(told.results), rtol=5e-4, atol=5e-4)
    steps = [step.partition(": ")[2] for step in found["steps"]]
    # The page computes with float64, so that what float32 rounds it does not.
    sign = "=" if x.dtype == np.float32 else "≈"
    assert steps == [step.text.replace("≈", sign) for step in told.steps()]
    assert complaints(shared) == []


# ---------------------------------------------------------------- everybody can use it


def complaints(browser: Any) -> list[Any]:
    """What the console said, and every request but the one for the page itself."""
    said = [entry["message"] for entry in browser.get_log("browser")]
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            # The browser's own first page asks for its parts, too.
            asked, url = message["params"]["documentURL"], message["params"]["request"]["url"]
            said += [url] if asked.startswith("file:") and url != asked else []
    return said


def heard(browser: Any) -> list[tuple[str, str | None]]:
    """The role and name of all that a screen reader comes to, once the browser has them all."""
    browser.execute_cdp_cmd("Accessibility.enable", {})
    earlier: list[tuple[str, str | None]] = []
    for _ in range(50):
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        said = [
            (node["role"]["value"], node.get("name", {}).get("value"))
            for node in tree
            if not node["ignored"] and "role" in node
        ]
        if said == earlier and ("button", "Next") in said:
            break
        earlier = said
        time.sleep(0.1)
    return earlier


def test_roles_and_names(browser: Any) -> None:
    said = heard(browser)
    for expected in [
        ("grid", "Input"),
        ("grid", "Output"),
        ("combobox", "Operation"),
        *(("slider", name) for name in ("Kernel size", "Stride", "Padding", "Dilation")),
        *(("slider", name) for name in ("Rows", "Columns")),
        ("checkbox", "Ceil mode"),
        *(("button", name) for name in ("Back", "Play", "Next")),
        ("group", "Output size"),
    ]:
        assert said.count(expected) == 1, expected
    roles = [role for role, _ in said]
    assert roles.count("status") == roles.count("alert") == roles.count("heading") == 1
    assert roles.count("textbox") == 16
    assert [name for role, name in said if role == "textbox"][5] == "Row 2, column 2"
    controls = {"slider", "button", "combobox", "checkbox", "textbox", "grid", "group", "form"}
    assert [(role, name) for role, name in said if role in controls and not name] == []
    assert browser.execute_script("return document.documentElement.lang") == "en"
    assert browser.execute_script("return document.querySelectorAll('h1').length") == 1


def test_padding_is_hidden_from_those_who_listen(browser: Any) -> None:
    browser.execute_script(SET, {**next(settings(1)), **PADDED})
    assert len(cells(browser, "input")) == 16
    hidden = browser.find_elements("css selector", "#input .padding:not([aria-hidden=true])")
    assert len(browser.find_elements("css selector", "#input .padding")) == 36 - 16
    assert hidden == []


PADDED = {
    "op": "max",
    "rows": 4,
    "columns": 4,
    "size": 3,
    "stride": 2,
    "padding": 1,
    "dilation": 1,
    "ceil": False,
    "cells": [["1"] * 4] * 4,
}


def test_limits_are_as_large_as_promised(browser: Any) -> None:
    least = {"rows": 8, "columns": 8, "size": 4, "stride": 4, "padding": 2, "dilation": 2}
    for name, most in least.items():
        assert int(by_id(browser, name).get_attribute("max")) >= most, name


def test_stepping_and_playing(browser: Any) -> None:
    status = by_id(browser, "status")
    assert status.text == "4 windows"
    by_id(browser, "next").click()
    assert status.text == "Window 1 of 4: max(1, 3, 5, 6) = 6"
    assert [cell.text for cell in cells(browser, "output")] == ["6", "", "", ""]
    for _ in range(3):
        by_id(browser, "next").click()
    assert status.text == "Window 4 of 4: max(0, 1, 3, 4) = 4"
    by_id(browser, "back").click()
    assert status.text == "Window 3 of 4: max(2, 4, 1, 2) = 4"
    by_id(browser, "play").click()
    assert by_id(browser, "play").text == "Pause"
    by_id(browser, "play").click()
    assert by_id(browser, "play").text == "Play"
    assert status.text == "Window 4 of 4: max(0, 1, 3, 4) = 4"
    by_id(browser, "next").click()
    assert status.text == "4 windows"


def test_nothing_moves_by_itself(browser: Any) -> None:
    assert browser.execute_script("return document.getAnimations().length") == 0
    seen = browser.execute_async_script(
        "const done = arguments[0]; let changes = 0;"
        "new MutationObserver((all) => { changes += all.length; }).observe(document.body,"
        "{ subtree: true, childList: true, attributes: true, characterData: true });"
        "setTimeout(() => done(changes), 1500);"
    )
    assert seen == 0


def test_typing_and_keys(browser: Any) -> None:
    from selenium.webdriver import Keys

    browser.execute_script("document.querySelector('#input input').focus()")
    keys(browser, "9")
    assert [cell.text for cell in cells(browser, "output")] == ["9", "4", "4", "4"]
    keys(browser, Keys.ARROW_RIGHT, "-", "1", "2", Keys.ENTER, Keys.ARROW_LEFT)
    inputs = browser.find_elements("css selector", "#input input")
    assert [node.get_attribute("value") for node in inputs[:3]] == ["9", "-12", "2"]
    assert browser.switch_to.active_element == inputs[4]
    keys(browser, "7", "5")
    assert cells(browser, "output")[0].text == "75"
    keys(browser, Keys.END, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert browser.switch_to.active_element == inputs[15]
    assert len(browser.find_elements("css selector", '#input input[tabindex="0"]')) == 1


@pytest.mark.parametrize("typed", ["x", "-", "1,5", "1e", "<b>", "٣", "--1", " "])
def test_what_is_no_number_breaks_nothing(browser: Any, typed: str) -> None:
    from selenium.webdriver import Keys

    browser.execute_script("document.querySelector('#input input').focus()")
    keys(browser, *typed)
    first = browser.find_elements("css selector", "#input input")[0]
    assert first.get_attribute("aria-invalid") == "true"
    last = re.match(r"[0-9]*", typed)[0] or "1"  # as far as it was one
    keys(browser, Keys.ARROW_DOWN)
    assert first.get_attribute("value") == last
    assert first.get_attribute("aria-invalid") is None
    assert [cell.text for cell in cells(browser, "output")] == ["6", "4", "4", "4"]
    assert complaints(browser) == []


def test_an_output_shows_its_window(browser: Any) -> None:
    from selenium.webdriver import Keys

    cells(browser, "output")[2].click()
    assert by_id(browser, "status").text.startswith("Window 3 of 4")
    keys(browser, Keys.ARROW_RIGHT)
    assert by_id(browser, "status").text.startswith("Window 4 of 4")


def test_a_refusal_is_an_alert(browser: Any) -> None:
    browser.execute_script(SET, {**PADDED, "size": 4, "padding": 0, "dilation": 2})
    assert (
        by_id(browser, "alert").text == "⚠ height: effective kernel 7 exceeds input 4".lstrip("⚠ ")
        or "exceeds input 4" in by_id(browser, "alert").text
    )
    assert cells(browser, "output") == []
    assert by_id(browser, "status").text == ""
    assert not by_id(browser, "next").is_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Any, page: str, scheme: str, size: tuple[int, int]) -> None:
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    script = Path(axe.__file__).with_name("axe.min.js").read_text("utf-8")
    emulate(browser, size, scheme)
    browser.get(page)
    browser.execute_script(script)
    for wanted in (None, PADDED, {**PADDED, "size": 4, "padding": 0, "dilation": 3}):
        if wanted is not None:
            browser.execute_script(SET, wanted)
            browser.execute_script("document.getElementById('next').click()")
        found = browser.execute_async_script("axe.run().then(arguments[0])")
        assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
        assert len(found["passes"]) >= 15


def test_on_a_phone(browser: Any, page: str) -> None:
    emulate(browser, PHONE)
    browser.get(page)
    for wanted in (
        None,
        PADDED,
        {**PADDED, "rows": 8, "columns": 8, "stride": 1, "padding": 2},
    ):
        if wanted is not None:
            browser.execute_script(
                SET, {**wanted, "cells": [["1"] * wanted["columns"]] * wanted["rows"]}
            )
        measured = browser.execute_script(
            "const box = (node) => node.getBoundingClientRect();"
            "return [document.documentElement.scrollWidth,"
            "box(document.getElementById('output')).bottom,"
            "box(document.querySelector('.transport')).top,"
            "Math.min(...[...document.querySelectorAll('input,select,button,[role=gridcell]')]"
            ".flatMap((node) => [box(node).width, box(node).height]))]"
        )
        width, bottom, transport, smallest = measured
        assert width <= PHONE[0]
        assert bottom <= transport < PHONE[1]
        assert smallest >= 24
