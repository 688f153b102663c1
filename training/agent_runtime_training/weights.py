"""Weights to train: the embedded base, a folder, or a tiny random model; adapter and role rows on top; saving them.

The base's reserved tokens have identical, untrained embeddings (measured: cosine 1.00), so an adapter alone cannot
tell `<end>` from `<sql>`. Their rows start at the mean embedding of a related word plus noise and are trained too,
without the rest of the tied embedding. Base weights come from the GGUF file by transformers' own reader.
"""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import decoders, models, pre_tokenizers
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.utils.logging import disable_progress_bar

from agent_runtime.errors import ConfigError
from agent_runtime.models.embedded.convert import ADAPTER, FIRST_ROLE_ID
from agent_runtime.models.embedded.fetch import fetch
from agent_runtime.models.embedded.roles import ROLES
from agent_runtime.models.embedded.weights import embedded_folder
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime_training.recipe import Lora

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MAX_ADAPTER_BYTES = 40 * 2**20
_WORDS = {
    "plan": "plan",
    "step": "step",
    "end": "end",
    "calc": "calculate",
    "sql": "SELECT",
    "python": "python",
    "result": "result",
    "backtrack": "back",
    "answer": "answer",
    "edit": "edit",
    "good": "good",
    "bad": "bad",
}
ROW_NOISE = 0.02


@dataclass(slots=True)
class Weights:
    """A model in training: the causal LM (with an adapter or without one) and its tokenizer."""

    model: nn.Module
    fast: PreTrainedTokenizerFast
    tokenizer: LocalTokenizer
    has_adapter: bool = False
    is_judge: bool = False

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def hidden(self, ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Hidden states [B, T, D] behind the last layer; `mask` [B, 1, T, T] says which tokens see which."""
        decoder = self.causal_lm().get_decoder()
        output = decoder(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False)
        return output.last_hidden_state  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits [N, V] of chosen hidden states [N, D] only: the vocabulary dominates memory."""
        return self.causal_lm().get_output_embeddings()(hidden)  # type: ignore[no-any-return]

    def embedding(self) -> nn.Parameter:
        """The (tied) embedding's weights."""
        weight = self.causal_lm().get_input_embeddings().weight
        assert isinstance(weight, nn.Parameter)
        return weight

    def causal_lm(self) -> Any:  # noqa: ANN401 - peft wraps any model
        """The model without peft's wrapper; its adapter stays in it."""
        return self.model.get_base_model() if self.has_adapter else self.model  # type: ignore[operator]


def load(base: str, device: str, seed: int, work: Path | None = None) -> Weights:
    """The weights named by a recipe's `base`, on `device`, in fp32.

    Raises:
        ConfigError: There is no such folder.
        ModelError: The embedded base cannot be fetched.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]  # one for every folder read or written
    torch.manual_seed(seed)
    if base == "tiny":
        return _tiny(device)
    if base == "embedded":
        weights = _embedded_base(work)
        with torch.no_grad():
            start_role_rows(weights, torch.Generator().manual_seed(seed))
    elif base == "shipped":
        weights = _shipped(_embedded_base(work))
    else:
        weights = _folder(Path(base))
    weights.model.to(device)
    return weights


def _folder(folder: Path) -> Weights:
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{str(folder)!r} is no folder with a model; there is no config.json in it")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    return _weights(model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False))


def _weights(model: nn.Module, tokenizer: Any) -> Weights:  # noqa: ANN401 - transformers' union of classes
    return Weights(model, tokenizer, LocalTokenizer(tokenizer))


def _embedded_base(work: Path | None) -> Weights:
    """The base without any adapter, with the tokenizer whose role tokens are renamed."""
    folder = embedded_folder(_silent)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with tempfile.TemporaryDirectory(dir=work) as name:
        gguf = fetch(Path(name), _silent)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    return _weights(model, tokenizer)


def _shipped(weights: Weights) -> Weights:
    """The base with the adapter and the role rows of the package, the adapter free to go on learning."""
    with torch.no_grad():
        rows = load_file(ADAPTER / "role_tokens.safetensors")["rows"]
        weights.embedding()[FIRST_ROLE_ID : FIRST_ROLE_ID + len(rows)] = rows.float()
    with warnings.catch_warnings():  # as in `add_adapter`
        warnings.simplefilter("ignore", FutureWarning)
        weights.model = PeftModel.from_pretrained(weights.model, ADAPTER, is_trainable=True)
    weights.has_adapter = True
    for name, parameter in weights.model.named_parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
        assert parameter.requires_grad == ("lora_" in name)
    return weights


def _silent(label: str, done: float, total: float) -> None:
    """Report nothing."""


def start_role_rows(weights: Weights, generator: torch.Generator) -> None:
    """Give every role token the mean embedding of a related word, plus a little noise."""
    embedding = weights.embedding()
    spread = embedding.float().std().item()
    for role, word in _WORDS.items():
        row = embedding[list(weights.tokenizer.encode_data(f" {word}"))].mean(0)
        noise = torch.randn(row.shape, generator=generator).to(row) * ROW_NOISE * spread
        embedding[weights.tokenizer.role_id(role)] = row + noise


def _tiny(device: str) -> Weights:
    """A random model of a byte-level vocabulary with the same role tokens: for smoke tests, it knows nothing."""
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model: nn.Module = LlamaForCausalLM(config)
    return _weights(model.to(device), tokenizer)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes as tokens, behind the special tokens at the very ids that the embedded model has them."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<{role}>" for role in ROLES)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*special, *alphabet])}
    fast = FastTokenizer(models.BPE(vocab=vocabulary, merges=[]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens(special)
    settings: Any = {"bos_token": special[1], "eos_token": special[2], "pad_token": special[2]}
    return PreTrainedTokenizerFast(tokenizer_object=fast, unk_token=special[0], **settings)  # type: ignore[no-untyped-call]


# --- what is trained


def add_adapter(weights: Weights, lora: Lora, seed: int) -> None:
    """Put a LoRA adapter on every linear layer and free the role tokens' rows; rank 0 frees every weight."""
    if lora.rank == 0:
        return
    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(LINEAR),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():  # peft asks transformers by an old name; nothing that a user could change
        warnings.simplefilter("ignore", FutureWarning)
        weights.model = get_peft_model(weights.model, config)
    weights.has_adapter = True
    _free_role_rows(weights)


def _free_role_rows(weights: Weights) -> None:
    embedding = weights.embedding()
    rows = torch.zeros(embedding.shape[0], 1, device=embedding.device)
    rows[[weights.tokenizer.role_id(role) for role in ROLES]] = 1.0
    embedding.requires_grad_(True)
    embedding.register_hook(lambda gradient: gradient * rows.to(gradient.dtype))  # type: ignore[no-untyped-call]


def adapter_of(weights: Weights) -> dict[str, Tensor]:
    """A copy of the adapter as it is now."""
    named = weights.model.named_parameters()
    return {name: value.detach().clone() for name, value in named if "lora_" in name}


def blend(weights: Weights, before: Mapping[str, Tensor], share: float) -> None:
    """Leave the adapter a share of the way from `before` to what it is now.

    What was learned last is kept and what was known before is not forgotten (WiSE-FT, Wortsman et al. 2022,
    arXiv:2109.01903, here between two adapters of one descent).
    """
    with torch.no_grad():
        for name, value in weights.model.named_parameters():
            if name in before:
                value.lerp_(before[name], 1.0 - share)


def save_adapter(weights: Weights, folder: Path) -> int:
    """Write the adapter in PEFT's layout and the role tokens' rows, both in bf16; their size in bytes.

    Raises:
        ConfigError: The adapter is larger than what may be shipped; a lower rank would be right.
    """
    folder.mkdir(parents=True, exist_ok=True)
    adapter = weights.model
    for name, parameter in adapter.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.to(torch.bfloat16)
    adapter.save_pretrained(folder, save_embedding_layers=False)  # type: ignore[operator]
    for name, parameter in adapter.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    ids = [weights.tokenizer.role_id(role) for role in ROLES]
    rows = weights.embedding().detach()[ids].to(torch.bfloat16).cpu().contiguous()
    save_file({"rows": rows}, folder / "role_tokens.safetensors")
    n_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if n_bytes > MAX_ADAPTER_BYTES:
        raise ConfigError(
            f"the adapter has {n_bytes / 2**20:.1f} MiB, at most 40 are shipped; lower its rank"
        )
    return n_bytes


def save_merged(weights: Weights, folder: Path) -> None:
    """Write a folder that any loader opens: adapter merged, tokenizer beside it. The model itself stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    model: Any = weights.model
    weights.causal_lm().config.is_step_judge = weights.is_judge
    if weights.has_adapter:
        model.merge_adapter()
        state = {
            name.replace(".base_layer", ""): value
            for name, value in model.get_base_model().state_dict().items()
            if "lora_" not in name
        }
        model.get_base_model().save_pretrained(folder, state_dict=state)
        model.unmerge_adapter()
    else:
        model.save_pretrained(folder)
    weights.fast.save_pretrained(folder)
