"""A transformers tokenizer as the prompt formats ask for it: text of ours and text from outside are two things."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer as Backend

from agent_runtime.errors import ConfigError, ModelError
from agent_runtime.models.embedded.roles import ROLES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CACHED_TEXTS = 4096  # heads and results are encoded again for every step of a branch


class LocalTokenizer:
    """Encodes with special tokens (`encode`) or without any (`encode_data`).

    Raises:
        ConfigError: The tokenizer has no fast backend.
    """

    def __init__(self, inner: "PreTrainedTokenizerBase") -> None:
        backend = getattr(inner, "backend_tokenizer", None)
        if not isinstance(backend, Backend):
            raise ConfigError(f"the tokenizer {type(inner).__name__} has no fast form (tokenizer.json)")
        backend.no_truncation()
        backend.no_padding()
        self._inner = inner
        added = backend.get_added_tokens_decoder()
        self._added = frozenset(added)
        self._special = frozenset(token_id for token_id, token in added.items() if token.special)
        self._lock = Lock()
        self._plain = backend
        self._split = backend if all(token.special for token in added.values()) else _all_special(backend)
        self.encode = lru_cache(CACHED_TEXTS)(self._encode)
        self.encode_data = lru_cache(CACHED_TEXTS)(self._encode_data)

    @property
    def has_roles(self) -> bool:
        """Whether every role token is one special token of this tokenizer."""
        special = {str(token): token.special for token in self._inner.added_tokens_decoder.values()}
        return all(special.get(f"<{role}>") for role in ROLES)

    @property
    def end_ids(self) -> frozenset[int]:
        """The ids that end a turn of the model's chat form."""
        return frozenset({self._inner.eos_token_id} - {None})

    def role_id(self, role: str) -> int:
        token = self._plain.token_to_id(f"<{role}>")
        assert token is not None
        return int(token)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, byte for byte: nothing is cleaned up or left out."""
        return str(self._plain.decode(list(ids), skip_special_tokens=False))

    @property
    def template(self) -> str:
        """The chat template as it is written; empty for a model without one."""
        return str(self._inner.chat_template or "")

    def added_id(self, text: str) -> int | None:
        """The id of `text` where it is one added token of the tokenizer."""
        token = self._plain.token_to_id(text)
        return token if token in self._added else None

    def is_special(self, token: int) -> bool:
        """Whether a token is special: no text spells it."""
        return token in self._special

    def chat(self, messages: Sequence[Mapping[str, str]], *, is_thinking: bool = False) -> str:
        """Render messages with the model's chat template, which transformers runs in a sandbox.

        `is_thinking` sets the template's own switch; a template without one takes no notice.

        Raises:
            ConfigError: The model has no template, or it refuses a plain conversation.
        """
        listed = [dict(message) for message in messages]
        try:
            return self._render(listed, is_thinking)
        except Exception as error:  # whatever a template raises
            if len(listed) == 2 and listed[0]["role"] == "system":  # some templates know no system role
                both = {"role": "user", "content": "\n\n".join(message["content"] for message in listed)}
                return self._retry(both, is_thinking, error)
            raise ConfigError(f"the model's chat template fails: {error}") from None

    def _retry(self, message: dict[str, str], is_thinking: bool, error: Exception) -> str:
        try:
            return self._render([message], is_thinking)
        except Exception:
            raise ConfigError(
                f"the model's chat template fails: {error}; use an instruction-tuned model"
            ) from None

    def _render(self, messages: list[dict[str, str]], is_thinking: bool) -> str:
        # DeepSeek's templates have the second switch, all others the first.
        switches: dict[str, Any] = {"enable_thinking": is_thinking, "thinking": is_thinking}
        return str(
            self._inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **switches)
        )

    def _encode(self, text: str) -> tuple[int, ...]:
        return self._ids(self._plain, text, is_split=False)

    def _encode_data(self, text: str) -> tuple[int, ...]:
        ids = self._ids(self._split, text, is_split=True)
        if not self._added.isdisjoint(ids):
            raise ModelError(
                "this model's tokenizer cannot keep special tokens out of data; use another model"
            )
        return ids

    def _ids(self, backend: Backend, text: str, *, is_split: bool) -> tuple[int, ...]:
        with self._lock:  # the switch belongs to the backend, which other threads use
            backend.encode_special_tokens = is_split
            return tuple(backend.encode(text, add_special_tokens=False).ids)


def _all_special(backend: Backend) -> Backend:
    """A copy in which every added token counts as special: only those are split."""
    state = json.loads(backend.to_str())
    state["added_tokens"] = [{**token, "special": True} for token in state["added_tokens"]]
    return Backend.from_str(json.dumps(state))
