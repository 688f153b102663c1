"""Load weights into the branch engine. Only safetensors, never code from a model's repository.

Importing this module imports torch, so it is imported when a model is first asked. transformers takes twice as long
to import, and holds the interpreter all the while: the embedded weights are packed beside it.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from agent_runtime.dialogue.prompt_format import PromptFormat
from agent_runtime.dialogue.role_tokens import RoleTokens
from agent_runtime.dialogue.tagged_text import TaggedText
from agent_runtime.engine.weights import Packed, for_this_processor, pack_ahead, speed_up
from agent_runtime.errors import ConfigError, ModelError
from agent_runtime.models.embedded.progress import progress
from agent_runtime.models.embedded.roles import ROLES
from agent_runtime.models.embedded.weights import HASH, embedded_folder
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime.types import ModelCard

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from agent_runtime.engine.engine import Engine

ATTENTION = "sdpa"  # named here, so that a model's own configuration cannot name a kernel to fetch
SAMPLE_BYTES = 2**16
N_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to decode. `is_judge`: its weights were trained to judge steps."""

    engine: "Engine"
    prompt_format: PromptFormat
    tokenizer: LocalTokenizer
    card: ModelCard
    is_judge: bool


def load(spec: str) -> Loaded:
    """Load `embedded`, `embedded:GGUF-FILE` or `hf:NAME-or-folder`.

    Raises:
        ConfigError: There is no such model, or it is of a kind that cannot be used.
        ModelError: The weights cannot be fetched or read.
    """
    kind, _, name = spec.partition(":")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, tokenizer, sha256 = _embedded(name) if kind == "embedded" else _hub(name)
    from agent_runtime.engine.engine import Engine  # noqa: PLC0415 (imports transformers)

    local = LocalTokenizer(tokenizer)
    prompt_format = prompt_format_of(local)
    engine = Engine(model.to(device), tokenizer, device=device)  # type: ignore[arg-type]
    card = ModelCard(spec, device, engine.context_tokens, sha256)
    return Loaded(engine, prompt_format, local, card, bool(getattr(model.config, "is_step_judge", False)))


def prompt_format_of(tokenizer: LocalTokenizer) -> PromptFormat:
    """How a model with this tokenizer is spoken to."""
    return RoleTokens(tokenizer, ROLES) if tokenizer.has_roles else TaggedText(tokenizer)


def _embedded(gguf: str) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase", str]:
    with progress() as report:
        folder = embedded_folder(report, Path(gguf) if gguf else None)
    try:
        if torch.cuda.is_available():  # a GPU runs the layers as they are
            return *_read(folder), HASH
        is_read = Event()
        with ThreadPoolExecutor(1) as pool:  # one: another core is busy importing
            packing = pool.submit(_packed, folder, is_read)
            try:
                model, tokenizer = _read(folder)
            finally:
                is_read.set()
            dtype, precision = for_this_processor()
            speed_up(model.to(dtype), precision, packing.result())  # type: ignore[arg-type]
    except Exception as error:
        raise ModelError(f"{_brief(error)}; delete {str(folder)!r} and start again") from None
    return model, tokenizer, HASH


def _packed(folder: Path, is_read: Event) -> Packed:
    """The layers in the form that a CPU runs, as many as are packed until the model is read."""
    packed = {}
    for layers, product in pack_ahead(load_file(folder / "model.safetensors"), "model.embed_tokens.weight"):
        packed[layers] = product
        if is_read.is_set():
            break
    return packed


def _read(folder: Path) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    # The general classes of both are slower still.
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 (two seconds)
    from transformers.models.llama.modeling_llama import LlamaForCausalLM  # noqa: PLC0415

    _hide_progress()
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **settings)  # type: ignore[no-untyped-call]
    model = LlamaForCausalLM.from_pretrained(folder, dtype=_dtype(), **_SAFE, local_files_only=True)
    return model, tokenizer


def _hide_progress() -> None:
    """No bar a second long on a terminal that draws its own."""
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415 (imports transformers)

    disable_progress_bar()  # type: ignore[no-untyped-call]


_SAFE: dict[str, Any] = {
    "attn_implementation": ATTENTION,
    "use_safetensors": True,
    "trust_remote_code": False,
}


def _hub(name: str) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase", str]:
    if not name:
        raise ConfigError("write 'hf:' and then a model's name or a folder, say hf:Qwen/Qwen3-0.6B")
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 (imports hundreds of models)

    _hide_progress()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        if "/" in str(getattr(config, "_attn_implementation", "")):
            raise ValueError(f"its configuration names a kernel to fetch: {config._attn_implementation!r}")
        model = AutoModelForCausalLM.from_pretrained(name, dtype=_dtype(), **_SAFE)
    except Exception as error:  # transformers raises anything on a folder that is not a model
        raise ConfigError(f"cannot load the model {name!r}: {_brief(error)}") from None
    if tokenizer.chat_template is None and not LocalTokenizer(tokenizer).has_roles:
        raise ConfigError(f"the model {name!r} has no chat template: use an instruction-tuned one")
    return model, tokenizer, fingerprint(Path(name)) if Path(name).is_dir() else _revision(model)


def _dtype() -> torch.dtype:
    return torch.bfloat16 if torch.cuda.is_available() else torch.float32


def _revision(model: "PreTrainedModel") -> str:
    """The commit of the hub's repository that was loaded."""
    return str(getattr(model.config, "_commit_hash", None) or "")


def fingerprint(folder: Path) -> str:
    """A hash of the weight files' names, sizes and samples: shows a swap of models at once, even of large ones."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for index in range(N_SAMPLES):
                file.seek(index * max(0, size - SAMPLE_BYTES) // max(1, N_SAMPLES - 1))
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _brief(error: Exception) -> str:
    """The first line of an error, where the message is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300]
