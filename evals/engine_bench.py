"""The branch engine against what a user would pick instead; both sides of every ratio come from one run.

    make bench-engine ARGS="[--weights FOLDER] [--gguf FILE] [--device cuda] [--shape qwen3-8b] [--quick]"

`--weights` is a folder that transformers loads, the embedded model without it. llama.cpp takes part where
llama-cpp-python is installed and `--gguf` names its file. `--quick` runs every part small, for CI; its figures
mean nothing. `--shape` runs the `floor` part with random weights of a larger model's shape, on CUDA only. What the
kernel itself takes for a round of 64 branches is printed by `make bench-overhead`.
"""

import argparse
import ctypes
import gc
import importlib
import importlib.util
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import anyio
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils.logging import disable_progress_bar

from agent_runtime.engine.engine import Engine
from agent_runtime.engine.masks import Grammars, Matcher
from agent_runtime.engine.radix import RadixTree
from agent_runtime.engine.types import Job
from agent_runtime.models.embedded.progress import progress
from agent_runtime.models.embedded.weights import embedded_folder
from agent_runtime.models.loading import prompt_format_of
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime.types import Node, Plan, Prompt, Request, Sampling, TableSchema, ToolSpec
from agent_runtime_tools.closed_sql_grammar import closed_sql_grammar
from agent_runtime_tools.sql_grammar import sql_grammar

WARM = Sampling(temperature=0.8)
PROMPT_TOKENS = 400
NEW_TOKENS = 64
TEXT = Path("/usr/share/common-licenses/GPL-3")
console = Console(width=120)
OTHERS = "generate bf16,generate fp32,static cache,generate_batch,llama.cpp"
SILENCE = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
Ids = tuple[int, ...]
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3-8b": {
        "vocab_size": 151_936,
        "hidden_size": 4096,
        "intermediate_size": 12_288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40_960,
        "tie_word_embeddings": False,
    }
}
KV_BRANCHES = 64
KV_GOAL, MASK_GOAL = 1.1, 0.02
TRANSFERS = TableSchema(
    "transfers",
    (("date", "DATE"), ("from_company", "VARCHAR"), ("to_company", "VARCHAR"), ("amount", "DOUBLE")),
    366,
)


class Setting:
    """What the parts share: weights, prompt, device and how much to do."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.folder: Path = arguments.weights or _embedded()
        self.gguf: Path | None = arguments.gguf
        self.device: str = arguments.device
        self.shape: str | None = arguments.shape
        self.threads: int = arguments.threads
        self.quick: bool = arguments.quick
        self.is_cpu_time: bool = arguments.cpu_time
        self.clock = time.process_time if arguments.cpu_time else time.perf_counter
        self.n_new = 4 if self.quick else arguments.new_tokens
        self.branches = [1, 8] if self.quick else [int(n) for n in arguments.branches.split(",")]
        self.others = set(arguments.others.split(","))
        if not (self.gguf and importlib.util.find_spec("llama_cpp")):
            self.others.discard("llama.cpp")
        self.repeats = 1 if self.quick else arguments.repeats
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        text = TEXT.read_text() if TEXT.exists() else "A branch is a line of thought that may end. " * 400
        self.text: Ids = tuple(self.tokenizer(text)["input_ids"])
        self.prompt = self.text[: 64 if self.quick else PROMPT_TOKENS]

    def model(self, dtype: torch.dtype) -> PreTrainedModel:
        if self.shape:
            config = Qwen3Config(**SHAPES[self.shape], dtype=dtype)
            with torch.device(self.device):
                return Qwen3ForCausalLM._from_config(config).eval()  # type: ignore[no-any-return, no-untyped-call]
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(self.folder, dtype=dtype)
        return model.to(self.device).eval()  # type: ignore[arg-type, no-any-return]

    def engine(self, model: PreTrainedModel | None = None, **choices: Any) -> Engine:
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        settings = {"device": self.device, "threads": self.threads, **choices}
        return Engine(model or self.model(dtype), self.tokenizer, **settings)

    def sync(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def best(self, run: Callable[[], object]) -> float:
        """The least seconds of several runs: the one that was disturbed least."""
        times = []
        for _ in range(self.repeats):
            self.sync()
            start = self.clock()
            run()
            self.sync()
            times.append(self.clock() - start)
        return min(times)


def _embedded() -> Path:
    with progress() as report:
        return embedded_folder(report)


# --- end to end: N branches of one prompt


def generate_rate(setting: Setting, dtype: torch.dtype, n: int, **settings: Any) -> float:
    model = setting.model(dtype)
    ids = torch.tensor([setting.prompt], device=setting.device)
    generate = cast("Callable[..., object]", model.generate)

    def run() -> None:
        generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            temperature=0.8,
            top_k=0,
            num_return_sequences=n,
            min_new_tokens=setting.n_new,
            max_new_tokens=setting.n_new,
            pad_token_id=0,
            **settings,
        )

    if settings:
        run()  # compiles
    return n * setting.n_new / setting.best(run)


def batch_rate(setting: Setting, dtype: torch.dtype, n: int) -> float:
    """transformers' continuous batching."""
    model: Any = setting.model(dtype)
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=setting.n_new,
        do_sample=True,
        temperature=0.8,
        top_k=0,
        eos_token_id=-1,
        pad_token_id=0,
    )
    inputs = [list(setting.prompt)] * n
    return (
        n
        * setting.n_new
        / setting.best(
            lambda: model.generate_batch(inputs=inputs, generation_config=config, progress_bar=False)
        )
    )


def llama_rate(setting: Setting, n: int) -> float:
    """llama.cpp with the prompt's cells shared between sequences, sampling on its side."""
    llama_cpp: Any = importlib.import_module("llama_cpp")  # not a dependency

    llama_cpp.llama_log_set(SILENCE, None)
    parameters = llama_cpp.llama_model_default_params()
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(str(setting.gguf).encode(), parameters)
    options = llama_cpp.llama_context_default_params()
    options.n_ctx = len(setting.prompt) + n * setting.n_new + 64
    options.n_batch = options.n_ubatch = 512
    options.n_seq_max = n
    options.kv_unified = True
    options.n_threads = options.n_threads_batch = setting.threads
    context = llama_cpp.llama_init_from_model(model, options)
    memory = llama_cpp.llama_get_memory(context)
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_temp(0.8))
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_dist(1))

    def feed(tokens: Iterable[tuple[int, int, int, bool]], size: int) -> None:
        batch = llama_cpp.llama_batch_init(size, 0, 1)
        for i, (token, position, sequence, is_asked) in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
            batch.seq_id[i][0], batch.logits[i] = sequence, is_asked
        batch.n_tokens = size
        if llama_cpp.llama_decode(context, batch):
            raise RuntimeError("llama_decode failed")
        llama_cpp.llama_batch_free(batch)

    def run() -> None:
        llama_cpp.llama_memory_clear(memory, True)
        prompt = setting.prompt
        last = len(prompt) - 1
        feed(((token, i, 0, i == last) for i, token in enumerate(prompt)), len(prompt))
        for sequence in range(1, n):
            llama_cpp.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
        tokens = [llama_cpp.llama_sampler_sample(chain, context, last) for _ in range(n)]
        for step in range(setting.n_new - 1):
            feed(((token, last + 1 + step, i, True) for i, token in enumerate(tokens)), n)
            tokens = [llama_cpp.llama_sampler_sample(chain, context, i) for i in range(n)]

    try:
        return n * setting.n_new / setting.best(run)
    finally:
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)


async def our_rates(setting: Setting, n: int, engine: Engine) -> tuple[float, float]:
    """Tokens a second end to end (prompt included) and of decoding alone."""
    whole, decoding = [], []
    jobs = [Job(setting.prompt, setting.n_new, WARM, seed=seed) for seed in range(n)]
    for _ in range(setting.repeats + 1):
        await engine.flush()
        setting.sync()
        start = setting.clock()
        await engine.score([setting.prompt], (0,))
        middle = setting.clock()
        await engine.generate(jobs)
        end = setting.clock()
        whole.append(end - start)
        decoding.append(end - middle)
    n_tokens = n * setting.n_new
    return n_tokens / min(whole[1:]), n_tokens / min(decoding[1:])


async def end_to_end(setting: Setting) -> None:
    engine = setting.engine()
    network = engine._network
    kind = f"{str(network.dtype).removeprefix('torch.')} / {network.precision}"
    rows: dict[str, list[str]] = {}
    for n in setting.branches:
        ours, decode = await our_rates(setting, n, engine)
        for name, rate in _others(setting, n):
            rows.setdefault(name, []).append(f"{rate:.1f}  ({ours / rate:.1f}x)")
        rows.setdefault(f"ours ({kind})", []).append(f"{ours:.1f}")
        rows.setdefault("ours, decoding alone", []).append(f"{decode:.1f}")
    await engine.aclose()
    show(
        f"tokens/s end to end, {len(setting.prompt)}-token prompt, {setting.n_new} new tokens a branch, "
        f"{setting.device}, {setting.threads} threads{', processor time' * setting.is_cpu_time}; (ours / theirs)",
        ["", *(f"N={n}" for n in setting.branches)],
        [[name, *cells] for name, cells in rows.items()],
    )


def _others(setting: Setting, n: int) -> Iterable[tuple[str, float]]:
    on_cpu = setting.device == "cpu"
    dtype = torch.float32 if on_cpu else torch.bfloat16
    static = {"cache_implementation": "static", **({"disable_compile": True} if on_cpu else {})}
    others: dict[str, Callable[[], float]] = {
        "generate bf16": lambda: generate_rate(setting, torch.bfloat16, n),
        "generate fp32": lambda: generate_rate(setting, torch.float32, n),
        "static cache": lambda: generate_rate(setting, dtype, n, **static),
        "generate_batch": lambda: batch_rate(setting, dtype, n),
        "llama.cpp": lambda: llama_rate(setting, n),
    }
    for name, measure in others.items():
        if name in setting.others:
            yield name, measure()
            gc.collect()


# --- the rest


async def tree_search(setting: Setting) -> None:
    """8 open branches; after every 16 tokens a branch waits 5 ms for its tool and reads 12 tokens."""
    n_branches, n_steps = 8, 2 if setting.quick else 6
    engine = setting.engine()

    async def branch(seed: int, pause: float) -> None:
        ids = setting.prompt
        for step in range(n_steps):
            (output,) = await engine.generate([Job(ids, 16, WARM, seed=seed * 100 + step)])
            await anyio.sleep(pause)
            ids = ids + output.ids + setting.text[1000 : 1000 + 12]

    seconds = {}
    for pause in (0.0, 0.005):
        times = []
        for _ in range(setting.repeats + 1):
            await engine.flush()
            await engine.score([setting.prompt], (0,))
            start = time.perf_counter()
            async with anyio.create_task_group() as group:
                for seed in range(n_branches):
                    group.start_soon(branch, seed, pause)
            times.append(time.perf_counter() - start)
        seconds[pause] = min(times)
    await engine.aclose()
    loss = seconds[0.005] / seconds[0.0] - 1
    show(
        "tree search: 8 branches x 16 tokens a step, results of 12 tokens",
        ["", "seconds"],
        [
            ["no pause", f"{seconds[0.0]:.3f}"],
            ["5 ms tool call a step", f"{seconds[0.005]:.3f}"],
            ["lost", f"{loss:.1%}"],
        ],
    )


async def fork_cost(setting: Setting) -> None:
    """Forking and dropping a branch, against computing its prompt again."""
    rows = []
    for length in (400, 2_000, 8_000):
        tree = RadixTree(100_000)
        leaf = tree.root
        for first in range(0, length, 40):  # a long path of short steps: the worst case
            leaf = tree.insert(leaf, tuple(range(first, first + 40)))
        tree.acquire(leaf)
        ids = tuple(range(length))
        costs = (
            timed(partial(tree.acquire, leaf)),
            timed(partial(tree.release, leaf)),
            timed(partial(tree.match, ids)),
        )
        rows.append([f"{length:,}", *(f"{cost * 1e6:.2f}" for cost in costs), "0"])
    engine = setting.engine()
    await engine.score([setting.prompt], (0,))
    times = []
    for _ in range(setting.repeats):
        await engine.flush()
        start = time.perf_counter()
        await engine.score([setting.prompt], (0,))
        times.append(time.perf_counter() - start)
    await engine.aclose()
    show(
        f"fork and backtrack, us (computing {len(setting.prompt)} tokens again: {min(times) * 1e6:,.0f} us)",
        ["tokens in the branch", "fork", "backtrack", "look-up by token ids", "KV bytes copied"],
        rows,
    )


async def floor(setting: Setting) -> None:
    """Decode step against reading weights and KV once at this device's measured copy bandwidth."""
    model = setting.model(torch.bfloat16 if setting.device == "cuda" else torch.float32)
    n_parameters = _read_each_step(model)
    engine = setting.engine(model)
    network = engine._network
    size = 2**20 if setting.quick else 2**27
    source, target = (torch.ones(size, dtype=torch.uint8, device=setting.device) for _ in range(2))
    copied = setting.best(lambda: target.copy_(source))
    bandwidth = 2 * size / copied
    bytes_each = 2 if network.precision == "fp16" else network.dtype.itemsize
    rows = []
    for n in setting.branches:
        _, rate = await our_rates(setting, n, engine)
        n_tokens = len(setting.prompt) + n * setting.n_new / 2
        least = (n_parameters * bytes_each + n_tokens * engine.capacity().bytes_per_token) / bandwidth
        rows.append([str(n), f"{n / rate * 1e3:.1f}", f"{least * 1e3:.1f}", f"{least / (n / rate):.0%}"])
    await engine.aclose()
    show(
        f"decode step of {setting.shape or 'the model'} against the floor at {bandwidth / 1e9:.1f} GB/s copied",
        ["branches", "step, ms", "floor, ms", "reached"],
        rows,
    )


def _read_each_step(model: PreTrainedModel) -> int:
    """Parameters that a decode step reads: all but input embeddings of their own, of which it reads a row a token."""
    embeddings: Any = model.get_input_embeddings()
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    is_tied = head.weight is embeddings.weight
    return sum(p.numel() for p in model.parameters()) - (0 if is_tied else embeddings.weight.numel())


async def kv(setting: Setting) -> None:
    """Memory of many branches of one prompt, against keys and values that share it and nothing else."""
    n = 8 if setting.quick else KV_BRANCHES
    engine = setting.engine()
    network, cache = engine._network, engine._cache
    jobs = [Job(setting.prompt, setting.n_new, WARM, seed=seed) for seed in range(n)]
    least_free = engine.capacity().free_kv_tokens

    async def watch() -> None:
        nonlocal least_free
        while True:
            least_free = min(least_free, engine.capacity().free_kv_tokens)
            await anyio.sleep(0.002)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        outputs = await engine.generate(jobs)
        group.cancel_scope.cancel()
    written = engine._tree.n_slots - engine._tree.n_free
    aside = engine._tree.n_slots - least_free + n * cache.window
    await engine.aclose()
    computed = [output.ids[:-1] for output in outputs]  # nobody asked what follows the last token
    own = len({ids[:k] for ids in computed for k in range(1, len(ids) + 1)})
    kv_bytes = engine.capacity().bytes_per_token - network.shape.hidden * network.dtype.itemsize
    needed = (len(setting.prompt) + own) * kv_bytes
    copied = sum(len(setting.prompt) + len(ids) for ids in computed) * kv_bytes
    rows = [
        ("keys and values, prompt shared", needed),
        ("held when all have written (hidden states too)", written * engine.capacity().bytes_per_token),
        (
            "set aside while they write (rows to write in, room to seal)",
            aside * engine.capacity().bytes_per_token,
        ),
        ("keys and values, prompt copied", copied),
    ]
    show(
        f"KV memory of {n} branches, {len(setting.prompt)}-token prompt, {setting.n_new} new tokens (goal {KV_GOAL}x)",
        ["", "MiB", "of what sharing needs"],
        [[name, f"{size / 2**20:.1f}", f"{size / needed:.2f}x"] for name, size in rows],
    )


class TimedMatcher(Matcher):
    """A matcher that notes its seconds."""

    def __init__(self, inner: Matcher, seconds: dict[str, float]) -> None:
        super().__init__(inner._inner)
        self._seconds = seconds

    def accept(self, token: int) -> None:
        start = time.perf_counter()
        super().accept(token)
        self._seconds["follow"] += time.perf_counter() - start

    def forced(self) -> list[int]:
        start, before = time.perf_counter(), self._seconds["follow"]
        tokens = super().forced()
        self._seconds["follow"] = before + time.perf_counter() - start
        return tokens


class TimedGrammars(Grammars):
    """The same grammars, with matchers that note their seconds."""

    def __init__(self, inner: Grammars, seconds: dict[str, float]) -> None:
        self.__dict__.update(inner.__dict__)
        self._noted = seconds

    def matcher(self, lark: str) -> Matcher:
        return TimedMatcher(super().matcher(lark), self._noted)


async def mask(setting: Setting) -> None:
    """What grammars cost of a decode step: masks made and applied, and following what was written."""
    seconds = {"mask": 0.0, "follow": 0.0}
    engine = setting.engine()
    inner = engine._allowed

    def allowed(requests: Any) -> Any:
        start = time.perf_counter()
        found = inner(requests)
        setting.sync()
        seconds["mask"] += time.perf_counter() - start
        return found

    engine._allowed = allowed  # type: ignore[method-assign]
    engine._scheduler._grammars = TimedGrammars(engine._scheduler._grammars, seconds)
    rows = []
    for name, lark in _larks(setting).items():
        for n in setting.branches:
            jobs = [Job(setting.prompt, setting.n_new, WARM, seed=seed, grammar=lark) for seed in range(n)]
            await engine.generate(jobs)  # compiles, computes the prompt
            seconds |= dict.fromkeys(seconds, 0.0)
            before, start = engine.n_passes, time.perf_counter()
            await engine.generate(jobs)
            whole, n_passes = time.perf_counter() - start, engine.n_passes - before
            each = [whole, seconds["mask"], seconds["follow"]]
            shares = [f"{part / whole:.1%}" for part in each[1:]]
            rows.append([name, str(n), *(f"{part / n_passes * 1e3:.2f}" for part in each), *shares])
    await engine.aclose()
    show(
        f"grammars in a decode step (goal for masks: {MASK_GOAL:.0%})",
        ["grammar", "branches", "step, ms", "masks, ms", "following, ms", "masks", "following"],
        rows,
    )


def _larks(setting: Setting) -> dict[str, str]:
    tokenizer = LocalTokenizer(setting.tokenizer)
    query = ToolSpec(
        "sql", "", grammar=sql_grammar([TRANSFERS]), closed_grammar=closed_sql_grammar([TRANSFERS])
    )
    prompt = Prompt("", tools=(ToolSpec("calc", ""), query), tables=(TRANSFERS,))
    return {
        "an action": prompt_format_of(tokenizer).grammar(Request(prompt, (Node(1, 0, 1, Plan(("look",))),))),
        "a query": query.grammar,
        "a query of small weights": query.closed_grammar,
    }


async def growth(setting: Setting) -> None:
    """Tokens a second as the shared context grows."""
    engine = setting.engine()
    rows = []
    for length in (256, 512) if setting.quick else (256, 1024, 4096):
        context = setting.text[:length]
        for n in (1, 8):
            await engine.score([context], (0,))
            times = []
            for _ in range(setting.repeats + 1):
                jobs = [Job(context, setting.n_new, WARM, seed=seed) for seed in range(n)]
                start = time.perf_counter()
                await engine.generate(jobs)
                times.append(time.perf_counter() - start)
            rows.append([f"{length:,}", str(n), f"{n * setting.n_new / min(times):.1f}"])
    await engine.aclose()
    show("decoding as the context grows", ["context", "branches", "tokens/s"], rows)


async def quality(setting: Setting) -> None:
    """KL of each precision's next-token distribution against plain transformers in fp32."""
    n = 64 if setting.quick else 600
    ids = setting.text[:n]
    model: Any = setting.model(torch.float32)
    with torch.inference_mode():
        reference = model(torch.tensor([ids], device=setting.device)).logits[0].log_softmax(-1)
    rows = []
    choices = [
        (torch.float32, "exact"),
        (torch.float32, "fp16"),
        (torch.bfloat16, "exact"),
        (torch.bfloat16, "fp16 head"),
        (torch.float32, "int4"),
    ]
    for dtype, precision in choices:
        name = f"{str(dtype).removeprefix('torch.')} / {precision}"
        if setting.device == "cuda" and precision != "exact":
            rows.append([name, "not measured: a format for the CPU", ""])
            continue
        if precision == "int4":
            name += f", groups of {INT4_GROUP} (not shipped)"
            if not hasattr(torch.ops.aten, "_weight_int4pack_mm_for_cpu"):
                rows.append([name, "not measured: this torch has no int4 product", ""])
                continue
            engine = setting.engine(in_int4(setting.model(dtype)), dtype=dtype, precision="exact")
        else:
            engine = setting.engine(dtype=dtype, precision=precision)
        step = 16  # few rows at a time: the kernels of decoding, not those of a long prompt
        found = []
        for end in range(step, n, step):
            contexts = [ids[:i] for i in range(end - step + 1, end + 1)]
            await engine.score([contexts[-1]], (0,))
            scored = await engine.score(contexts, tuple(range(reference.shape[-1])))
            found += [one.logprobs for one in scored]
        await engine.aclose()
        ours = torch.tensor(found, device=reference.device)
        theirs = reference[: len(ours)]
        kl = (theirs.exp() * (theirs - ours)).sum(-1).mean().item()
        same = (theirs.argmax(-1) == ours.argmax(-1)).float().mean().item()
        rows.append([name, f"{kl:.6f}", f"{same:.1%}"])
    show(f"against fp32, {n} tokens of text", ["arithmetic / weights", "KL", "same first choice"], rows)


INT4_GROUP = 32


class Int4Linear(nn.Module):
    """Weights in 4 bits with a scale and a zero for every 32 inputs, through torch's own product."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        groups = layer.weight.detach().float().view(layer.out_features, -1, INT4_GROUP)
        low, high = groups.aminmax(dim=-1, keepdim=True)
        scale = ((high - low) / 15).clamp(min=1e-9)
        levels = ((groups - low) / scale).round().clamp(0, 15).to(torch.int32).flatten(1)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels, 1)
        self._scales = (
            torch.cat([scale, low + 8 * scale], -1).transpose(0, 1).contiguous()
        )  # (q - 8) * scale + zero
        self._n_outputs = layer.out_features
        self._bias: torch.Tensor | None = layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        product: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            rows, self._packed, INT4_GROUP, self._scales.to(x.dtype)
        )
        out = product.view(*x.shape[:-1], self._n_outputs)
        return out if self._bias is None else out + self._bias


def in_int4(model: PreTrainedModel) -> PreTrainedModel:
    """`model` with every linear layer but its head in int4; the head is the embeddings, which are rows to look up."""
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear) and child is not head:
                setattr(module, name, Int4Linear(child))
    return model


def timed(run: Callable[[], object]) -> float:
    """Median seconds of a short call."""
    seconds = []
    for _ in range(1000):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def show(title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


PARTS = {
    "rates": end_to_end,
    "search": tree_search,
    "fork": fork_cost,
    "floor": floor,
    "kv": kv,
    "mask": mask,
    "growth": growth,
    "quality": quality,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights", type=Path, help="default: the embedded model, fetched when it is not there"
    )
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--shape", choices=sorted(SHAPES), help="random weights of this shape; `floor` alone")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--branches", default="1,8,64,256")
    parser.add_argument("--others", default=OTHERS, help="comma separated, of the default")
    parser.add_argument("--new-tokens", type=int, default=NEW_TOKENS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma separated: " + ", ".join(PARTS))
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count the processor's seconds: for a busy machine, with --threads 1",
    )
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("this machine has no CUDA device")
    if arguments.shape and arguments.device != "cuda":
        console.print(f"{arguments.shape}: skipped, its weights are for a GPU; run it with --device cuda")
        return
    torch.set_num_threads(arguments.threads)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    setting = Setting(arguments)
    for part in ["floor"] if arguments.shape else arguments.parts.split(","):
        anyio.run(PARTS[part], setting)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(f"peak resident memory {peak:.1f} GiB; torch {torch.__version__}")


if __name__ == "__main__":
    main()
