"""A vocabulary of single bytes and role tokens, and what a grammar takes of it."""

from collections.abc import Sequence

import llguidance
import pytest

from agent_runtime.models.embedded.roles import ROLES

# Tokens are single bytes, then one special token for each role.
SPECIAL = {f"<{role}>": 256 + index for index, role in enumerate(ROLES)}
END_OF_TEXT = 256 + len(ROLES)


class ByteTokens:
    """A tokenizer of bytes in the form that llguidance asks for."""

    def __init__(self) -> None:
        specials = [f"\xff{token}".encode("latin-1") for token in SPECIAL]
        self.tokens = [bytes([byte]) for byte in range(256)] + specials + [b"\xff<eos>"]
        self.special_token_ids = [*SPECIAL.values(), END_OF_TEXT]
        self.bos_token_id = None
        self.eos_token_id = END_OF_TEXT

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@pytest.fixture(scope="module")
def tokens() -> llguidance.LLTokenizer:
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(ByteTokens()))


def ids_of(text: str) -> list[int]:
    """Bytes, role tokens as one."""
    ids: list[int] = []
    while text:
        role = next((name for name in SPECIAL if text.startswith(name)), None)
        ids += [SPECIAL[role]] if role else list(text[0].encode())
        text = text[len(role) if role else 1 :]
    return ids


def accepted(tokens: llguidance.LLTokenizer, grammar: str, ids: Sequence[int]) -> int:
    """How many of `ids` the grammar takes; one more than there are when it may end after them."""
    matcher = llguidance.LLMatcher(tokens, llguidance.LLMatcher.grammar_from_lark(grammar), log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    n_taken = 0
    for token in ids:
        if matcher.is_stopped() or not consume(matcher, token):
            return n_taken
        n_taken += 1
    return n_taken + bool(matcher.is_accepting())


def consume(matcher: llguidance.LLMatcher, token: int) -> bool:
    """Check against the mask first: with `stop=` fields `tryconsume_tokens` refuses what may come."""
    mask = matcher.compute_bitmask()
    return bool(mask[token // 8] >> token % 8 & 1) and bool(matcher.consume_token(token))


def takes(tokens: llguidance.LLTokenizer, grammar: str, text: str) -> bool:
    ids = ids_of(text)
    return accepted(tokens, grammar, ids) == len(ids) + 1


def takes_text(tokens: llguidance.LLTokenizer, grammar: str, text: str) -> bool:
    """Whether the grammar takes the bytes of `text`, tags and all."""
    ids = list(text.encode())
    return accepted(tokens, grammar, ids) == len(ids) + 1
