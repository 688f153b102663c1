"""Puzzles whose moves can be enumerated: the search without a language model in it."""
