"""Work that many ask for at once and that is done once: whoever comes while it lasts waits for the same result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shared(
    running: dict[str, asyncio.Task[T]], key: str, make: Callable[[], Coroutine[Any, Any, T]]
) -> T:  # fmt: skip
    """What `make` makes, one at a time for each key; it goes on when one who waits for it goes away."""
    task = running.get(key)
    if task is None:
        task = running[key] = asyncio.create_task(make())
        task.add_done_callback(lambda _: running.pop(key, None))
    return await asyncio.shield(task)
