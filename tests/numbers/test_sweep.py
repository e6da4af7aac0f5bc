"""The same comparison with configurations that hypothesis chooses, and shrinks when one fails."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.helpers.cases import Case, check
from tests.helpers.every import FUZZ

DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="?"),
    arrays.unsigned_integer_dtypes(endianness="?"),
    arrays.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
)


@st.composite
def cases(draw):
    axes = draw(st.integers(1, 3))
    layout = draw(st.sampled_from({1: ["W", "WC", "NWC", "CW"], 2: ["HW", "HWC", "NCHW", "HNWC"],
                                   3: ["DHW", "NDHWC", "DCHW"]}[axes]))  # fmt: skip
    shape = tuple(
        draw(st.integers(0 if letter in "NC" else 1, 7 if letter == "W" else 4))
        for letter in layout
    )
    x = draw(arrays.arrays(draw(DTYPES), shape))
    op = draw(st.sampled_from(["max", "min", "avg", "sum"]))
    number = st.integers(1, 4)
    several = st.one_of(number, st.tuples(*[number] * axes))
    pads = st.integers(0, 3)
    geometry = draw(
        st.fixed_dictionaries(
            {"size": several},
            optional={
                "stride": several,
                "dilation": several,
                "ceil_mode": st.booleans(),
                "padding": st.one_of(
                    pads,
                    st.tuples(*[st.tuples(pads, pads)] * axes),
                    st.sampled_from(["same", "same-lower", "valid"]),
                ),
            },
        )
    )
    options = {"layout": layout, "nan": draw(st.sampled_from(["propagate", "skip", "error"]))}
    if op == "avg":
        options["count_include_pad"] = draw(st.booleans())
    return Case(x, op, geometry, options)


@settings(max_examples=300 * FUZZ, deadline=None, derandomize=True)
@given(cases(), st.integers(1, 4), st.integers(1, 200))
def test_as_specified(case, threads, block_bytes):
    if check(case):
        with np.errstate(all="raise"):  # nothing leaks from our own arithmetic
            again = case.run(threads=threads, block_bytes=block_bytes)
        assert again.tobytes() == case.run().tobytes()
