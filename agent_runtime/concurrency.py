"""Run coroutines side by side; an error leaves as itself, never inside an `ExceptionGroup`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def gather(calls: Sequence[Callable[[], Awaitable[T]]], limit: int = 16) -> list[T]:
    """Await every call, at most `limit` at once; the results in the order of the calls.

    The first call that raises cancels the others and its exception leaves as it is: an `except` of the
    caller must not stop matching as soon as two things run at the same time.
    """
    if len(calls) == 1:
        return [await calls[0]()]
    results: dict[int, T] = {}
    limiter = anyio.Semaphore(limit)

    async def run(index: int) -> None:
        async with limiter:
            results[index] = await calls[index]()

    try:
        async with anyio.create_task_group() as group:
            for index in range(len(calls)):
                group.start_soon(run, index)
    except BaseExceptionGroup as group_error:
        raise leaf(group_error) from None
    return [results[index] for index in range(len(calls))]


def leaf(error: BaseException) -> BaseException:
    """The first exception inside a group, or the exception itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
