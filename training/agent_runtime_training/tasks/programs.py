"""Small correct programs with tests: what the debugging tasks break. Held-out programs share no function with training.

A program is one function, `NAME` in its text, and its tests are calls with their results.
"""

from dataclasses import dataclass

from agent_runtime_training.tasks.example import Split


@dataclass(frozen=True, slots=True)
class Program:
    """A function's source and (arguments, result) pairs that it passes."""

    source: str
    cases: tuple[tuple[str, str], ...]


def _p(source: str, *cases: str) -> Program:
    return Program(
        source.strip() + "\n", tuple((case.split(" => ")[0], case.split(" => ")[1]) for case in cases)
    )


PROGRAMS: dict[Split, tuple[Program, ...]] = {
    "train": (
        _p(
            """
def NAME(values):
    total = 0
    for value in values:
        total = total + value
    return total / len(values)
""",
            "[1, 2, 3] => 2",
            "[10, 20] => 15",
            "[7] => 7",
        ),
        _p(
            """
def NAME(values):
    best = values[0]
    for value in values:
        if value > best:
            best = value
    return best
""",
            "[3, 9, 2] => 9",
            "[-5, -2] => -2",
            "[1] => 1",
        ),
        _p(
            """
def NAME(text):
    count = 0
    for letter in text:
        if letter in 'aeiou':
            count = count + 1
    return count
""",
            "'banana' => 3",
            "'sky' => 0",
            "'idea' => 3",
        ),
        _p(
            """
def NAME(n):
    result = 1
    for i in range(2, n + 1):
        result = result * i
    return result
""",
            "5 => 120",
            "1 => 1",
            "3 => 6",
        ),
        _p(
            """
def NAME(a, b):
    while b != 0:
        a, b = b, a % b
    return a
""",
            "12, 18 => 6",
            "7, 3 => 1",
            "10, 0 => 10",
        ),
        _p(
            """
def NAME(text):
    left = 0
    right = len(text) - 1
    while left < right:
        if text[left] != text[right]:
            return False
        left = left + 1
        right = right - 1
    return True
""",
            "'level' => True",
            "'abca' => False",
            "'aa' => True",
        ),
        _p(
            """
def NAME(values, target):
    low = 0
    high = len(values) - 1
    while low <= high:
        middle = (low + high) // 2
        if values[middle] == target:
            return middle
        if values[middle] < target:
            low = middle + 1
        else:
            high = middle - 1
    return -1
""",
            "[1, 3, 5, 7], 7 => 3",
            "[1, 3, 5], 4 => -1",
            "[2, 4], 2 => 0",
        ),
        _p(
            """
def NAME(words):
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts
""",
            "['a', 'b', 'a'] => {'a': 2, 'b': 1}",
            "[] => {}",
            "['x'] => {'x': 1}",
        ),
        _p(
            """
def NAME(n):
    a, b = 0, 1
    for i in range(n):
        a, b = b, a + b
    return a
""",
            "0 => 0",
            "6 => 8",
            "10 => 55",
        ),
        _p(
            """
def NAME(n):
    if n < 2:
        return False
    for d in range(2, n):
        if n % d == 0:
            return False
    return True
""",
            "7 => True",
            "9 => False",
            "1 => False",
            "2 => True",
        ),
        _p(
            """
def NAME(rows):
    result = []
    for i in range(len(rows[0])):
        column = []
        for row in rows:
            column.append(row[i])
        result.append(column)
    return result
""",
            "[[1, 2], [3, 4]] => [[1, 3], [2, 4]]",
            "[[1, 2, 3]] => [[1], [2], [3]]",
        ),
        _p(
            """
def NAME(values):
    seen = set()
    result = []
    for value in values:
        if value not in seen:
            seen.add(value)
            result.append(value)
    return result
""",
            "[1, 2, 1, 3] => [1, 2, 3]",
            "[] => []",
            "[4, 4] => [4]",
        ),
        _p(
            """
def NAME(text, shift):
    result = ''
    for letter in text:
        code = (ord(letter) - ord('a') + shift) % 26
        result = result + chr(code + ord('a'))
    return result
""",
            "'abc', 1 => 'bcd'",
            "'xyz', 3 => 'abc'",
            "'m', 0 => 'm'",
        ),
        _p(
            """
def NAME(prices, limit):
    chosen = []
    spent = 0
    for price in sorted(prices):
        if spent + price <= limit:
            chosen.append(price)
            spent = spent + price
    return chosen
""",
            "[5, 3, 9], 8 => [3, 5]",
            "[2, 2], 3 => [2]",
            "[4], 1 => []",
        ),
        _p(
            """
def NAME(items, key, default):
    for name, value in items:
        if name == key:
            return value
    return default
""",
            "[('a', 1), ('b', 2)], 'b', 0 => 2",
            "[], 'x', 5 => 5",
        ),
        _p(
            """
def NAME(values):
    result = []
    running = 0
    for value in values:
        running = running + value
        result.append(running)
    return result
""",
            "[1, 2, 3] => [1, 3, 6]",
            "[] => []",
            "[5, -5] => [5, 0]",
        ),
        _p(
            """
def NAME(text):
    words = text.split()
    longest = words[0]
    for word in words[1:]:
        if len(word) > len(longest):
            longest = word
    return longest
""",
            "'a bcd ef' => 'bcd'",
            "'one' => 'one'",
            "'ab cd' => 'ab'",
        ),
        _p(
            """
def NAME(year):
    if year % 400 == 0:
        return True
    if year % 100 == 0:
        return False
    return year % 4 == 0
""",
            "2000 => True",
            "1900 => False",
            "2024 => True",
            "2023 => False",
        ),
        _p(
            """
def NAME(a, b):
    i, j = 0, 0
    result = []
    while i < len(a) and j < len(b):
        if a[i] <= b[j]:
            result.append(a[i])
            i = i + 1
        else:
            result.append(b[j])
            j = j + 1
    return result + a[i:] + b[j:]
""",
            "[1, 4], [2, 3] => [1, 2, 3, 4]",
            "[], [1] => [1]",
            "[5], [] => [5]",
        ),
        _p(
            """
def NAME(account, amount):
    balance = account['balance']
    if amount > balance:
        raise ValueError('not enough')
    account['balance'] = balance - amount
    return account['balance']
""",
            "{'balance': 10}, 4 => 6",
            "{'balance': 5}, 5 => 0",
        ),
        _p(
            """
def NAME(text):
    depth = 0
    for letter in text:
        if letter == '(':
            depth = depth + 1
        elif letter == ')':
            depth = depth - 1
            if depth < 0:
                return False
    return depth == 0
""",
            "'(())' => True",
            "')(' => False",
            "'(' => False",
        ),
        _p(
            """
def NAME(record):
    parts = record.split(',')
    name = parts[0].strip()
    amount = float(parts[1])
    return name, round(amount * 2, 2)
""",
            "' Ann ,2.5' => ('Ann', 5.0)",
            "'Bo,1' => ('Bo', 2.0)",
        ),
        _p(
            """
def NAME(n):
    digits = []
    while n > 0:
        digits.append(n % 2)
        n = n // 2
    digits.reverse()
    return digits
""",
            "6 => [1, 1, 0]",
            "1 => [1]",
            "8 => [1, 0, 0, 0]",
        ),
        _p(
            """
def NAME(values, size):
    result = []
    for start in range(0, len(values), size):
        result.append(values[start:start + size])
    return result
""",
            "[1, 2, 3], 2 => [[1, 2], [3]]",
            "[], 3 => []",
            "[1, 2], 1 => [[1], [2]]",
        ),
    ),
    "heldout": (
        _p(
            """
def NAME(temperatures):
    colder = 0
    for today, tomorrow in zip(temperatures, temperatures[1:]):
        if tomorrow < today:
            colder += 1
    return colder
""",
            "[5, 3, 4, 1] => 2",
            "[1, 2] => 0",
            "[9] => 0",
        ),
        _p(
            """
def NAME(matrix):
    height = len(matrix)
    trace = 0
    for k in range(height):
        trace += matrix[k][k]
    return trace
""",
            "[[1, 2], [3, 4]] => 5",
            "[[7]] => 7",
        ),
        _p(
            """
def NAME(sentence):
    pieces = sentence.strip().split(' ')
    flipped = pieces[::-1]
    return ' '.join(flipped)
""",
            "'a b c' => 'c b a'",
            "' one ' => 'one'",
        ),
        _p(
            """
def NAME(stock, orders):
    left = dict(stock)
    for product, wanted in orders:
        if left.get(product, 0) >= wanted:
            left[product] -= wanted
    return left
""",
            "{'x': 5}, [('x', 3), ('x', 3)] => {'x': 2}",
            "{}, [('y', 1)] => {}",
        ),
        _p(
            """
def NAME(signal, window):
    smooth = []
    for at in range(len(signal) - window + 1):
        part = signal[at:at + window]
        smooth.append(sum(part) / window)
    return smooth
""",
            "[1, 3, 5], 2 => [2.0, 4.0]",
            "[4], 1 => [4.0]",
        ),
        _p(
            """
def NAME(minutes):
    hours = minutes // 60
    rest = minutes % 60
    return str(hours) + ':' + str(rest).zfill(2)
""",
            "125 => '2:05'",
            "59 => '0:59'",
        ),
        _p(
            """
def NAME(graph, begin):
    visited = []
    queue = [begin]
    while queue:
        node = queue.pop(0)
        if node in visited:
            continue
        visited.append(node)
        queue.extend(graph.get(node, []))
    return visited
""",
            "{1: [2, 3], 2: [4]}, 1 => [1, 2, 3, 4]",
            "{}, 9 => [9]",
        ),
        _p(
            """
def NAME(votes):
    tally = {}
    for ballot in votes:
        tally[ballot] = tally.get(ballot, 0) + 1
    return max(tally, key=tally.get)
""",
            "['p', 'q', 'p'] => 'p'",
            "['z'] => 'z'",
        ),
    ),
}

FUNCTION_NAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        "compute",
        "solve",
        "run",
        "process",
        "check",
        "find",
        "build",
        "convert",
        "step_through",
        "evaluate",
    ),
    "heldout": ("derive", "inspect_all", "arrange", "measure", "decide", "fold"),
}
