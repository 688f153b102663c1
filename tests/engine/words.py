"""A byte-level tokenizer with a few role tokens, and random prompts: nothing to download."""

import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

STEP, SQL, END, EOS = 0, 1, 2, 3


def tokenizer() -> PreTrainedTokenizerFast:
    special = ["<step>", "<sql>", "<end>", "<eos>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: i for i, word in enumerate([*special, *alphabet])}
    inner = Tokenizer(models.BPE(vocab=words, merges=[], unk_token=None))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(special)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>")  # type: ignore[no-untyped-call]


def prompt(seed: int, n: int) -> tuple[int, ...]:
    return tuple(random.Random(seed).choices(range(4, 260), k=n))
