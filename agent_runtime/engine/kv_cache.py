"""Keys, values and last hidden states of every token that the engine knows, in one preallocated cache.

Slots `0 ... n_slots` belong to the radix tree's segments, which never change. Behind them lie the rows: each
decoding branch writes its new tokens into one, so that all branches attend to their own tails in one batched
call; a tail that is done moves into a segment. The last hidden state is kept beside keys and values (5 % more),
so that a fork needs no position computed a second time to get at its logits.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how large a token is in memory."""

    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    hidden: int

    def bytes_per_token(self, dtype: torch.dtype) -> int:
        return (2 * self.n_layers * self.n_kv_heads * self.head_dim + self.hidden) * dtype.itemsize


class KVCache:
    """`kv` [layer, 2, slot, kv_head, head_dim] and `hidden` [slot, hidden]."""

    def __init__(
        self,
        shape: Shape,
        n_slots: int,
        n_rows: int,
        window: int,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        n = n_slots + n_rows * window + 1
        self.scratch_slot = n - 1  # where padding writes
        self.n_slots = n_slots
        self.n_rows = n_rows
        self.window = window
        self.n_groups = shape.n_heads // shape.n_kv_heads
        # Not zeroed on a CPU, where memory that was never written takes none.
        allocate = torch.empty if device.type == "cpu" else torch.zeros
        self.kv = allocate(shape.n_layers, 2, n, shape.n_kv_heads, shape.head_dim, dtype=dtype, device=device)
        self.hidden = allocate(n, shape.hidden, dtype=dtype, device=device)
        self.rows = self.kv[:, :, n_slots:-1].view(
            shape.n_layers, 2, n_rows, window, shape.n_kv_heads, shape.head_dim
        )  # [layer, 2, row, window, head, dim]

        self._n_clean_rows = 0

    def clean_rows(self, n: int) -> None:
        """Zero the first `n` rows once: masked keys still take part in arithmetic, and garbage may be NaN."""
        if n > self._n_clean_rows:
            self.rows[:, :, self._n_clean_rows : n].zero_()
            self._n_clean_rows = n

    def row_slot(self, row: int) -> int:
        """The first slot of a row."""
        return self.n_slots + row * self.window

    def move(self, source: int, target: int, n: int) -> None:
        """Copy `n` tokens between slots; once for each sampled token, never for a fork."""
        self.kv[:, :, target : target + n] = self.kv[:, :, source : source + n]
        self.hidden[target : target + n] = self.hidden[source : source + n]
