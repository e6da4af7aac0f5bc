"""Small arrays: what is asked again is planned once, is the same to the bit, and not mixed up."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import arguments, plan
from poolcli.engine import blocks, native
from poolcli.errors import InputError, PoolError
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.recent import Recent, Unlike, exact_key
from poolcli.request import Request

CALLS: dict[str, Any] = {
    "max": lambda x, **o: poolcli.pool(x, "max", 2, layout="NCHW", **o),
    "padded avg": lambda x, **o: poolcli.pool(x, "avg", 3, stride=2, padding=1, layout="NCHW", **o),
    "median": lambda x, **o: poolcli.pool(x, "median", (3, 2), stride=1, layout="NCHW", **o),
    "indices": lambda x, **o: poolcli.pool(x, "max", 2, layout="NCHW", return_indices=True, **o),
    "blur": lambda x, **o: poolcli.pool(x, "blur", 3, stride=2, layout="NCHW", **o),
    "global": lambda x, **o: poolcli.global_pool(x, "avg", layout="NCHW", **o),
    "adaptive": lambda x, **o: poolcli.adaptive_pool(x, "lse", 3, layout="NCHW", **o),
    "fractional": lambda x, **o: poolcli.fractional_pool(x, "max", 3, layout="NCHW", **o),
    "stochastic": lambda x, **o: poolcli.pool(x, "stochastic", 2, layout="NCHW", seed=3, **o),
    "nan skip": lambda x, **o: poolcli.pool(x, "avg", 2, layout="NCHW", nan="skip", **o),
    "rounded": lambda x, **o: poolcli.pool(
        x, "avg", 2, layout="NCHW", dtype="i2", fit="round", **o
    ),
    "pyramid": lambda x, **o: poolcli.pyramid_pool(x, "max", [1, 2], layout="NCHW"),
    "chain": lambda x, **o: poolcli.chain(x, "max 2 | global avg", layout="NCHW"),
}


def _cells(seed: int, side: int = 8) -> Any:
    cells = np.random.default_rng(seed).random((2, 3, side, side), np.float32)
    cells[0, 0, 1] = 7.5
    return cells


def _lying(x: Any) -> dict[str, Any]:
    """The same cells in other places and orders of memory."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "C": x,
        "F": np.asfortranarray(x),
        "gaps": wide[..., ::2],
        "reversed": x[..., ::-1].copy()[..., ::-1],
        "swapped": x.astype(x.dtype.newbyteorder()),
        "read-only": frozen,
    }


def _forget() -> None:
    arguments._asked._values.clear()


def _bytes(result: Any) -> bytes:
    parts = result if isinstance(result, tuple) else (result,)
    return b"".join(part.astype(part.dtype.newbyteorder("<")).tobytes() for part in parts)


@pytest.mark.parametrize("name", CALLS)
def test_again_gives_the_same_bytes_wherever_cells_lie(name: str) -> None:
    for seed in (1, 2, 3):
        for how, x in _lying(_cells(seed)).items():
            again = _bytes(CALLS[name](x))
            _forget()
            assert _bytes(CALLS[name](x)) == again, how
            assert _bytes(CALLS[name](x)) == again, how


@pytest.mark.parametrize("name", [n for n in CALLS if n not in ("pyramid", "chain", "indices")])
def test_again_into_arrays_that_are_given(name: str) -> None:
    x = _cells(4)
    expected = CALLS[name](x)
    dense = np.zeros_like(expected)
    sparse = np.zeros((*expected.shape, 2), expected.dtype)[..., 0]
    for out in (dense, sparse, dense, sparse):
        out[...] = 0
        CALLS[name](x, out=out)
        assert out.tobytes() == expected.tobytes()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each step was taken."""
    counts = dict.fromkeys(("planned", "cut", "described", "called"), 0)

    def count(owner: Any, attribute: str, step: str) -> None:
        before = getattr(owner, attribute)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counts[step] += 1
            return before(*args, **kwargs)

        monkeypatch.setattr(owner, attribute, counting)

    count(Request, "plan_part", "planned")
    count(blocks, "_tiling", "cut")
    count(native.Work, "_describe", "described")
    count(native.Work, "again", "called")
    return counts


@pytest.mark.parametrize("side", [4, 32])
@pytest.mark.parametrize("name", [n for n in CALLS if n not in ("pyramid", "chain")])
def test_two_hundred_calls_plan_once(name: str, side: int, counted: dict[str, int]) -> None:
    _forget()
    runs = 2 if name == "indices" else 1
    for seed in range(200):
        CALLS[name](_cells(seed % 3, side))
    assert counted == {"planned": 1, "cut": runs, "described": runs, "called": 199 * runs}


def test_values_that_are_equal_but_not_the_same_are_asked_apart() -> None:
    x = np.zeros((4, 4), np.float32)
    for wrong in (2.5, True, "2"):
        poolcli.pool(x, "max", 2)
        with pytest.raises(PoolError):
            poolcli.pool(x, "max", wrong)
        with pytest.raises(PoolError):
            poolcli.pool(x, "max", (2, wrong))
    x[0, 0] = -0.0
    for nodata in (0.0, -0.0, 0.0, np.float32(-0.0), 0):
        got = poolcli.pool(x, "max", 4, nodata=nodata)
        assert np.signbit(got[0, 0]) == np.signbit(nodata), nodata


KEYS: list[Any] = [
    *(2, 2.0, True, "2", b"2", np.int64(2), np.int32(2), np.float32(2), np.float64(2), (2,), [2]),
    *(0, 0.0, -0.0, False, None, (), [], ((),), np.float64(-0.0), np.float64(0)),
    *((2, 2), (2, 2.0), (2, True), [2, 2], ((2, 2),), float("nan"), np.float32, np.dtype("f4")),
    *(np.dtype(">f4"), "f4", float),
]


def test_keys_differ_as_values_do() -> None:
    keys = [exact_key([value]) for value in KEYS]
    assert len(set(keys)) == len(KEYS)
    assert keys == [exact_key([copy.deepcopy(value)]) for value in KEYS]


@pytest.mark.parametrize("value", [np.zeros(1), np.array(3), {}, object(), {1}, bytearray(b"1")])
def test_what_has_no_key(value: Any) -> None:
    with pytest.raises(Unlike):
        exact_key([1, (2, value)])


def test_the_one_that_was_not_asked_for_goes_first() -> None:
    recent: Recent[int] = Recent(3)
    for i in range(3):
        recent.put(i, 10 * i)
    assert recent.get(0) == 0
    recent.put(3, 30)
    assert [recent.get(i) for i in range(4)] == [0, None, 20, 30]
    assert len(recent) == 3
    assert len(pickle.loads(pickle.dumps(recent))) == 0


def test_what_is_kept_is_bounded() -> None:
    x = np.zeros((1, 1, 70, 70), np.float32)
    for n in range(1, 70):
        poolcli.pool(x, "max", n, layout="NCHW")
        poolcli.pool(x[..., :n], "max", 1, layout="NCHW")
    assert len(arguments._asked) <= 64
    assert all(len(asked._plans) <= 8 for asked in arguments._asked._values.values())


def test_what_is_refused_is_refused_again_in_the_same_words() -> None:
    big, small = np.full((4, 4), 300.0), np.full((4, 4), 3.0)
    nan = np.full((4, 4), np.nan)
    for _ in range(2):
        assert poolcli.pool(small, "max", 2, dtype="u1").tolist() == [[3, 3], [3, 3]]
        with pytest.raises(InputError, match="300.0 does not fit uint8"):
            poolcli.pool(big, "max", 2, dtype="u1")
        assert poolcli.pool(small, "max", 2, nan="error").tolist() == [[3, 3], [3, 3]]
        with pytest.raises(InputError, match="NaN at height 0, width 0"):
            poolcli.pool(nan, "max", 2, nan="error")


def test_bool_cells_of_any_byte() -> None:
    x = np.array([[0, 255], [2, 1]], np.uint8).view(np.bool_)
    for _ in range(3):
        assert poolcli.pool(x, "sum", 2).tolist() == [[3]]


def test_no_array_is_held() -> None:
    import gc
    import weakref

    class Cells(np.ndarray):  # plain arrays take no weak references
        pass

    x = np.zeros((4, 4), np.float32).view(Cells)
    gone = weakref.ref(x)
    poolcli.pool(x, "max", 2)
    poolcli.pool(x, "max", 2)
    del x
    gc.collect()
    assert gone() is None


def test_threads_that_ask_the_same_do_not_meet() -> None:
    arrays = [_cells(seed, 32) for seed in range(4)]
    expected = [CALLS["padded avg"](x).tobytes() for x in arrays]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(300):
            if CALLS["padded avg"](arrays[i]).tobytes() != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("geometry", [Sliding(2), Global(), Adaptive(3)])
def test_a_request_that_has_planned_is_still_a_value(geometry: Any) -> None:
    request, same = Request("max", geometry), Request("max", geometry)
    made = request.plan((8, 8), np.dtype("f4"))
    assert request == same
    assert repr(request) == repr(same)
    assert request.plan((8, 8), np.dtype("f4")) is made
    assert request.plan((8, 8), np.dtype(">f4")) is not made
    assert isinstance(made, plan.Plan)
    assert request.with_nodata(3).plan((8, 8), np.dtype("f4")).nodata == 3
    made.run(np.zeros((8, 8), np.float32))
    assert pickle.loads(pickle.dumps(geometry)) == geometry


def test_helping_threads_are_kept_and_forgotten_by_a_fork() -> None:
    x = np.zeros((3, 400, 400))
    expected = poolcli.pool(x, "avg", 3, layout="CHW", threads=1)
    for _ in range(3):
        for threads in (2, 3):
            poolcli.pool(x, "avg", 3, layout="CHW", threads=threads)
    kept = blocks._helpers
    assert kept is not None
    poolcli.pool(x, "avg", 3, layout="CHW", threads=3)
    assert blocks._helpers is kept
    blocks._forget_helpers()  # as after a fork, whose child has no other threads
    assert poolcli.pool(x, "avg", 3, layout="CHW", threads=3).tobytes() == expected.tobytes()
    assert blocks._helpers is not kept


def test_what_fails_in_a_helping_thread_is_raised() -> None:
    x = np.zeros((64, 64, 64))
    x[-1, -1, -1] = np.nan
    for _ in range(20):
        with pytest.raises(InputError, match="NaN at channels 63, height 63, width 63"):
            poolcli.pool(x, "avg", 2, layout="CHW", threads=4, nan="error")


def test_cells_that_lie_between_addresses_are_another_call() -> None:
    """A call for cells at whole addresses has no room for copies of others."""
    x = np.arange(16, dtype=np.float64).reshape(4, 4)
    between = np.frombuffer(b"x" + x.tobytes(), x.dtype, offset=1).reshape(x.shape)
    for cells in (x, between, x, between, between):
        assert poolcli.pool(cells, "max", 3, stride=1).tolist() == [[10, 11], [14, 15]]
