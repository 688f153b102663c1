import json
import re

import pytest

from agent_runtime.errors import ConfigError
from agent_runtime_training.recipe import RECIPES, Recipe, read_recipe
from agent_runtime_training.tasks import FAMILIES, generate
from agent_runtime_training.tasks.arithmetic import RELATIONS
from agent_runtime_training.tasks.debugging import WORDINGS as DEBUGGING_WORDINGS
from agent_runtime_training.tasks.word_problems import HELDOUT, TRAIN
from tests.conftest import SHARED


@pytest.mark.parametrize("name", ["continue", "embedded", "smoke"])
def test_the_shipped_recipes_are_valid_and_name_families_that_exist(name):
    recipe = read_recipe(RECIPES / f"{name}.toml")

    named = {*recipe.data.examples, *recipe.judge.examples, *recipe.heldout, *recipe.grpo.families}
    named |= set(recipe.judge.rollouts.families)
    assert named <= set(FAMILIES)


def test_the_embedded_recipe_draws_from_every_family():
    assert set(read_recipe(RECIPES / "embedded.toml").data.examples) == set(FAMILIES)


def test_a_misspelt_setting_is_named(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("[sft]\nlearning_rat = 1\n")

    with pytest.raises(ConfigError, match=r"sft\.learning_rat"):
        read_recipe(path)


def test_rollouts_label_no_repairs_which_have_no_answer_to_compare(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[judge.rollouts]\nfamilies = ["debugging"]\n')

    with pytest.raises(ConfigError, match="no answer that an oracle"):
        read_recipe(path)


def test_a_file_that_is_no_toml_is_an_error(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("= nonsense")

    with pytest.raises(ConfigError, match="no TOML"):
        read_recipe(path)


def test_a_recipe_without_settings_has_defaults():
    assert Recipe().lora.rank == 32


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def grams(text: str, n: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + n]) for at in range(len(found) - n + 1)}


def forms(template: str) -> list[str]:
    """Every surface form of a template; what is filled in breaks a phrase."""
    match = re.search(r"\[([^\[\]]*)\]", template)
    if match is None:
        return [re.sub(r"\{.*?\}", " \n ", template)]
    head, tail = template[: match.start()], template[match.end() :]
    return [form for choice in match.group(1).split("|") for form in forms(head + choice + tail)]


def phrases(template: str, n: int) -> set[tuple[str, ...]]:
    return {gram for form in forms(template) for piece in form.split("\n") for gram in grams(piece, n)}


@pytest.fixture(scope="module")
def packs():
    questions = [
        json.loads(line)["question"]
        for path in sorted((SHARED / "packs").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    if not questions:
        pytest.skip("the evaluation packs are not here")
    return {n: {gram for question in questions for gram in grams(question, n)} for n in (8, 13)}


def test_no_wording_has_eight_words_in_a_row_of_a_pack(packs):
    wordings = [words for family in FAMILIES.values() for words in family.wordings.values()] + [
        *DEBUGGING_WORDINGS.values()
    ]
    templates = [text for words in wordings for text in (*words.train, *words.heldout)]
    templates += [problem.text for problem in (*TRAIN, *HELDOUT)]
    templates += [text for split in ("train", "heldout") for text, _ in RELATIONS[split]]

    found = {template: phrases(template, 8) & packs[8] for template in templates}

    assert {template: same for template, same in found.items() if same} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "n"),
    [("flows", 60), ("tables", 60), ("arithmetic", 300), ("puzzles", 15), ("debugging", 6), ("quick", 60)],
)
def test_no_generated_item_overlaps_a_pack(packs, family, n):
    for example in generate(family, n, 11):
        assert not grams(example.question, 8) & packs[8], example.question
        assert not grams(f"{example.question} {example.context}", 13) & packs[13], example.question
