import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.engine.radix import Extents, RadixTree

ids = st.lists(st.integers(0, 2), min_size=1, max_size=12).map(tuple)


def add(tree: RadixTree, sequence: tuple[int, ...]):
    leaf, n = tree.match(sequence)
    return leaf if n == len(sequence) else tree.insert(leaf, sequence[n:])


@given(st.lists(ids, max_size=20))
def test_what_was_inserted_is_found_again(sequences):
    tree = RadixTree(1000)
    leaves = [add(tree, sequence) for sequence in sequences]

    for sequence, leaf in zip(sequences, leaves, strict=True):
        found, n = tree.match(sequence)
        assert n == len(sequence)
        assert sum((s.ids for s in reversed(list(found.path()))), ()) == sequence
        assert leaf.end >= found.position


@given(st.lists(ids, max_size=20))
def test_every_prefix_is_stored_once(sequences):
    tree = RadixTree(1000)
    for sequence in sequences:
        add(tree, sequence)

    prefixes = {sequence[:n] for sequence in sequences for n in range(1, len(sequence) + 1)}
    assert tree.n_slots - tree.n_free == len(prefixes)


@given(st.lists(ids, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_locked_tokens_are_those_on_paths_of_branches(sequences, rng: random.Random):
    tree = RadixTree(1000)
    held = [add(tree, sequence) for sequence in sequences]
    for leaf in held:
        tree.acquire(leaf)
    rng.shuffle(held)
    kept = held[: len(held) // 2]
    for leaf in held[len(kept) :]:
        tree.release(leaf)

    on_paths = {segment for leaf in kept for segment in leaf.path()}
    assert tree.n_referenced == sum(len(segment.ids) for segment in on_paths)


@given(st.lists(ids, min_size=1, max_size=20))
def test_eviction_spares_what_is_held(sequences):
    tree = RadixTree(1000)
    leaves = [add(tree, sequence) for sequence in sequences]
    tree.acquire(leaves[-1])

    tree.clear()

    assert tree.n_slots - tree.n_free == tree.n_referenced == len(sequences[-1])


@given(st.lists(st.integers(1, 30), max_size=30), st.randoms(use_true_random=False))
def test_slots_are_given_out_once_and_come_back(sizes, rng: random.Random):
    extents = Extents(1000)
    taken = [extents.take(n) for n in sizes]
    slots = [slot for runs in taken for start, n in runs for slot in range(start, start + n)]
    assert len(set(slots)) == sum(sizes)

    rng.shuffle(taken)
    for runs in taken:
        for start, n in runs:
            extents.give(start, n)

    assert extents.take(1000, 0) == [(0, 1000)]


def test_holes_never_cost_capacity():
    extents = Extents(100)
    runs = [extents.take(10)[0] for _ in range(10)]
    for run in runs[::2]:
        extents.give(*run)

    assert sum(n for _, n in extents.take(50)) == 50


def test_branches_that_grow_in_turn_stay_in_one_run_each():
    tree = RadixTree(4000)
    leaves = [tree.insert(tree.root, (branch, 0, 0)) for branch in range(8)]
    for step in range(10):
        leaves = [tree.insert(leaf, (step, 0, 0)) for leaf in leaves]

    for leaf in leaves:
        slots = [(segment.start, len(segment.ids)) for segment in leaf.path()]
        assert all(start == before + n for (start, _), (before, n) in pairwise(slots))
