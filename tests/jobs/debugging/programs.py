"""Ten failing programs with their logs."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Example:
    name: str
    files: dict[str, str]
    log: str
    kind: str
    place: str
    words: tuple[str, ...]
    command: tuple[str, ...] = ()  # where it can be run without a library
    kinds_without_folder: tuple[str, ...] = ()
    data: dict[str, bytes] = field(default_factory=dict)
    change: tuple[str, ...] = ()  # lines of the diff that a person would make
    is_established: bool = True  # whether other inputs can tell the fix from others that pass

    def write(self, folder: Path) -> None:
        for name, content in {**{k: v.encode() for k, v in self.files.items()}, **self.data}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


EXAMPLES = [
    Example(
        "import cycle",
        {
            "main.py": "import orders\n\nprint(orders.place(3))\n",
            "orders.py": (
                "from customers import discount\n\nRATE = 10\n\n\ndef place(n):\n    return n * RATE - discount(n)\n"
            ),
            "customers.py": "from orders import RATE\n\n\ndef discount(n):\n    return n * RATE // 20\n",
        },
        """\
Traceback (most recent call last):
  File "/srv/shop/main.py", line 1, in <module>
    import orders
  File "/srv/shop/orders.py", line 1, in <module>
    from customers import discount
  File "/srv/shop/customers.py", line 1, in <module>
    from orders import RATE
ImportError: cannot import name 'RATE' from partially initialized module 'orders' \
(most likely due to a circular import) (/srv/shop/orders.py)
""",
        "import cycle",
        "customers.py:1",
        ("customers -> orders -> customers", "'RATE' of orders"),
        ("python", "main.py"),
        change=("-from orders import RATE", "+    from orders import RATE"),
    ),
    Example(
        "None attribute",
        {
            "app.py": """\
USERS = {1: "ann", 2: "bob"}


class User:
    def __init__(self, name):
        self.name = name


def find_user(number):
    name = USERS.get(number)
    if name is not None:
        user = User(name)


def greet(number):
    user = find_user(number)
    return "hello " + user.name


assert greet(1) == "hello ann"
""",
        },
        """\
Traceback (most recent call last):
  File "/home/ann/app/app.py", line 20, in <module>
    assert greet(1) == "hello ann"
           ^^^^^^^^
  File "/home/ann/app/app.py", line 17, in greet
    return "hello " + user.name
                      ^^^^^^^^^
AttributeError: 'NoneType' object has no attribute 'name'
""",
        "None value",
        "app.py:9",
        ("find_user() never returns a value: a return is missing",),
        ("python", "app.py"),
        change=("+    return user",),
    ),
    Example(
        "off by one",
        {
            "stats.py": """\
def steps(values):
    found = []
    for i in range(len(values)):
        found.append(values[i + 1] - values[i])
    return found


assert steps([1, 4, 9]) == [3, 5]
""",
        },
        """\
Traceback (most recent call last):
  File "stats.py", line 8, in <module>
    assert steps([1, 4, 9]) == [3, 5]
  File "stats.py", line 4, in steps
    found.append(values[i + 1] - values[i])
IndexError: list index out of range
""",
        "off by one",
        "stats.py:4",
        ("The index `i + 1`", "one past the last index"),
        ("python", "stats.py"),
        change=("+    for i in range(len(values) - 1):",),
    ),
    Example(
        "bad key",
        {
            "report.py": """\
ROWS = [{"name": "ann", "amount": 5}, {"name": "bob", "amount": 7}]


def total(rows):
    return sum(row["ammount"] for row in rows)


assert total(ROWS) == 12
""",
        },
        """\
2024-05-01 12:00:01 worker-3 ERROR Traceback (most recent call last):
2024-05-01 12:00:01 worker-3 ERROR   File "/app/report.py", line 8, in <module>
2024-05-01 12:00:01 worker-1 INFO heartbeat
2024-05-01 12:00:01 worker-3 ERROR     assert total(ROWS) == 12
2024-05-01 12:00:01 worker-3 ERROR   File "/app/report.py", line 5, in total
2024-05-01 12:00:01 worker-3 ERROR     return sum(row["ammount"] for row in rows)
2024-05-01 12:00:02 worker-1 INFO heartbeat
2024-05-01 12:00:02 worker-3 ERROR   File "/app/report.py", line 5, in <genexpr>
2024-05-01 12:00:02 worker-3 ERROR     return sum(row["ammount"] for row in rows)
2024-05-01 12:00:02 worker-3 ERROR KeyError: 'ammount'
""",
        "wrong key",
        "report.py:5",
        ("'ammount'", "spelt 'amount'"),
        ("python", "report.py"),
        ("missing key",),
        change=("+    return sum(row['amount'] for row in rows)",),
    ),
    Example(
        "type error",
        {
            "age.py": """\
def next_year(line):
    name, age = line.split(",")
    return name, age + 1


assert next_year("ann,41") == ("ann", 42)
""",
        },
        """\
Traceback (most recent call last):
  File "/tmp/x/age.py", line 6, in <module>
    assert next_year("ann,41") == ("ann", 42)
           ^^^^^^^^^^^^^^^^^^^
  File "/tmp/x/age.py", line 3, in next_year
    return name, age + 1
                 ~~~~^~~
TypeError: can only concatenate str (not "int") to str
""",
        "wrong type",
        "age.py:2",
        ("needs a number and gets text", "never converted"),
        ("python", "age.py"),
        change=("+    return name, int(age) + 1",),
        is_established=False,
    ),
    Example(
        "recursion",
        {
            "depth.py": """\
def factorial(n):
    if n == 0:
        return 1
    return n * factorial(n)


assert factorial(4) == 24
""",
        },
        """\
Traceback (most recent call last):
  File "depth.py", line 7, in <module>
    assert factorial(4) == 24
           ^^^^^^^^^^^^
  File "depth.py", line 4, in factorial
    return n * factorial(n)
               ^^^^^^^^^^^^
  File "depth.py", line 4, in factorial
    return n * factorial(n)
               ^^^^^^^^^^^^
  File "depth.py", line 4, in factorial
    return n * factorial(n)
               ^^^^^^^^^^^^
  [Previous line repeated 995 more times]
RecursionError: maximum recursion depth exceeded
""",
        "endless recursion",
        "depth.py:4",
        ("passes on the same arguments",),
        ("python", "depth.py"),
        change=("+    return n * factorial(n - 1)",),
    ),
    Example(
        "encoding",
        {
            "names.py": """\
def names(path):
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file]


assert names("names.txt") == ["Ren\\xe9", "Zo\\xeb"]
""",
        },
        """\
Traceback (most recent call last):
  File "/data/names.py", line 6, in <module>
    assert names("names.txt") == ["Ren\\xe9", "Zo\\xeb"]
  File "/data/names.py", line 3, in names
    return [line.strip() for line in file]
  File "<frozen codecs>", line 322, in decode
UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 3: invalid continuation byte
""",
        "encoding",
        "names.py:2",
        ("0xe9", "names one that does not fit"),
        ("python", "names.py"),
        data={"names.txt": b"Ren\xe9\nZo\xeb\n"},
        change=("+    with open(path, encoding='latin-1') as file:",),
        is_established=False,
    ),
    Example(
        "never awaited",
        {
            "fetch.py": """\
import asyncio


async def load(n):
    await asyncio.sleep(0)
    return [n, n + 1]


async def total(n):
    rows = load(n)
    return sum(rows)


assert asyncio.run(total(2)) == 5
""",
        },
        """\
Traceback (most recent call last):
  File "/srv/fetch.py", line 14, in <module>
    assert asyncio.run(total(2)) == 5
           ^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/asyncio/runners.py", line 190, in run
    return runner.run(main)
           ^^^^^^^^^^^^^^^^
  File "/srv/fetch.py", line 11, in total
    return sum(rows)
           ^^^^^^^^^
TypeError: 'coroutine' object is not iterable
sys:1: RuntimeWarning: coroutine 'load' was never awaited
""",
        "never awaited",
        "fetch.py:10",
        ("load() is a coroutine function", "without `await`"),
        ("python", "fetch.py"),
        change=("+    rows = await load(n)",),
    ),
    Example(
        "wrong fixture",
        {
            "conftest.py": "import pytest\n\n\n@pytest.fixture\ndef database():\n    return {'rows': 3}\n",
            "test_rows.py": "def test_rows(databse):\n    assert databse['rows'] == 3\n",
        },
        """\
============================= test session starts ==============================
platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
rootdir: /home/ann/rows
collected 1 item

test_rows.py E                                                           [100%]

==================================== ERRORS ====================================
_________________________ ERROR at setup of test_rows __________________________
file /home/ann/rows/test_rows.py, line 1
  def test_rows(databse):
E       fixture 'databse' not found
>       available fixtures: cache, capfd, database, monkeypatch, tmp_path
>       use 'pytest --fixtures [testpath]' for help on them.

/home/ann/rows/test_rows.py:1
=========================== short test summary info ============================
ERROR test_rows.py::test_rows
=============================== 1 error in 0.01s ===============================
""",
        "wrong fixture",
        "test_rows.py:1",
        ("'databse'", "called 'database'", "conftest.py:5"),
    ),
    Example(
        "dependency version",
        {
            "requirements.txt": "numpy==1.19.5\n",
            "model.py": "import numpy as np\n\n\ndef zeros(n):\n    return np.zeros(n, dtype=np.float)\n\n\nzeros(3)\n",
        },
        """\
Traceback (most recent call last):
  File "/work/model.py", line 8, in <module>
    zeros(3)
  File "/work/model.py", line 5, in zeros
    return np.zeros(n, dtype=np.float)
                             ^^^^^^^^
  File "/usr/lib/python3.11/site-packages/numpy/__init__.py", line 324, in __getattr__
    raise AttributeError(__former_attrs__[attr])
AttributeError: module 'numpy' has no attribute 'float'.
`np.float` was a deprecated alias for the builtin `float`.
""",
        "dependency version",
        "model.py:5",
        ("numpy has no float", "requirements.txt says numpy==1.19.5"),
    ),
]
