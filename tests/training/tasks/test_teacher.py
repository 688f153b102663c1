import sys

import pytest

from agent_runtime_training.tasks.example import TableData
from agent_runtime_training.tasks.rendering import apply_edit
from agent_runtime_training.tasks.teacher import Teacher, TeacherError, run_command

TABLE = TableData("t", (("a", "VARCHAR"), ("b", "DOUBLE")), (("x", 1.5), ("y", 2.255)))


def test_a_query_that_was_meant_to_succeed_must():
    with pytest.raises(TeacherError, match="no_such"):
        Teacher([TABLE]).sql("Ask.", "SELECT no_such FROM t")


def test_a_query_that_was_meant_to_fail_must():
    with pytest.raises(TeacherError, match="meant to fail"):
        Teacher([TABLE]).wrong_sql("Ask.", "SELECT a FROM t")


def test_a_failed_query_shows_the_error_that_the_runtime_would_show():
    teacher = Teacher([TABLE])

    assert teacher.wrong_sql("Ask.", "SELECT bb FROM t") == 'error: no column "bb"; near: b'


def test_context_and_result_are_rendered_as_the_protocol_says():
    teacher = Teacher([TABLE])
    teacher.sql("Ask.", "SELECT b FROM t ORDER BY b")

    assert TABLE.context() == "Table t (2 rows)\na VARCHAR, b DOUBLE\nsample: x | 1.5"
    observation = teacher.turns[-1].observation
    assert observation is not None
    assert observation.brief == "b\n1.5\n2.25"


def test_an_edit_replaces_the_lines_it_names():
    assert apply_edit({"p.py": "a\nb\nc\n"}, "p.py:2-2\nB\nB2") == {"p.py": "a\nB\nB2\nc\n"}


def test_a_program_that_never_ends_is_stopped(monkeypatch):
    from agent_runtime_training.tasks import teacher

    monkeypatch.setattr(teacher, "PROGRAM_SECONDS", 0.5)

    assert run_command((sys.executable, "-c", "while True: pass"), {}).is_timeout


def test_a_failing_program_shows_no_path_of_the_host():
    execution = run_command(("python", "p.py"), {"p.py": "raise ValueError('no')\n"})

    assert execution.exit_code == 1
    assert 'File "/work/run/p.py"' in execution.stderr
    assert execution.stderr.endswith("ValueError: no\n")
