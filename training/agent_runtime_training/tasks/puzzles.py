"""Logic and search puzzles that a short program settles; the oracle knows the answer in another way.

Either the puzzle was built around a secret (and the program finds exactly one solution, the secret), or the oracle
uses another algorithm than the program.
"""

import random
from datetime import date, timedelta
from functools import cache
from itertools import combinations, pairwise

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Builder, Draft, Family
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.teacher import Rejected, Teacher
from agent_runtime_training.tasks.wording import read, read_wordings

CLUES: dict[Split, dict[str, str]] = read("clues")  # type: ignore[assignment]  # its tables are the splits


def _solve(code: str, fields: dict[str, str], oracle: str, thought: str = "Search by program.") -> Draft:
    teacher = Teacher()
    teacher.plan("Write a program that tries the possibilities", "Report what it prints")
    printed = teacher.python(thought, code)
    if "\n" in printed or not printed:
        raise Rejected  # more than one solution
    teacher.answer(printed)
    return Draft(teacher, fields, oracle)


def _people(rng: random.Random, n: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < n:
        found[names.given_name(rng)] = None
    return list(found)


def _row(rng: random.Random, split: Split) -> Draft:
    """Who stands where in a row, from clues that leave one order."""
    order = _people(rng, rng.randrange(4, 6))
    people = sorted(order)
    facts: list[tuple[str, str]] = []
    for _ in range(rng.randrange(3, 7)):
        a, b = rng.sample(order, 2)
        ahead = order.index(a) - order.index(b)
        kind = "next" if ahead == -1 else "ahead" if ahead < 0 else "not_first"
        place = order.index(a)
        if kind == "not_first" and place == 0:
            continue
        facts.append((CLUES[split][kind].format(a=a, b=b), _ROW_RULES[kind].format(a=repr(a), b=repr(b))))
    if not facts:
        raise Rejected
    place = rng.randrange(len(order))
    code = "\n".join(
        [
            "from itertools import permutations",
            f"people = {people}",
            "for row in permutations(people):",
            "    at = row.index",
            f"    if {' and '.join(rule for _, rule in dict.fromkeys(facts))}:",
            f"        print(row[{place}])",
        ]
    )
    clues = " ".join(clue for clue, _ in dict.fromkeys(facts))
    fields = {"people": ", ".join(people), "clues": clues, "place": _ORDINALS[place]}
    return _solve(code, fields, order[place], "Try every order.")


_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_ROW_RULES = {
    "next": "at({b}) - at({a}) == 1",
    "ahead": "at({a}) < at({b})",
    "not_first": "at({a}) > 0",
}


def _truth(rng: random.Random, split: Split) -> Draft:
    """Who tells the truth, when each says something about another one."""
    people = sorted(_people(rng, rng.randrange(3, 5)))
    is_true = {name: rng.random() < 0.5 for name in people}
    if not any(is_true.values()):
        raise Rejected
    said, rules = [], []
    for name in people:
        other = rng.choice([person for person in people if person != name])
        claim = is_true[other] if is_true[name] else not is_true[other]
        said.append(CLUES[split]["honest" if claim else "lies"].format(a=name, b=other))
        rules.append(f"t[{name!r}] == (t[{other!r}] == {claim})")
    code = "\n".join(
        [
            "from itertools import product",
            f"people = {people}",
            "for values in product([True, False], repeat=len(people)):",
            "    t = dict(zip(people, values))",
            f"    if any(values) and {' and '.join(rules)}:",
            "        print(', '.join(p for p in people if t[p]))",
        ]
    )
    oracle = ", ".join(name for name in people if is_true[name])
    return _solve(code, {"people": ", ".join(people), "said": " ".join(said)}, oracle, "Try every case.")


def _subset(rng: random.Random, split: Split) -> Draft:
    """Which of some numbers add up to a target."""
    numbers = sorted(rng.sample(range(3, 90), rng.randrange(5, 8)))
    chosen = sorted(rng.sample(numbers, rng.randrange(2, 4)))
    code = "\n".join(
        [
            "from itertools import combinations",
            f"numbers = {numbers}",
            "for n in range(1, len(numbers) + 1):",
            "    for part in combinations(numbers, n):",
            f"        if sum(part) == {sum(chosen)}:",
            "            print(', '.join(map(str, part)))",
        ]
    )
    fields = {"numbers": ", ".join(map(str, numbers)), "target": str(sum(chosen))}
    return _solve(code, fields, ", ".join(map(str, chosen)), "Try every choice.")


def _coins(rng: random.Random, split: Split) -> Draft:
    """In how many ways coins make a sum."""
    coins = sorted(rng.sample((1, 2, 3, 5, 7, 10, 20), 3))
    target = rng.randrange(8, 40)

    @cache
    def ways(left: int, kinds: int) -> int:
        if left == 0:
            return 1
        if left < 0 or kinds == 0:
            return 0
        return ways(left, kinds - 1) + ways(left - coins[kinds - 1], kinds)

    code = "\n".join(
        [
            f"ways = [1] + [0] * {target}",
            f"for coin in {coins}:",
            f"    for value in range(coin, {target} + 1):",
            "        ways[value] += ways[value - coin]",
            f"print(ways[{target}])",
        ]
    )
    fields = {"coins": ", ".join(map(str, coins)), "target": str(target)}
    return _solve(code, fields, str(ways(target, len(coins))), "Count by sums.")


def _grid(rng: random.Random, split: Split) -> Draft:
    """The shortest way through a grid with walls."""
    height, width = rng.randrange(3, 6), rng.randrange(3, 7)
    rows = ["".join("#" if rng.random() < 0.28 else "." for _ in range(width)) for _ in range(height)]
    rows[0], rows[-1] = "." + rows[0][1:], rows[-1][:-1] + "."
    far = height * width
    cost = {
        (r, c): 0 if (r, c) == (0, 0) else far
        for r in range(height)
        for c in range(width)
        if rows[r][c] == "."
    }
    for _ in range(far):  # relax every edge until nothing changes: no queue, unlike the program
        for r, c in cost:
            near = [cost.get(at, far) for at in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))]
            cost[r, c] = min(cost[r, c], min(near) + 1)
    shortest = cost[height - 1, width - 1]
    if shortest >= far:
        raise Rejected
    code = "\n".join(
        [
            f"grid = {rows}",
            "from collections import deque",
            "queue, seen = deque([(0, 0, 0)]), {(0, 0)}",
            "while queue:",
            "    r, c, n = queue.popleft()",
            f"    if (r, c) == ({height - 1}, {width - 1}):",
            "        print(n)",
            "        break",
            "    for x, y in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):",
            f"        if 0 <= x < {height} and 0 <= y < {width} and grid[x][y] == '.' and (x, y) not in seen:",
            "            seen.add((x, y))",
            "            queue.append((x, y, n + 1))",
        ]
    )
    return _solve(code, {"grid": "\n" + "\n".join(rows)}, str(shortest), "Breadth first.")


def _meetings(rng: random.Random, split: Split) -> Draft:
    """How many meetings fit when none may overlap."""
    slots = []
    for _ in range(rng.randrange(4, 8)):
        begin = rng.randrange(8, 17)
        slots.append((begin, begin + rng.randrange(1, 4)))
    best = max(
        n
        for n in range(1, len(slots) + 1)
        for part in combinations(sorted(slots), n)
        if all(a[1] <= b[0] for a, b in pairwise(part))
    )
    code = "\n".join(
        [
            f"slots = {slots}",
            "end, n = 0, 0",
            "for a, b in sorted(slots, key=lambda slot: slot[1]):",
            "    if a >= end:",
            "        end, n = b, n + 1",
            "print(n)",
        ]
    )
    fields = {"slots": ", ".join(f"{a}-{b}" for a, b in slots)}
    return _solve(code, fields, str(best), "Earliest end first.")


def _number(rng: random.Random, split: Split) -> Draft:
    """The smallest number with some properties."""
    divisor, digit_sum = rng.randrange(3, 30), rng.randrange(5, 16)
    found = [n for n in range(divisor, 20_000, divisor) if _digit_sum(n) == digit_sum]
    if not found:
        raise Rejected
    code = "\n".join(
        [
            "n = 1",
            f"while n % {divisor} or sum(map(int, str(n))) != {digit_sum}:",
            "    n += 1",
            "print(n)",
        ]
    )
    fields = {"divisor": str(divisor), "digits": str(digit_sum)}
    return _solve(code, fields, str(found[0]), "Count up.")


def _digit_sum(n: int) -> int:
    return n % 10 + _digit_sum(n // 10) if n else 0


def _circle(rng: random.Random, split: Split) -> Draft:
    """Who is left when every k-th in a circle goes out."""
    n, k = rng.randrange(5, 40), rng.randrange(2, 8)
    last = 0
    for size in range(2, n + 1):  # the recurrence; the program plays it out
        last = (last + k) % size
    code = "\n".join(
        [
            f"circle, at = list(range(1, {n} + 1)), 0",
            "while len(circle) > 1:",
            f"    at = (at + {k} - 1) % len(circle)",
            "    circle.pop(at)",
            "print(circle[0])",
        ]
    )
    return _solve(code, {"n": str(n), "k": str(k)}, str(last + 1), "Play it out.")


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _weekday(rng: random.Random, split: Split) -> Draft:
    """The weekday some days after a date."""
    day, n = names.day(rng), rng.randrange(10, 900)
    then = day + timedelta(days=n)
    oracle = _DAYS[(_zeller(then) + 5) % 7]
    start = f"date({day.year}, {day.month}, {day.day})"
    code = f"from datetime import date, timedelta\nprint(({start} + timedelta({n})).strftime('%A'))"
    fields = {"day": names.spoken_day(day, rng), "n": str(n)}
    return _solve(code, fields, oracle, "Ask the calendar.")


def _zeller(day: date) -> int:
    """Zeller's congruence: 0 is Saturday."""
    month, year = (day.month, day.year) if day.month > 2 else (day.month + 12, day.year - 1)
    return (
        day.day + 13 * (month + 1) // 5 + year % 100 + year % 100 // 4 + year // 100 // 4 + 5 * (year // 100)
    ) % 7


def _letters(rng: random.Random, split: Split) -> Draft:
    """How often a letter occurs."""
    text = " ".join(names.company(rng) for _ in range(3)).lower()
    letter = rng.choice([letter for letter in text if letter.isalpha()])
    code = f"print({text!r}.count({letter!r}))"
    oracle = str(sum(found == letter for found in text))
    return _solve(code, {"text": text, "letter": letter}, oracle, "Count it.")


_BUILDERS: dict[str, Builder] = {
    "row": _row,
    "truth": _truth,
    "subset": _subset,
    "coins": _coins,
    "grid": _grid,
    "meetings": _meetings,
    "number": _number,
    "circle": _circle,
    "weekday": _weekday,
    "letters": _letters,
}

PUZZLES = Family("puzzles", _BUILDERS, read_wordings("puzzles"))
