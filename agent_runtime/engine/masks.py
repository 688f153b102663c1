"""Grammar masks: which tokens may come next, and which have to.

A grammar is compiled once and copied for every branch (10-40 us). llguidance fills the mask on the host; special
tokens are written `<[id]>` in its Lark dialect. When a grammar ends, its last mask would stay as it was, so the
caller must look at `is_done` before it samples.
"""

from collections import OrderedDict

import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.hf import from_tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from agent_runtime.errors import ConfigError, ModelError

MAX_COMPILED = 256  # a compiled grammar takes about a megabyte
# A vocabulary of 150,000 tokens holds so many runs of punctuation that the mask of a query takes up to 100,000 items.
# llguidance's own limit is 50,000, and a matcher that has met it is broken for good.
MAX_MASK_ITEMS = 1_000_000


class Matcher:
    """Where one branch is in its grammar."""

    def __init__(self, inner: LLMatcher) -> None:
        self._inner = inner

    @property
    def is_done(self) -> bool:
        """The grammar is complete and nothing may follow."""
        self._check()
        return bool(self._inner.is_stopped())

    def accept(self, token: int) -> None:
        """Go on by one token.

        Raises:
            ModelError: The grammar does not allow this token, or grew past llguidance's limits.
        """
        self._inner.consume_token(token)
        self._check()

    def forced(self) -> list[int]:
        """The tokens that follow in every continuation, accepted already."""
        tokens: list[int] = self._inner.compute_ff_tokens()
        for token in tokens:  # one by one: `stop=` fields refuse a list
            self.accept(token)
        return tokens

    def fill(self, bits: Tensor) -> None:
        """Write the mask of the next token into `bits`: one contiguous row of packed int32 on the host."""
        self._inner.unsafe_compute_mask_ptr(bits.data_ptr(), bits.numel() * bits.element_size())
        self._check()

    def _check(self) -> None:
        if self._inner.is_error():
            raise ModelError(f"the grammar stopped working: {self._inner.get_error().splitlines()[0]}")


class Grammars:
    """Compiled grammars over one tokenizer, the most recently used ones kept."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, n_vocabulary: int) -> None:
        self._hf_tokenizer = tokenizer
        self._tokenizer: LLTokenizer | None = None
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()
        self.n_words = -(-n_vocabulary // 32)
        self._n_vocabulary = n_vocabulary

    def matcher(self, lark: str) -> Matcher:
        """A fresh matcher for a Lark grammar.

        Raises:
            ConfigError: The grammar does not compile.
        """
        if lark not in self._compiled:
            self._compiled[lark] = self._compile(lark)
            if len(self._compiled) > MAX_COMPILED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(lark)
        return Matcher(self._compiled[lark].deep_copy())

    def _compile(self, lark: str) -> LLMatcher:
        if self._tokenizer is None:  # takes half a second, so only where a grammar is used
            if not isinstance(self._hf_tokenizer, PreTrainedTokenizerFast):
                raise ConfigError(
                    "grammars need a fast tokenizer (tokenizer.json); this model has a slow one"
                )
            self._tokenizer = from_tokenizer(self._hf_tokenizer, n_vocab=self._n_vocabulary)
        limits = LLParserLimits(step_max_items=MAX_MASK_ITEMS)
        grammar = LLMatcher.grammar_from_lark(lark)
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=limits)
        if matcher.is_error():
            raise ConfigError(f"the grammar does not compile: {matcher.get_error()}")
        return matcher


def unpack(bits: Tensor, n_vocabulary: int) -> Tensor:
    """Packed int32 masks [M, words] as booleans [M, V]."""
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    octets = bits.view(torch.uint8)[..., None]
    return ((octets >> shifts) & 1).flatten(-2)[:, :n_vocabulary].bool()
