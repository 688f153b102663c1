"""The format of weights whose tokenizer has one special token for each role of the protocol.

They were trained on exactly this chat form (SmolLM2's), on results with two decimals at most, and on no notes from
other branches.
"""

from collections.abc import Callable, Mapping, Sequence

from agent_runtime.dialogue.grammar import role_token_grammar
from agent_runtime.dialogue.parsing import UNFINISHED, as_input, clean, render
from agent_runtime.dialogue.prompt_format import Tokenizer, joined, result_ids, segments, user_text
from agent_runtime.dialogue.results import two_decimals
from agent_runtime.types import Action, Node, Observation, Prompt, Request, Span

SYSTEM = (
    "You are a reasoning agent. Make a plan, then take steps. Check each step with a tool. "
    "Backtrack at dead ends. Then answer."
)
ROLE_TOKEN_HEAD = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
ROLE_TOKEN_TURN = "<|im_end|>\n<|im_start|>assistant\n"  # noqa: S105 (no password)


class RoleTokens:
    """`roles` are all roles that the tokenizer has a token for, tools among them.

    Without them it writes paths, and neither makes grammars nor reads.
    """

    def __init__(self, tokenizer: Tokenizer, roles: Sequence[str] = ()) -> None:
        self.tokenizer = tokenizer
        self._ids = {role: tokenizer.role_id(role) for role in roles}
        self._roles = {token: role for role, token in self._ids.items()}
        self.stop_ids = frozenset({tokenizer.role_id("end")})

    def head(self, request: Request) -> tuple[int, ...]:
        return self.head_of(request.prompt)

    def head_of(self, prompt: Prompt) -> tuple[int, ...]:
        """All that the weights read before their first action."""
        tokenizer = self.tokenizer
        user = tokenizer.encode_data(user_text(prompt))
        return (*tokenizer.encode(ROLE_TOKEN_HEAD), *user, *tokenizer.encode(ROLE_TOKEN_TURN))

    def write(self, action: Action) -> tuple[int, ...]:
        ids: list[int] = []
        for span in render(action):
            role = [self.tokenizer.role_id(span.role)] if span.role else []
            ids += [*role, *self.tokenizer.encode_data(span.text)]
        return (*ids, self.tokenizer.role_id("end"))

    def force(self, node: Node) -> tuple[int, ...]:
        end = self.tokenizer.role_id("end")
        missing_end = (end,) if node.token_ids and node.token_ids[-1] != end else ()
        if node.observation is None:
            return missing_end
        result = result_ids(brief_of(node.observation), self.tokenizer)
        return (*missing_end, self.tokenizer.role_id("result"), *result, end)

    def notes(self, request: Request) -> tuple[int, ...]:
        return ()

    def n_thinking(self, request: Request) -> int:
        return 0

    def grammar(self, request: Request) -> str:
        return role_token_grammar(request.prompt, request.path, self._ids)

    def kept(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        return ids

    def read(self, ids: Sequence[int], request: Request) -> tuple[Span, ...]:
        return as_input(read_ids(ids, self._roles, self.tokenizer.decode), request.prompt.tools)


def brief_of(observation: Observation) -> str:
    """What these weights read of a result, in the form that they were trained on."""
    return two_decimals(observation)


def render_tokens(prompt: Prompt, path: Sequence[Node], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The ids that weights trained on role tokens read before the next action."""
    return joined(segments(RoleTokens(tokenizer), Request(prompt, tuple(path))))


def read_ids(
    ids: Sequence[int], roles: Mapping[int, str], decode: Callable[[Sequence[int]], str]
) -> tuple[Span, ...]:
    """Split ids at their role tokens; reading ends with the first `<end>`, or with `UNFINISHED`.

    Text before the first role token makes a span without a role, which no action accepts.
    """
    spans: list[Span] = []
    role, start = "", 0
    for position, token in enumerate([*ids, None]):
        if token is not None and token not in roles:
            continue
        text = clean(decode(ids[start:position])) if position > start else ""
        if role or text:
            spans.append(Span(role, text))
        if token is None:
            return (*spans, UNFINISHED) if role else tuple(spans)
        role, start = roles[token], position + 1
        if role == "end":
            break
    return tuple(spans)
