"""What earlier branches of a search have to say to the next one, in words that a model reads."""

from agent_runtime.types import Candidate, Evidence

MAX_CHARACTERS = 400  # of a check and of its result: the note is a hint, not a copy

ANOTHER_WAY = "Derive the answer anew in a different way: another form of query, another tool, or code."
MENDED = "Take that into account."


def note_on(candidate: Candidate) -> str:
    """What the best answer so far was read off, what is held against it, and what is wanted next."""
    tried = " ".join(f"An earlier attempt ran {_asked(one)}" for one in candidate.evidence[:1])
    held = "; ".join(objection.text for objection in candidate.objections)
    if held:
        return " ".join(filter(None, (tried, f"Objection: {held}.", MENDED)))
    return " ".join(filter(None, (tried, ANOTHER_WAY)))


def _asked(evidence: Evidence) -> str:
    return f"{evidence.tool}: {_short(evidence.input)} -> {_short(evidence.result)}."


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_CHARACTERS else f"{flat[:MAX_CHARACTERS]} …"
