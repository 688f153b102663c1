"""What passed before: which tests count, and what is said where that could not be found out."""

import pytest

from agent_runtime.jobs.debugging.commands import runs_whole
from agent_runtime.jobs.debugging.earlier import MAX_FILES, Earlier, EarlierTests
from agent_runtime.types import Execution, SandboxJob

TWO = {"test_a.py": b"", "test_b.py": b"", "main.py": b""}


class Answers:
    """A sandbox that answers each job from a list; the last answer stays."""

    def __init__(self, *answers: Execution) -> None:
        self.answers = list(answers)
        self.jobs: list[SandboxJob] = []

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        self.jobs.append(job)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def release(self, scope: str) -> None: ...

    async def aclose(self) -> None: ...


async def passing(sandbox: Answers, files: dict[str, bytes], *command: str) -> Earlier:
    return await EarlierTests(sandbox, "scope", 3.0, command).passing(files)


LATE = Execution(-9, "PASSED test_a.py::test_x\n", "", is_timeout=True)
NO_PYTEST = Execution(1, "", "/usr/bin/python3: No module named pytest\n")


async def test_each_test_of_pytest_counts_by_itself():
    sandbox = Answers(Execution(1, "PASSED test_a.py::test_x\nFAILED test_b.py::test_y\n", ""))

    assert await passing(sandbox, TWO, "python", "main.py") == Earlier(frozenset({"test_a.py::test_x"}))


async def test_a_test_run_that_does_not_end_is_said_and_is_no_pass():
    found = await passing(Answers(LATE), TWO, "python", "main.py")

    assert found.names == frozenset()
    assert found.missing.startswith("the tests of the folder did not end within 3 s")


async def test_without_pytest_a_file_that_does_not_end_is_named():
    found = await passing(Answers(NO_PYTEST, Execution(0, "", ""), LATE), TWO, "python", "main.py")

    assert found.names == {"test_a.py"}
    assert found.missing.startswith("test_b.py did not end within 3 s")


async def test_files_beyond_the_limit_are_said():
    many = {f"test_{number}.py": b"" for number in range(MAX_FILES + 3)}

    found = await passing(Answers(NO_PYTEST, Execution(0, "", "")), many, "python", "main.py")

    assert len(found.names) == MAX_FILES
    assert found.missing == f"only {MAX_FILES} of {MAX_FILES + 3} other test files were run"


async def test_the_failing_test_itself_is_not_run_again():
    sandbox = Answers(LATE)

    assert await passing(sandbox, {"test_a.py": b""}, "python", "test_a.py") == Earlier()
    assert sandbox.jobs == []


@pytest.mark.parametrize(
    ("command", "is_whole"),
    [
        ("python tests/test_a.py", True),
        ("python main.py", False),
        ("pytest", True),
        ("pytest -x tests", True),
        ("python -m pytest ./tests/test_a.py", True),
        ("pytest tests/test_b.py", False),
        ("pytest -k one", False),
        ("pytest tests/test_a.py::test_one", False),
        ("make test", False),
    ],
)
def test_a_command_says_all_of_a_test_file_or_not(command: str, is_whole: bool):
    assert runs_whole(command.split(), "tests/test_a.py") == is_whole
