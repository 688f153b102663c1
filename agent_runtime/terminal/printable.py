"""Text of a model, a tool or a user made safe to print: nothing in it can move a cursor or reorder a line.

C0 controls become their pictures (ESC is ␛), everything else that does not print (C1, bidirectional overrides,
lone surrogates) its escape. The joiners that Persian and emoji need stay.
"""

_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else _picture(c) for c in text)


def printable_lines(text: str) -> list[str]:
    """The text line by line, each as `printable` makes it; a line feed alone ends a line."""
    return [printable(line.expandtabs(4)) for line in text.replace("\r\n", "\n").split("\n")]


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if character.isspace() and code not in (0x85, 0x2028, 0x2029):
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
