"""How a model marks its own thinking, read off its chat template and its tokens."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent_runtime.dialogue.grammar import ThinkRule, until
from agent_runtime.dialogue.prompt_format import ChatTokenizer

# Of Qwen, DeepSeek, SmolLM, MiniCPM, Granite, LFM and most others; of Magistral; of Seed; of Gemma.
KNOWN_MARKS = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel>thought", "<channel|>"),
)
MARK_TOKENS = 16  # both marks with the line breaks around them; spelled-out ones take the most


@dataclass(frozen=True, slots=True)
class Thinking:
    """The marks around a model's thinking, and how a grammar names them."""

    opening: str
    closing: str
    opening_rule: str
    closing_rule: str
    body_rule: str

    def rule(self, n_tokens: int, *, is_open: bool) -> ThinkRule:
        """At most `n_tokens` of thinking, which the prompt has opened already where `is_open`."""
        return ThinkRule("" if is_open else self.opening_rule, self.body_rule, self.closing_rule, n_tokens)

    def tagged(self, text: str, *, is_open: bool) -> str:
        """What the model wrote, its thinking in the tags that `TaggedReader` knows."""
        if is_open:
            text = self.opening + text
        if self.opening not in text:
            return text
        return text.replace(self.opening, "<think>", 1).replace(self.closing, "</think>", 1)


def find_thinking(tokenizer: ChatTokenizer) -> Thinking | None:
    """The marks that the model's template writes, or that are tokens of its own; None for a model that has none."""
    for opening, closing in KNOWN_MARKS:
        are_tokens = all(tokenizer.added_id(mark) is not None for mark in (opening, closing))
        if are_tokens or (opening in tokenizer.template and closing in tokenizer.template):
            return _thinking(opening, closing, tokenizer)
    return None


def _thinking(opening: str, closing: str, tokenizer: ChatTokenizer) -> Thinking:
    begins_special = tokenizer.is_special(tokenizer.encode(closing)[0])
    body = r"/(.|\n)+/" if begins_special else until(closing)  # special tokens are no characters
    return Thinking(
        opening, closing, " ".join(_pieces(opening, tokenizer)), " ".join(_pieces(closing, tokenizer)), body
    )


def _pieces(mark: str, tokenizer: ChatTokenizer) -> Iterator[str]:
    """A mark as a grammar names it: special tokens by their ids, everything else as text."""
    plain: list[int] = []
    for token in tokenizer.encode(mark):
        if not tokenizer.is_special(token):
            plain.append(token)
            continue
        if plain:
            yield f'"{tokenizer.decode(plain)}"'
        plain = []
        yield f"<[{token}]>"
    if plain:
        yield f'"{tokenizer.decode(plain)}"'
