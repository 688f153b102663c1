"""Causes in the flow: recursion that never ends, a coroutine that nobody awaits."""

import ast
import re
from collections import Counter

from agent_runtime.jobs.debugging.causes.scene import FunctionAt, Scene, where
from agent_runtime.jobs.debugging.source import FunctionNode
from agent_runtime.jobs.debugging.types import Cause, Frame

AWAITED = re.compile(r"coroutine '(?:[\w.<>]*\.)?(?P<name>\w+)' was never awaited")


def endless_recursion(scene: Scene) -> Cause | None:
    """A function that calls itself and never stops: why not."""
    if scene.raised.kind != "RecursionError" or not scene.frames:
        return None
    counted = Counter((frame.file, frame.function) for frame in scene.frames)
    (file, name), _ = counted.most_common(1)[0]
    frame = next(frame for frame in scene.frames if (frame.file, frame.function) == (file, name))
    functions = [function for at, function in scene.functions(name) if at == file]
    how, line = _why_endless(functions[0]) if functions else ("nothing on its way stops it", frame.line)
    text = f"{name}() calls itself without end at {where(frame)}. {how[0].upper()}{how[1:]} ({file}:{line})."
    return Cause("endless recursion", text, file, line, is_certain=bool(functions))


def _why_endless(function: FunctionNode) -> tuple[str, int]:
    own = [argument.arg for argument in function.args.args]
    calls = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and function.name in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
    ]
    for call in calls:
        given = [ast.unparse(argument) for argument in call.args]
        if given and given == [name for name in own if name not in ("self", "cls")][: len(given)]:
            return "it passes on the same arguments, so it comes no nearer to an end", call.lineno
    tests = [node for node in ast.walk(function) if isinstance(node, ast.If | ast.IfExp | ast.While)]
    if not tests:
        return "it has no case in which it stops: the base case is missing", function.lineno
    return f"its base case `{ast.unparse(tests[0].test)}` is not reached for this input", tests[0].lineno


def never_awaited(scene: Scene) -> Cause | None:
    """A coroutine was called and not awaited, so that its work never ran."""
    messages = [raised.message for raised in scene.failure.chain]
    match = next((found for message in messages if (found := AWAITED.search(message))), None)
    if match is None and not any("'coroutine' object" in message for message in messages):
        return None
    names = [match["name"]] if match else [node.name for _, node in scene.all_functions() if _is_async(node)]
    call = _bare_call(scene, names)
    frame, name = call or (scene.frame or Frame("", 0), names[0] if names else "the coroutine")
    text = (
        f"{name}() is a coroutine function, and {where(frame)} (`{scene.line(frame)}`) calls it without `await`. "
        "What comes back is the coroutine itself, and its work never runs."
    )
    return Cause("never awaited", text, frame.file, frame.line, is_certain=call is not None)


def _bare_call(scene: Scene, names: list[str]) -> tuple[Frame, str] | None:
    """A call of one of the coroutine functions that is neither awaited nor handed on, nearest to the frames."""
    found: list[tuple[int, Frame, str]] = []
    frames = {(frame.file, frame.line): rank for rank, frame in enumerate(scene.frames)}
    for file in scene.files:
        source = scene.source(file)
        for node in ast.walk(source.tree) if source is not None else ():
            if isinstance(node, ast.Call) and source is not None:
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                parent = source.parents.get(node)
                is_taken = isinstance(
                    parent, ast.Await | ast.Call | ast.List | ast.Starred | ast.GeneratorExp
                )
                if name in names and not is_taken:
                    rank = frames.get((file, node.lineno), 10_000)
                    found.append((rank, Frame(file, node.lineno), name))
    return min(found, key=lambda one: one[0])[1:] if found else None


def _is_async(function: FunctionNode) -> bool:
    return isinstance(function, ast.AsyncFunctionDef)


__all__ = ["FunctionAt", "endless_recursion", "never_awaited"]
