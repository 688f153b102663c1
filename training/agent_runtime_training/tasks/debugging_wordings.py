"""How people ask for a repair. The held-out wordings share no template with the training ones."""

from agent_runtime_training.tasks.wording import Wordings

WORDINGS = Wordings(
    (
        "`{command}` fails. [Find the fault and fix it|Find and fix the bug]. [Answer with|Give] FILE:LINE and the corrected line.",
        "[The command|Running] `{command}` [ends with an error|does not pass]. [Which line is wrong, and what should it be|What is the fix]? [Answer as|Reply with] FILE:LINE and the corrected line.",
        "[Debug|Repair] the program so that `{command}` passes. [Answer with|Give] FILE:LINE and the corrected line.",
    ),
    (
        "Something in {file} broke `{command}`. State where (FILE:LINE) and how that line ought to read.",
        "I expected `{command}` to go through. Put it right, then tell me FILE:LINE plus the new line.",
    ),
)
