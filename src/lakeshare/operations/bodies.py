"""Hot bodies: an answer that is asked for again while its signing window lasts is rendered once more, and then kept.

What is kept are the lines of the header and of the files. Authorization, the look at the table, the audit and an
answer's last line are made anew for each request. The key says all that the lines depend on, and names no recipient.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from lakeshare.tables.budget import ByteBudget

Render = Callable[[], bytes]

MAX_ASKED = 10_000
"""So many keys that were asked for once are remembered."""


class Bodies:
    """Keeps bodies of at most `max_bytes` in `memory`; those that are being rendered take no more than that together.

    Times are epoch seconds. Threads may share it.
    """

    def __init__(self, memory: ByteBudget, max_bytes: int) -> None:
        self._memory = memory
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._asked: dict[Hashable, int] = {}
        self._kept: dict[Hashable, int] = {}
        self._rendering: dict[Hashable, list[bytes]] = {}
        self._rendering_bytes = 0

    @contextmanager
    def kept(self, key: Hashable, renders: Sequence[Render], *, now: int, ends_at: int) -> Iterator[list[Render]]:
        """What to call instead of `renders`, each once and in order: gives the kept chunks where there are some.

        They are kept where this is the second time that they are asked for until `ends_at`, and all of them are called
        before the context ends.
        """
        key = Bodies, key
        chunks = self._chunks(key, now)
        if chunks is not None:
            yield [partial(_given, chunk) for chunk in chunks]
        elif not self._begin(key, ends_at):
            yield list(renders)
        else:
            try:
                yield [partial(self._render, key, render) for render in renders]
            finally:
                self._finish(key, len(renders), ends_at)

    def _chunks(self, key: Hashable, now: int) -> list[bytes] | None:
        with self._lock:
            for old in [old for old, ends_at in self._kept.items() if ends_at <= now]:
                del self._kept[old]
                self._memory.drop(old)
            if len(self._asked) >= MAX_ASKED or any(ends_at <= now for ends_at in self._asked.values()):
                self._asked = {old: ends_at for old, ends_at in self._asked.items() if ends_at > now}
            chunks: list[bytes] | None = self._memory.get(key)
            return chunks

    def _begin(self, key: Hashable, ends_at: int) -> bool:
        """Whether what is rendered now is to be kept."""
        with self._lock:
            if key not in self._asked:
                if len(self._asked) < MAX_ASKED:
                    self._asked[key] = ends_at
                return False
            if key in self._rendering:
                return False
            self._rendering[key] = []
            return True

    def _render(self, key: Hashable, render: Render) -> bytes:
        chunk = render()
        with self._lock:
            chunks = self._rendering.get(key)
            if chunks is not None:
                chunks.append(chunk)
                self._rendering_bytes += len(chunk)
                if self._rendering_bytes > self._max_bytes:
                    self._drop(key)
        return chunk

    def _finish(self, key: Hashable, count: int, ends_at: int) -> None:
        with self._lock:
            chunks = self._drop(key)
            if len(chunks) == count:
                self._memory.put(key, chunks, sum(map(len, chunks)))
                self._kept[key] = ends_at

    def _drop(self, key: Hashable) -> list[bytes]:
        chunks = self._rendering.pop(key, [])
        self._rendering_bytes -= sum(map(len, chunks))
        return chunks


def _given(chunk: bytes) -> bytes:
    return chunk
