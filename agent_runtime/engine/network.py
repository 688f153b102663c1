"""The transformers model as the engine runs it: packed tokens in, last hidden states and logits out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from agent_runtime.engine.attention import NAME, Layout, register
from agent_runtime.engine.kv_cache import Shape
from agent_runtime.engine.weights import Precision, for_this_processor, speed_up
from agent_runtime.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A decoder and its output head; see `open_network`."""

    decoder: nn.Module
    head: nn.Module
    shape: Shape
    context_tokens: int
    n_vocabulary: int
    dtype: torch.dtype
    precision: Precision

    def forward(self, ids: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """Last hidden states [M, hidden] of packed tokens [M]."""
        out = self.decoder(
            input_ids=ids[None], position_ids=positions[None], use_cache=False, branches=layout
        )
        hidden: Tensor = out.last_hidden_state[0]
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits [M, V] in fp32."""
        logits: Tensor = self.head(hidden)
        return logits.float()


def open_network(
    model: PreTrainedModel, dtype: torch.dtype | None = None, precision: Precision | None = None
) -> Network:
    """Take a loaded causal language model over: from here on it attends through the engine.

    None for `dtype` or `precision`: as loaded on a GPU, what the processor is best at on a CPU.

    Raises:
        ConfigError: Its attention is not plain causal attention, or its logits are not its head's output.
    """
    config = model.config.get_text_config(decoder=True)
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    context = int(config.max_position_embeddings)
    if layers - {"full_attention", "sliding_attention"}:
        raise ConfigError(f"the branch engine runs full attention only, this model has {sorted(layers)}")
    if "sliding_attention" in layers or getattr(config, "use_sliding_window", False):
        context = min(context, int(config.sliding_window))  # within one window both are the same
    for name in ("final_logit_softcapping", "attn_logit_softcapping", "logit_scale", "logits_scaling"):
        if getattr(config, name, None) not in (None, 1, 1.0):
            raise ConfigError(
                f"the branch engine does not know {name}, which this model's configuration sets"
            )
    register()
    model.train(mode=False)
    model.set_attn_implementation(NAME)
    if _head(model) is None:
        raise ConfigError("the model has no output head; load it as a causal language model")
    best = for_this_processor() if model.device.type == "cpu" else (model.dtype, "exact")
    dtype, precision = dtype or best[0], precision or (best[1] if dtype in (None, best[0]) else "exact")
    model.to(dtype)  # type: ignore[arg-type]
    speed_up(model, precision)
    head, decoder = _head(model), model.get_decoder()  # type: ignore[no-untyped-call]
    return Network(
        decoder=decoder,
        head=head,
        shape=shape_of(config),
        context_tokens=context,
        n_vocabulary=config.vocab_size,
        dtype=dtype,
        precision=precision,
    )


def shape_of(config: PretrainedConfig) -> Shape:
    """How large a token of a decoder with this configuration is in memory."""
    n_heads = config.num_attention_heads
    return Shape(
        config.num_hidden_layers,
        n_heads,
        getattr(config, "num_key_value_heads", None) or n_heads,
        getattr(config, "head_dim", None) or config.hidden_size // n_heads,
        config.hidden_size,
    )


def _head(model: PreTrainedModel) -> nn.Module:
    head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head
