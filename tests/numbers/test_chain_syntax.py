"""How chains are written: what each word means, and which words are refused in which words."""

import pytest

from poolcli.chain_syntax import parse_chain
from poolcli.errors import UsageError
from poolcli.geometry import Adaptive, Fractional, Global, Pyramid, Sliding


def only(text, **options):
    (stage,) = parse_chain(text, **options).stages
    return stage.request


@pytest.mark.parametrize(
    ("text", "geometry"),
    [
        ("max 3", Sliding(3)),
        ("max 3/2", Sliding(3, 2)),
        ("max 2x3/2x1", Sliding((2, 3), (2, 1))),
        ("max 2×3", Sliding((2, 3))),
        ("max 3/2 p1", Sliding(3, 2, 1)),
        ("max 3 p0x1", Sliding(3, None, (0, 1))),
        ("max 3 p1:0,0:1", Sliding(3, None, ((1, 0), (0, 1)))),
        ("max k3", Sliding(3)),
        ("max k3 s2 p1", Sliding(3, 2, 1)),
        ("max s2 k2x3", Sliding((2, 3), 2)),
        ("max k(2,3) s2,1", Sliding((2, 3), (2, 1))),
        ("max 2,3/2,1", Sliding((2, 3), (2, 1))),
        ("max 3 s2", Sliding(3, 2)),
        ("max size=3 stride=2", Sliding(3, 2)),
        ("max 3 psame", Sliding(3, None, "same")),
        ("max 3 pvalid d2", Sliding(3, None, "valid", 2)),
        ("max 3 d2x1 ceil p1", Sliding(3, None, 1, (2, 1), True)),
        ("blur 3/2", Sliding(3, 2)),
        ("global max", Global()),
        ("adaptive avg 7", Adaptive(7)),
        ("adaptive avg 7x5", Adaptive((7, 5))),
        ("fractional max 17", Fractional(17)),
        ("fractional max 17 size=2x3 seed=1", Fractional(17, (2, 3), 1)),
    ],
)
def test_geometries(text, geometry):
    assert only(text).geometry == geometry


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("lp 2 norm=3", {"norm": 3.0}),
        ("lp 2 norm=inf signed", {"norm": float("inf"), "signed": True}),
        ("lp 2 no-signed", {"signed": False}),
        ("lp 2 signed=no", {"signed": False}),
        ("global quantile q=0.25 method=lower", {"q": 0.25, "method": "lower"}),
        ("var 3 ddof=1", {"ddof": 1}),
        ("gem 2 p=4 p1", {"p": 4.0}),
        ("adaptive stochastic 2 mode=expected", {"mode": "expected"}),
        ("fractional stochastic 5 seed=3", {"seed": 3}),
        ("max 2", {}),
    ],
)
def test_parameters_of_the_op(text, params):
    request = only(text)
    assert request.params == params
    assert [type(v) for v in request.params.values()] == [type(v) for v in params.values()]


def test_what_averages_divide_by():
    request = only("avg 3 p1 count-include-pad divisor=4")
    assert request.count_include_pad is True
    assert request.divisor == 4
    assert only("avg 3 p1 no-count-include-pad").count_include_pad is False
    assert only("avg 3 p1").count_include_pad is None


def test_aliases_and_spaces():
    chain = parse_chain("  mean   2|global\tmax keep ")
    assert chain.text == "mean 2 | global max keep"
    assert [stage.request.op for stage in chain.stages] == ["avg", "max"]
    assert chain.stages[1].request.keepdims


def test_levels_of_a_pyramid():
    (stage,) = parse_chain("pyramid max 1,2,4").stages
    assert stage.request.geometry == Pyramid((1, 2, 4))


def test_options_hold_for_every_stage():
    chain = parse_chain("max 2 | avg 2", like="torch", nan="skip", nodata=-1, threads=1)
    for stage in chain.stages:
        request = stage.request
        found = (request.like, request.nan, request.nodata, request.threads)
        assert found == ("torch", "skip", -1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'the chain is empty; write stages such as "max 3/2 p1 | global avg"'),
        (" | ", 'the chain is empty; write stages such as "max 3/2 p1 | global avg"'),
        ("max 2 || avg 2", "stage 2 of the chain is empty"),
        ("max 2 |", "stage 2 of the chain is empty"),
        ("maxx 2", "stage 1 \"maxx 2\": no op 'maxx'; did you mean max?"),
        ("max", 'stage 1 "max": a size (3, 2x3, 3/2 with a stride, or k3 s2) must follow the op'),
        ("global", 'stage 1 "global": an op must follow "global", such as "global max"'),
        ("adaptive max", 'stage 1 "adaptive max": an output size (7, 7x5) must follow the op'),
        ("pyramid max", 'stage 1 "pyramid max": levels (1,2,4) must follow the op'),
        (
            "max 2 | avg 2 q3",
            'stage 2 "avg 2 q3": "q3" is no kSIZE, sSTRIDE, pPADDING, dDILATION, ceil, '
            "count-include-pad or divisor=VALUE, which are what may stand here",
        ),
        (
            "max 3 signed",
            'stage 1 "max 3 signed": "signed" is no kSIZE, sSTRIDE, pPADDING, dDILATION or ceil, '
            "which are what may stand here",
        ),
        ("pyramid max 1,2 p1", 'stage 1 "pyramid max 1,2 p1": nothing may follow here, not "p1"'),
        (
            "global max 2",
            'stage 1 "global max 2": "2" is no keep, which is what may stand here',
        ),
        (
            "max 2 divisor=4",
            'stage 1 "max 2 divisor=4": "divisor=4" is no kSIZE, sSTRIDE, pPADDING, dDILATION '
            "or ceil, which are what may stand here",
        ),
        ("avg 2 divisor", 'stage 1 "avg 2 divisor": "divisor" needs a value: divisor=VALUE'),
        ("avg 2 p1 p1", 'stage 1 "avg 2 p1 p1": "p1": padding is given twice'),
        ("max 2x0", 'stage 1 "max 2x0": size 2x0: numbers here start at 1, not 0'),
        ("max 3/", "stage 1 \"max 3/\": stride : '' is not a whole number"),
        ("max a", "stage 1 \"max a\": size a: 'a' is not a whole number"),
        ("max 3 d2x", "stage 1 \"max 3 d2x\": dilation 2x: '' is not a whole number"),
        ("max 3 k2", 'stage 1 "max 3 k2": "k2": size is given twice'),
        ("max 3/2 s2", 'stage 1 "max 3/2 s2": "s2": stride is given twice'),
        (
            "max s2",
            'stage 1 "max s2": a size (3, 2x3, 3/2 with a stride, or k3 s2) must follow the op',
        ),
        ("max k", "stage 1 \"max k\": size : '' is not a whole number"),
        ("lp 2 norm=x", 'stage 1 "lp 2 norm=x": norm=x: a number is meant'),
        ("var 2 ddof=1.5", 'stage 1 "var 2 ddof=1.5": ddof=1.5: a whole number is meant'),
        ("lp 2 signed=maybe", 'stage 1 "lp 2 signed=maybe": signed=maybe: yes or no is meant'),
        (
            "avg 2 divisor=0",
            'stage 1 "avg 2 divisor=0": divisor 0.0: must be a number other than 0',
        ),
        (
            "global avg | max 2",
            'stage 2 "max 2": stage 1 "global avg" leaves no positions to pool; it must be the '
            'last one, or "global avg keep"',
        ),
    ],
)
def test_refusals(text, message):
    with pytest.raises(UsageError) as refused:
        parse_chain(text)
    assert str(refused.value) == message


def test_long_words_are_cut():
    with pytest.raises(UsageError) as refused:
        parse_chain("max 2 " + "x" * 10_000)
    assert len(str(refused.value)) < 400
    with pytest.raises(UsageError):
        parse_chain("var 2 ddof=" + "9" * 10_000)
