"""What a model may write next, as a grammar for llguidance: pure text, compiled into masks by the engine.

The protocol's order (a plan first, nothing after the answer), a token limit on every field, and inside `sql`
only names that exist: the loaded tables, their columns, functions, and a fixed stock of aliases. So a tiny model
cannot write `order_party` for a column called `ordering_party`. Strings, numbers, operators and nesting are
free; whether the query is right SQL is for the database to say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from agent_runtime.dialogue.sql_grammar import sql_grammar
from agent_runtime.types import Backtrack, FinalAnswer, Node, Plan, Prompt, TableFunction, TableSchema

# The longest fields of the trained traces have half of these; a limit ends a ramble, not a thought. A query or a
# program that reaches its own is cut there and closed: its tool then says what is wrong with it.
FIELD_TOKENS = {
    "plan": 160,
    "step": 96,
    "backtrack": 64,
    "answer": 160,
    "calc": 96,
    "sql": 400,
    "python": 1024,
    "edit": 1024,
}
TOOL_TOKENS = 512  # what is written to a tool that the caller brought
THINK_TOKENS = 512

Database = tuple[tuple[TableSchema, ...], tuple[TableFunction, ...]]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_TAG = "/[^<]+/"  # text that is followed by a tag at the first `<`


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
    """The grammar of one action in role tokens, which are written `<[id]>`.

    Weights with role tokens know tables, so what functions return stays out of the words that they choose from.
    """
    marks = {role: f"<[{token}]>" for role, token in role_ids.items()}
    tools = tuple(tool for tool in _tools(prompt) if tool in marks)
    functions = tuple(replace(function, columns=()) for function in prompt.functions)
    return _role_token_grammar(next_roles(path), tools, tuple(marks.items()), (prompt.tables, functions))


def tagged_grammar(prompt: Prompt, path: Sequence[Node]) -> str:
    """The grammar of one action in tagged text, thinking before it allowed."""
    return _tagged_grammar(next_roles(path), _tools(prompt), (prompt.tables, prompt.functions))


def _tools(prompt: Prompt) -> tuple[str, ...]:
    """The tools that can be called: a name is a plain word, and without tables there is nothing to query."""
    names = (tool.name for tool in prompt.tools)
    return tuple(name for name in names if _NAME.fullmatch(name) and (name != "sql" or prompt.tables))


@lru_cache(maxsize=256)
def _role_token_grammar(
    roles: tuple[str, ...],
    tools: tuple[str, ...],
    marks: tuple[tuple[str, str], ...],
    database: Database,
) -> str:
    mark = dict(marks)
    end = mark["end"]
    rules = [f"start: {' | '.join(roles)}"]
    for role in roles:
        if role != "step":
            rules += [f"{role}: {mark[role]} {role}_text {end}", _text(role)]
    if "step" in roles:
        checks = "".join(f" | {mark[tool]} {tool}_text {end}" for tool in tools)
        rules += [f"step: {mark['step']} step_text ({end}{checks})", _text("step")]
        rules += [_query(database) if tool == "sql" else _text(tool) for tool in tools]
    return "\n".join(rules)


def _text(role: str) -> str:
    """Free text of at least one character: special tokens, which end it, are no characters."""
    return _limited(role, r"/(.|\n)+/")


def _query(database: Database) -> str:
    return _limited("sql", f"%lark {{\nstart: sql_text\n{sql_grammar(*database)}\n}}")


def _limited(role: str, body: str) -> str:
    """The rule of a field: one terminal, or a `%lark` grammar of its own, for only these can have a limit."""
    return f"{role}_text[max_tokens={FIELD_TOKENS.get(role, TOOL_TOKENS)}]: {body}"


@lru_cache(maxsize=256)
def _tagged_grammar(roles: tuple[str, ...], tools: tuple[str, ...], database: Database) -> str:
    rules = [
        f"start: WS? think? ({' | '.join(roles)})",
        'think: "<think>" think_text? "</think>" WS?',
        f"think_text[max_tokens={THINK_TOKENS}]: {_NO_TAG}",
        r"WS: /[ \n]{1,4}/",
    ]
    for role in roles:
        if role != "step":
            rules += [f'{role}: "<{role}>" {role}_text "</{role}>"', _tagged_text(role)]
    if "step" in roles:
        checks = "".join(f' | "<{tool}>" {tool}_text "</{tool}>" WS? "</step>"' for tool in tools)
        rules += [f'step: "<step>" step_text ("</step>"{checks})', _limited("step", _NO_TAG)]
        rules += [_query(database) if tool == "sql" else _tagged_text(tool) for tool in tools]
    return "\n".join(rules)


def _tagged_text(role: str) -> str:
    """Text that may hold anything but its own closing tag.

    The lexer looks one byte ahead, so every `<` opens a piece of its own, which goes on to where it is no
    longer the closing tag. (`stop=` would need tokens to be taken back.)
    """
    other = "[^><]"
    for char in reversed(role):
        other = rf"([^{char}<]|{char}{other})"
    other = rf"<+([^\/<]|\/{other})"
    return _limited(role, f"%lark {{\nstart: (PIECE | OTHER_TAG)+\nPIECE: /[^<]+/\nOTHER_TAG: /{other}/\n}}")
