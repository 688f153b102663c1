"""Evaluation packs: questions with gold answers in JSON lines, solved by the runtime and scored by their checkers."""
