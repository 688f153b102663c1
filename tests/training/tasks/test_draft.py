"""What holds a teacher against its oracle."""

import pytest

from agent_runtime_training.tasks.draft import Draft, verify
from agent_runtime_training.tasks.teacher import Rejected, Teacher, TeacherError


def draft(said: str, oracle: str) -> Draft:
    teacher = Teacher([])
    teacher.plan("Report the value")
    teacher.answer(said)
    return Draft(teacher, {}, oracle)


def test_a_tie_that_was_rounded_the_other_way_is_drawn_again():
    with pytest.raises(Rejected):
        verify("aggregate", draft("36683.85", "36683.84"))


def test_another_number_is_a_bug_of_the_generator():
    with pytest.raises(TeacherError, match="oracle"):
        verify("aggregate", draft("36683.86", "36683.84"))


def test_the_same_number_passes():
    verify("aggregate", draft("1,200.00", "1200"))
