"""Strict JSON, whatever the values and names."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from poolcli import report
from poolcli.geometry import Global, Sliding
from tests.helpers.results import SEED, identity, pooled


def strict(text: str) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    assert "\n" not in text
    text.encode("ascii")
    return json.loads(text, parse_constant=refuse)


def test_json_of_a_seed() -> None:
    assert strict(report.json_line(pooled(SEED, label="seed.npy"))) == {
        "label": "seed.npy",
        "op": "max",
        "windows": {
            "kind": "sliding",
            "size": [2, 2],
            "stride": [2, 2],
            "padding": [[0, 0], [0, 0]],
            "dilation": [1, 1],
            "ceil_mode": False,
        },
        "input": {"shape": [4, 4], "dtype": "int64", "layout": "HW"},
        "output": {"shape": [2, 2], "dtype": "int64", "layout": "HW"},
        "dropped": {},
        "warnings": [],
        "written": None,
        "values": [[6, 4], [4, 4]],
    }


def test_json_says_what_same_padding_came_to_and_what_is_dropped() -> None:
    same = strict(report.json_line(pooled(np.zeros((4, 5)), geometry=Sliding(3, 2, "same"))))
    assert same["windows"]["padding"] == [[0, 1], [1, 1]]
    short = strict(report.json_line(pooled(np.zeros((5, 4)))))
    assert short["dropped"] == {"height": 1}


def test_json_of_a_written_global_result_has_no_values() -> None:
    result = pooled(SEED, "avg", Global(), keepdims=False, written="o/\udcfe.npy")
    line = strict(report.json_line(result))
    assert line["windows"] == {"kind": "global"}
    assert line["output"] == {"shape": [], "dtype": "float64", "layout": ""}
    assert line["written"] == "o/\\xfe.npy"
    assert "values" not in line


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8"])
def test_json_has_no_nan(dtype: str) -> None:
    values = np.array([[np.nan, np.inf], [-np.inf, 0.5]], dtype)
    shown = strict(report.json_line(identity(values)))["values"]
    assert shown == [["NaN", "Infinity"], ["-Infinity", 0.5]]
    np.testing.assert_array_equal(np.array(shown, np.float64), values)


def test_json_is_exact() -> None:
    for array in (np.array([2**63 - 1, -(2**63)]), np.array([0.1, 1 / 3]), np.array([True, False])):
        assert strict(report.json_line(identity(array)))["values"] == array.tolist()


def test_json_carries_any_name() -> None:
    line = strict(report.json_line(identity(SEED, label="ü\n\x1b\udcff\ud800")))
    assert line["label"] == "ü\n\x1b\\xff\\ud800"
