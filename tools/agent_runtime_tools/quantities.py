"""What may follow a number: a unit, thousands, the name of what is counted."""

from agent_runtime_tools.atoms import Atoms
from agent_runtime_tools.cursor import is_noun
from agent_runtime_tools.letters import is_counted, stem
from agent_runtime_tools.tokens import CalculationError, Token
from agent_runtime_tools.vocabulary import MONEY, SCALE_LETTERS, UNITS

SUPERSCRIPTS = {"²": 2, "³": 3}


class Quantities(Atoms):
    """Numbers with what belongs to them."""

    def _signed(self) -> None:
        raise NotImplementedError

    def _after_number(self) -> None:
        token = self._tokens[self._index - 1]
        if token.money:
            self._nouns |= {MONEY[token.money]}
        if self._kinds[self._index] != "name":
            return
        following = self._tokens[self._index]
        if not following.gap and following.text in SCALE_LETTERS:
            self._scale_letter(token, following)
        elif self._is_unit():  # 100 km / 2 h: a number holds its unit fast
            self._unit()
            self._emit("*", n=2)
            self._smaller_units()
        elif is_noun(following):
            self._label()

    def _scale_letter(self, token: Token, following: Token) -> None:
        """`$3M` is money; `5k` alone may be a variable."""
        if token.money:
            self._index += 1
            self._emit("number", SCALE_LETTERS[following.text])
            self._emit("*", n=2)
        elif following.text == "b" and len(token.text) > 2 and set(token.text) <= set("01"):
            raise CalculationError(f"two readings: write 0b{token.text} or {token.text}*b")
        elif self._is_unit():
            self._unit()
            self._emit("*", n=2)
        elif len(following.text) == 1:
            self._letters.setdefault(following.text, self._index)

    def _unit(self) -> None:
        """A unit after its number: an exponent is the unit's alone, 3 ft^2 are three square feet."""
        self._atom()
        if self._take("**") or self._take("^"):
            self._descend()
            self._signed()
            self._depth -= 1
            self._emit("**", n=2)
        elif (kind := self._kind()) in SUPERSCRIPTS:
            self._index += 1
            self._superscript(kind)

    def _smaller_units(self) -> None:
        """5 feet 3 inches is one length."""
        while self._has_units and (self._kind() == "number" or self._is_joined()):
            self._take_word("and")
            self._atom()
            if not self._is_unit():
                raise CalculationError("a unit is missing after the second number, as in 5 feet 3 inches")
            self._unit()
            self._emit("*", n=2)
            self._emit("+", n=2)

    def _is_joined(self) -> bool:
        """2 hours and 30 minutes."""
        following = self._tokens[self._index + 1 : self._index + 3]
        is_number = [token.kind for token in following] == ["number", "name"]
        return self._is_word("and") and is_number and following[1].text in UNITS

    def _label(self) -> None:
        """`12 red apples`: in a conversion a unit to be looked up, else a word that counts nothing."""
        if self._has_conversion:
            self._emit("unit", self._tokens[self._index].text)
            self._emit("*", n=2)
            self._index += 1
            return
        if not any(t.kind in "+-*/=<>" or t.text in ("times", "per") for t in self._tokens[:-1]):
            return
        end = self._index
        while is_noun(self._tokens[end]):
            end += 1
        if self._kind() == "(" or not is_counted(
            self._tokens[end - 1].text, self._tokens[self._index - 1].number
        ):
            return
        self._index = end
        self._nouns |= {stem(self._tokens[self._index - 1].text)}

    def _divide_label(self) -> bool:
        """`12 eggs/box`, `$5/apple`: what is counted per label; `is_noun` after a slash that a label precedes."""
        if not is_noun(self._tokens[self._index]) or self._has_conversion:
            return False
        if self._tokens[self._index + 1].kind == "(":
            return False
        self._index += 1
        return True

    def _superscript(self, kind: str) -> None:
        self._emit("number", SUPERSCRIPTS[kind])
        self._emit("**", n=2)
