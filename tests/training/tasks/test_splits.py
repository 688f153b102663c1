"""Training and held-out draws share no wording template and no column-name part."""

import re

from agent_runtime_training.tasks import FAMILIES, generate
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.schemas import PARTS, STYLES, abbreviate, compose
from agent_runtime_training.tasks.word_problems import HELDOUT, TRAIN
from agent_runtime_training.tasks.wording import count_forms


def parts(split: Split) -> set[str]:
    return {part for role in PARTS[split].values() for part in (*role.heads, *role.qualifiers)}


def test_no_column_name_part_is_in_both_splits_not_even_abbreviated():
    train, heldout = parts("train"), parts("heldout")

    assert not (train | set(map(abbreviate, train))) & (heldout | set(map(abbreviate, heldout)))


def test_schemas_are_composed_of_thousands_of_names():
    names = {
        compose([head, qualifier], style)
        for role in PARTS["train"].values()
        for head in role.heads
        for qualifier in role.qualifiers
        for style in set(STYLES)
    }

    assert len(names) > 3000


def test_no_wording_template_is_in_both_splits():
    for family in FAMILIES.values():
        for wordings in family.wordings.values():
            assert wordings.train
            assert wordings.heldout
            assert not set(wordings.train) & set(wordings.heldout)


def test_no_heldout_question_has_a_long_phrase_of_a_training_template():
    """Eight words in a row, drawn names and numbers apart, never stand in both."""

    def phrases(split: Split) -> set[tuple[str, ...]]:
        found: set[tuple[str, ...]] = set()
        for family in ("flows", "tables"):
            for example in generate(family, 60, 3, split):
                words = re.findall(r"[a-z']+", example.question)  # lower case: no names
                found |= {tuple(words[at : at + 8]) for at in range(len(words) - 7)}
        return found

    assert not phrases("train") & phrases("heldout")


def test_there_are_150_word_problems_each_with_paraphrases():
    assert len(TRAIN) >= 150
    assert all(count_forms(problem.text) >= 2 for problem in (*TRAIN, *HELDOUT))
    assert not {problem.text for problem in TRAIN} & {problem.text for problem in HELDOUT}
