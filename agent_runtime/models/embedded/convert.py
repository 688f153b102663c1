"""The GGUF file and our adapter -> a folder that transformers loads: config, safetensors, tokenizer.

Order matters: the role tokens' rows go into the tied embedding first, then the adapter is merged, in fp32.
Everything comes from the two files; no hub is asked for anything.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, ReaderTensor, dequantize
from safetensors.torch import load_file, save_file
from torch import Tensor

from agent_runtime.errors import ModelError
from agent_runtime.models.embedded.fetch import Report
from agent_runtime.models.embedded.roles import ROLES

ADAPTER = Path(__file__).parent / "adapter"
FIRST_ROLE_ID = 3
CONTROL_TOKEN = 3  # GGUF's token type

_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def convert(gguf: Path, folder: Path, report: Report) -> None:
    """Write the merged model into `folder`.

    Raises:
        ModelError: A weight is missing or not finite.
    """
    report("Reading", 0, 1)
    reader = GGUFReader(gguf)
    values = {name: field.contents() for name, field in reader.fields.items()}
    config = _config(values)
    weights = {}
    for index, tensor in enumerate(reader.tensors):
        report("Converting", index, len(reader.tensors))
        weights[_name(tensor.name)] = _weight(tensor, config)
    _put_role_rows(weights, load_file(ADAPTER / "role_tokens.safetensors")["rows"])
    _merge(weights, load_file(ADAPTER / "adapter_model.safetensors"), _scale())
    for name, weight in weights.items():
        if not torch.isfinite(weight).all():
            raise ModelError(f"the weights are damaged: {name} is not finite")
    report("Writing", 0, 1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", config)
    _write_json(folder / "tokenizer.json", _tokenizer(values))
    _write_json(folder / "tokenizer_config.json", _TOKENIZER_CONFIG)
    report("Writing", 1, 1)


def _config(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "bos_token_id": values["tokenizer.ggml.bos_token_id"],
        "dtype": "float32",
        "eos_token_id": values["tokenizer.ggml.eos_token_id"],
        "hidden_act": "silu",
        "hidden_size": values["llama.embedding_length"],
        "intermediate_size": values["llama.feed_forward_length"],
        "max_position_embeddings": values["llama.context_length"],
        "num_attention_heads": values["llama.attention.head_count"],
        "num_hidden_layers": values["llama.block_count"],
        "num_key_value_heads": values["llama.attention.head_count_kv"],
        "pad_token_id": values["tokenizer.ggml.padding_token_id"],
        "rms_norm_eps": round(float(values["llama.attention.layer_norm_rms_epsilon"]), 12),
        "rope_parameters": {"rope_theta": values["llama.rope.freq_base"], "rope_type": "default"},
        "rope_theta": values["llama.rope.freq_base"],
        "tie_word_embeddings": True,
        "vocab_size": values["llama.vocab_size"],
    }


def _name(gguf_name: str) -> str:
    """`blk.0.attn_q.weight` -> `model.layers.0.self_attn.q_proj.weight`."""
    parts = gguf_name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{_LAYER_NAMES[parts[2]]}.weight"
    return f"{_OUTER_NAMES[parts[0]]}.weight"


def _weight(tensor: ReaderTensor, config: Mapping[str, Any]) -> Tensor:
    weight = np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
    if ".attn_q." in tensor.name:
        weight = _unpermute(weight, config["num_attention_heads"])
    elif ".attn_k." in tensor.name:
        weight = _unpermute(weight, config["num_key_value_heads"])
    return torch.from_numpy(weight)


def _unpermute(weight: "np.ndarray[Any, Any]", n_heads: int) -> "np.ndarray[Any, Any]":
    """Undo llama.cpp's interleaving of the two halves of each head's rotary dimensions."""
    rows, columns = weight.shape
    halves = weight.reshape(n_heads, rows // n_heads // 2, 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows, columns)


def _put_role_rows(weights: dict[str, Tensor], rows: Tensor) -> None:
    weights["model.embed_tokens.weight"][FIRST_ROLE_ID : FIRST_ROLE_ID + len(ROLES)] = rows.float()


def _scale() -> float:
    settings = json.loads((ADAPTER / "adapter_config.json").read_text())
    return float(settings["lora_alpha"] / settings["r"])


def _merge(weights: dict[str, Tensor], adapter: Mapping[str, Tensor], scale: float) -> None:
    """Add `scale * B @ A` to each weight that the adapter changes (Hu et al. 2021, arXiv:2106.09685)."""
    for name, down in adapter.items():
        if not name.endswith(".lora_A.weight"):
            continue
        up = adapter[name.replace(".lora_A.", ".lora_B.")]
        target = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
        weights[target] += scale * (up.float() @ down.float())


# --- the tokenizer

_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "pad_token": "<|im_end|>",
    "unk_token": "<|endoftext|>",
    "clean_up_tokenization_spaces": False,
    "model_max_length": 8192,
}


def _tokenizer(values: Mapping[str, Any]) -> dict[str, Any]:
    """The vocabulary in the form of the `tokenizers` library, the role tokens renamed in place.

    Numbers are not split apart by a rule: the vocabulary merges no digits, and the adapter was trained so.
    """
    tokens = list(values["tokenizer.ggml.tokens"])
    tokens[FIRST_ROLE_ID : FIRST_ROLE_ID + len(ROLES)] = [f"<{role}>" for role in ROLES]
    control = [i for i, kind in enumerate(values["tokenizer.ggml.token_type"]) if kind == CONTROL_TOKEN]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": tokens[i], **flags} for i in control],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [merge.split(" ", 1) for merge in values["tokenizer.ggml.merges"]],
        },
    }


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
