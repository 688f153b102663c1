"""What a model may write next, as a grammar for llguidance: pure text, compiled into masks by the engine.

The protocol's order (a plan first, nothing after the answer), a token limit on every field, and inside a check whatever
grammar its tool brings: a database's, say, knows the tables that are loaded. Whether what is written is right is for
the tool to say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent_runtime.types import Backtrack, FinalAnswer, Node, Plan, Prompt, ToolSpec

# A limit ends a ramble, not a thought: the longest fields of the trained traces have half of these. What is written to
# a tool is cut at the tool's own limit and closed: the tool then says what is wrong with it.
TRAINED_TOKENS = {"plan": 160, "step": 96, "backtrack": 64, "answer": 160}
CHAT_TOKENS = {"plan": 320, "step": 256, "backtrack": 128, "answer": 512}

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_TAG = "/[^<]+/"  # text that is followed by a tag at the first `<`


@dataclass(frozen=True, slots=True)
class ThinkRule:
    """Thinking before an action: how it is opened ("": it is already), what it may hold, how it is closed."""

    opening: str
    body: str
    closing: str
    n_tokens: int


@dataclass(frozen=True, slots=True)
class _Input:
    """What may be written to a tool."""

    tool: str
    max_tokens: int
    grammar: str


def next_roles(path: Sequence[Node]) -> tuple[str, ...]:
    """The roles that may open the next action.

    Raises:
        ValueError: The path has ended with an answer.
    """
    actions = [node.action for node in path if node.action is not None]
    if actions and isinstance(actions[-1], FinalAnswer):
        raise ValueError("nothing follows an answer")
    if not any(isinstance(action, Plan) for action in actions):
        return ("plan",)
    if isinstance(actions[-1], Plan | Backtrack):  # there is nothing to give up yet
        return ("step", "plan", "answer")
    return ("step", "answer", "backtrack", "plan")


def role_token_grammar(prompt: Prompt, path: Sequence[Node], role_ids: Mapping[str, int]) -> str:
    """The grammar of one action in role tokens, which are written `<[id]>`; inputs by the tools' closed grammars."""
    marks = {role: f"<[{token}]>" for role, token in role_ids.items()}
    inputs = tuple(
        _Input(tool.name, tool.form.max_tokens, tool.closed_grammar or tool.grammar)
        for tool in _callable(prompt.tools)
        if tool.name in marks
    )
    return _role_token_grammar(next_roles(path), inputs, tuple(marks.items()))


def tagged_grammar(prompt: Prompt, path: Sequence[Node], think: ThinkRule | None = None) -> str:
    """The grammar of one action in tagged text, after thinking where it is allowed."""
    inputs = tuple(_Input(tool.name, tool.form.max_tokens, tool.grammar) for tool in _callable(prompt.tools))
    return _tagged_grammar(next_roles(path), inputs, think)


def _callable(tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    """The tools that can be called: a name is a plain word."""
    return [tool for tool in tools if _NAME.fullmatch(tool.name)]


@lru_cache(maxsize=256)
def _role_token_grammar(
    roles: tuple[str, ...], inputs: tuple[_Input, ...], marks: tuple[tuple[str, str], ...]
) -> str:
    mark = dict(marks)
    end = mark["end"]
    text = r"/(.|\n)+/"  # of at least one character: special tokens, which end it, are no characters
    rules = [f"start: {' | '.join(roles)}"]
    rules += [_limited(role, TRAINED_TOKENS[role], text) for role in roles]
    rules += [f"{role}: {mark[role]} {role}_text {end}" for role in roles if role != "step"]
    if "step" in roles:
        checks = "".join(f" | {mark[each.tool]} {each.tool}_text {end}" for each in inputs)
        rules += [f"step: {mark['step']} step_text ({end}{checks})"]
        rules += [_input(each, text) for each in inputs]
    return "\n".join(rules)


@lru_cache(maxsize=256)
def _tagged_grammar(roles: tuple[str, ...], inputs: tuple[_Input, ...], think: ThinkRule | None) -> str:
    rules = [f"start: {_lead(think)} ({' | '.join(roles)})", r"WS: /[ \n]{1,4}/", *_thinking(think)]
    for role in roles:
        if role != "step":
            body = until(f"</{role}>")
            rules += [f'{role}: "<{role}>" {role}_text "</{role}>"', _limited(role, CHAT_TOKENS[role], body)]
    if "step" in roles:
        checks = "".join(
            f' | "<{each.tool}>" {each.tool}_text "</{each.tool}>" WS? "</step>"' for each in inputs
        )
        rules += [f'step: "<step>" step_text ("</step>"{checks})']
        rules += [_limited("step", CHAT_TOKENS["step"], _NO_TAG)]
        rules += [_input(each, until(f"</{each.tool}>")) for each in inputs]
    return "\n".join(rules)


def _lead(think: ThinkRule | None) -> str:
    if think is None:
        return "WS?"
    return "WS? think?" if think.opening else "think"


def _thinking(think: ThinkRule | None) -> list[str]:
    if think is None:
        return []
    return [
        f"think: {think.opening} think_text? {think.closing} WS?",
        _limited("think", think.n_tokens, think.body),
    ]


def _input(given: _Input, free: str) -> str:
    body = f"%lark {{\n{given.grammar}\n}}" if given.grammar else free
    return _limited(given.tool, given.max_tokens, body)


def _limited(field: str, max_tokens: int, body: str) -> str:
    """The rule of a field: one terminal, or a `%lark` grammar of its own, for only these can have a limit."""
    return f"{field}_text[max_tokens={max_tokens}]: {body}"


def until(mark: str) -> str:
    """The body of text that may hold anything but `mark`.

    The lexer looks one byte ahead, so every first character of the mark opens a piece of its own, which goes on to
    where it is no longer the mark. (`stop=` would need tokens to be taken back.)
    """
    first, rest = mark[0], mark[1:]
    other = _none_of(rest[-1], first)
    for char in reversed(rest[:-1]):
        other = rf"({_none_of(char, first)}|{_alone(char)}{other})"
    other = rf"{_alone(first)}+{other}"
    return f"%lark {{\nstart: (PIECE | OTHER)+\nPIECE: /{_none_of(first)}+/\nOTHER: /{other}/\n}}"


def _none_of(*chars: str) -> str:
    return f"[^{''.join(map(_alone, chars))}]"


def _alone(char: str) -> str:
    """A character that stands for itself in a pattern."""
    return char if char.isalnum() or char in "<>_:" else f"\\{char}"
