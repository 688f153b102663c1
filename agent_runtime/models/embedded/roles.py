"""The role tokens of the embedded weights' vocabulary, in the order of their ids: `<plan>` and so on."""

ROLES = (
    "plan", "step", "end", "calc", "sql", "python", "result", "backtrack", "answer", "edit", "good", "bad",
)  # fmt: skip
