from collections.abc import Sequence

import pytest

from lakeshare.operations.bodies import Bodies
from lakeshare.tables.budget import ByteBudget

START, END = 1000, 1300


class Rendering:
    """An answer of fake chunks that counts how often one is rendered."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.count = 0

    def renders(self) -> list:
        return [lambda chunk=chunk: self._render(chunk) for chunk in self.chunks]

    def _render(self, chunk: bytes) -> bytes:
        self.count += 1
        return chunk


def bodies(max_bytes: int = 100) -> Bodies:
    return Bodies(ByteBudget(4 * max_bytes), max_bytes)


def ask(kept: Bodies, rendering: Rendering, key="a", *, now: int = START, ends_at: int = END, most: int = 9) -> bytes:
    """An answer, of whose chunks the client takes at most so many."""
    with kept.kept(key, rendering.renders(), now=now, ends_at=ends_at) as renders:
        return b"".join(render() for render in renders[:most])


def counts(kept: Bodies, rendering: Rendering, asked: Sequence[dict]) -> list[int]:
    """How many chunks had been rendered after each answer, all of them whole."""
    seen = []
    for how in asked:
        assert ask(kept, rendering, **how) == b"".join(rendering.chunks)
        seen.append(rendering.count)
    return seen


def test_a_body_is_kept_from_the_second_time_that_it_is_asked_for():
    assert counts(bodies(), Rendering(b"ab", b"c"), [{}] * 4) == [2, 4, 4, 4]


def test_a_body_is_gone_when_its_window_is_over():
    kept = bodies()
    rendering = Rendering(b"ab")
    assert counts(kept, rendering, [{}] * 3 + [{"now": END - 1}]) == [1, 2, 2, 2]
    assert counts(kept, rendering, [{"key": "other", "now": END, "ends_at": END + 300}]) == [3]
    assert kept._memory.get((Bodies, "a")) is None
    assert counts(kept, rendering, [{"now": END, "ends_at": END + 300}] * 3) == [4, 5, 5]


def test_other_keys_share_nothing():
    kept = bodies()
    assert counts(kept, Rendering(b"a"), [{"key": 1}] * 3) == [1, 2, 2]
    assert counts(kept, Rendering(b"b"), [{"key": 2}] * 3) == [1, 2, 2]
    assert counts(kept, Rendering(b"a"), [{"key": 1}]) == [0]


def test_an_answer_that_is_left_early_keeps_nothing():
    kept, rendering = bodies(), Rendering(b"ab", b"c")
    ask(kept, rendering)
    assert ask(kept, rendering, most=1) == b"ab"
    rendering.count = 0
    assert counts(kept, rendering, [{}] * 2) == [2, 2]


def test_an_answer_that_breaks_off_keeps_nothing():
    kept, rendering = bodies(), Rendering(b"ab", b"c")
    ask(kept, rendering)

    def fail() -> bytes:
        raise OSError

    with pytest.raises(OSError), kept.kept("a", [*rendering.renders()[:1], fail], now=START, ends_at=END) as renders:
        b"".join(render() for render in renders)
    assert kept._rendering_bytes == 0
    rendering.count = 0
    assert counts(kept, rendering, [{}] * 2) == [2, 2]


def test_a_body_that_is_too_big_is_rendered_each_time():
    kept = bodies(max_bytes=2)
    assert counts(kept, Rendering(b"ab", b"c"), [{}] * 3) == [2, 4, 6]
    assert kept._rendering_bytes == 0


def test_bodies_that_are_rendered_at_the_same_time_take_no_more_than_one_may():
    kept, rendering = bodies(max_bytes=3), Rendering(b"ab")
    for key in (1, 2):
        ask(kept, rendering, key)
    with kept.kept(1, rendering.renders(), now=START, ends_at=END) as first:
        first[0]()
        ask(kept, rendering, 2)
    rendering.count = 0
    assert counts(kept, rendering, [{"key": 1}, {"key": 2}, {"key": 2}]) == [0, 1, 1]


def test_two_that_ask_at_once_are_both_answered_and_one_is_kept():
    kept, rendering = bodies(), Rendering(b"ab")
    ask(kept, rendering)
    with kept.kept("a", rendering.renders(), now=START, ends_at=END) as first:
        assert ask(kept, rendering) == b"ab"
        assert first[0]() == b"ab"
    rendering.count = 0
    assert counts(kept, rendering, [{}]) == [0]
