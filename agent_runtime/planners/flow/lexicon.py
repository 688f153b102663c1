"""The words by which people speak of money flows, by concept.

A concept is a small set of word forms. It says what a question is about, never which question it is: what is asked
follows from the concepts together with the accounts named and the part each plays (`reading`, `plans`).
"""

import re
from typing import Literal

Concept = Literal[
    "out", "in", "chain", "origin", "return", "earliest", "fewest", "between", "most", "distinct", "number",
    "total", "list", "shape", "structuring", "pass_through", "onward", "collector", "path", "beyond",
    "each", "possible", "things",
]  # fmt: skip

_FORMS: dict[Concept, str] = {
    "out": r"pa(?:y|ys|id|ying)|payouts?|sen[dt]s?|sending|spen[dt]s?|outflows?|outgoing|disburse\w*|leav(?:e|es|ing)"
    r"|left|scatters?|transferred to",
    "in": r"receiv\w*|receipts?|gets?|got|inflows?|incoming|collect(?:s|ed|ing)?|arriv\w*|credited|came in|landed"
    r"|gathers?",
    "chain": r"chains?|indirect\w*|downstream|onwards?|hops?|hand-?overs?|reach(?:ed|es|able|ing)?|originat\w+"
    r"|strictly later|(?:could|can|may|might) have (?:received|got|reached|moved)|end(?:s|ed)? up|traced?",
    "origin": r"sources?|upstream|c[ao]me from|stem(?:s|med)? from|where .* c[ao]me",
    "return": r"(?:come|came|comes|flow|flows|flowed|flowing|find|finds|get|gets) (?:\w+ )?(?:back|home|their way)"
    r"|returns?|returned|returning|round[ -]trips?|circular|circles?|cycles?|loops?|closed circuit",
    "earliest": r"earliest|soonest|when can|how (?:early|soon)|first (?:arrive|reach|get|come|land)\w*",
    "fewest": r"(?:smallest|fewest|least|minimum|minimal|lowest|shortest)(?: possible)?(?: number of)?"
    r" (?:transfers|hops|payments|hand-?overs|links|path|chain|route)",
    "between": r"intermediar\w+|go-?betweens?|middlem[ae]n|in between|stands? between|both|relay\w*",
    "most": r"largest|(?<!at )most|biggest|highest|greatest|top|widest",
    "distinct": r"distinct|different|separate|unique",
    "number": r"number of|how many|counts?",
    "total": r"totals?|sum|sums|altogether|in all|adds? up|overall|how much|combined",
    "list": r"list|which (?:\w+ )?(?:accounts|parties|companies|firms|businesses|people)|name (?:all|every\w*)"
    r"|what accounts",
    "shape": r"typolog(?:y|ies)|patterns?|shapes?|schemes?|layouts?",
    "structuring": r"structur(?:e|ed|ing)|smurf\w*|just (?:below|under)|split into small",
    "pass_through": r"pass(?:es)?[ -]through|conduits?|funnels?|(?:passes|hands|sends) on (?:nearly|almost|all)",
    "onward": r"(?:later )?(?:sent?|pass(?:ed|es)?) (?:it |them |money )?on|forward(?:ed|s)?|paid onwards?"
    r"|first receipts?",
    "collector": r"collectors?|converges?|consolidat\w+|gathering (?:account|point)|same (?:account|recipient)",
    "path": r"paths?|routes?|in (?:the )?order|stations|how did|through which|hop by hop",
    "each": r"each|every|apiece",
    "possible": r"can|could|may|might|possibl[ey]",
    # What is counted or listed where it is no account.
    "things": r"(?:list|which|how many|numbers? of|different|distinct|separate|unique)"
    r"(?: (?:all|the|of|different|distinct))* (?:dates?|days?|times?|timestamps?|steps?|amounts?|payments?"
    r"|transfers?|transactions?|currenc(?:y|ies))",
    # What the macros do not answer: rules of tracing, shares, differences, the largest stream at every fork.
    "beyond": r"percent\w*|shares?|proportion|fifo|first in,? first out|pro[ -]rata|lowest intermediate|net|minus"
    r"|average|mean|median|fees?|commission|(?:each|every) hop|keeps?|kept|balances?|what if|occasions|times",
}  # fmt: skip
_CONCEPTS = {concept: re.compile(rf"\b(?:{forms})\b") for concept, forms in _FORMS.items()}

_PARTIES_OF = re.compile(r"\b(?:payers?|senders?|payees?|recipients?) of\b")

_SPELLED = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
NUMBERS = {word: value for value, word in enumerate(_SPELLED)}


def concepts(text: str) -> frozenset[Concept]:
    """What a lower-case text speaks of."""
    return frozenset(concept for concept, forms in _CONCEPTS.items() if forms.search(text))


def n_flow_verbs(text: str) -> int:
    """How often a lower-case text says that somebody pays or is paid, "the payers of" included."""
    spans = [found.span() for side in (_CONCEPTS["out"], _CONCEPTS["in"]) for found in side.finditer(text)]
    return len(set(spans)) + len(_PARTIES_OF.findall(text))


def without_concepts(text: str) -> str:
    """A lower-case text without the words by which it speaks of a concept; those of two may overlap."""
    spans = [found.span() for forms in _CONCEPTS.values() for found in forms.finditer(text)]
    said = {at for start, end in spans for at in range(start, end)}
    return "".join(" " if at in said else character for at, character in enumerate(text))


def is_payer_word(word: str) -> bool:
    """Whether a verb's subject is who pays."""
    return bool(_CONCEPTS["out"].fullmatch(word))


def is_payee_word(word: str) -> bool:
    """Whether a verb's subject is who is paid."""
    return bool(_CONCEPTS["in"].fullmatch(word))


def number(word: str) -> int | None:
    """A small whole number in digits or in words."""
    return int(word) if word.isdigit() else NUMBERS.get(word)
