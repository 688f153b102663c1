"""Ten failures of different kinds with what caused each: program, real traceback, root cause.

Programs and logs are written for these tests, in the form in which Python and pytest print them; where a program can
run without a library, a test runs it in the sandbox (see `test_job.py`).
"""

from pathlib import Path

import pytest

from agent_runtime.jobs.debugging.job import diagnose
from tests.jobs.debugging.programs import EXAMPLES, Example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_root_cause_is_found_from_traceback_and_folder(example: Example, tmp_path: Path):
    example.write(tmp_path)

    cause = diagnose(example.log, tmp_path).cause

    assert (cause.kind, f"{cause.file}:{cause.line}") == (example.kind, example.place)
    assert all(words in cause.text for words in example.words), cause.text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_without_the_folder_the_kind_is_still_named(example: Example):
    cause = diagnose(example.log).cause

    assert cause.kind in (example.kind, *example.kinds_without_folder), cause.text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_root_cause_takes_two_sentences(example: Example, tmp_path: Path):
    example.write(tmp_path)

    text = diagnose(example.log, tmp_path).cause.text

    assert text.endswith(".")
    assert text.count(". ") == 1, text
