"""What a teacher writes can be written at run time: the grammar of the loaded schema takes every query of a trace."""

import pytest

from agent_runtime.types import Step
from agent_runtime_tools.closed_sql_grammar import closed_sql_grammar
from agent_runtime_training.tasks import generate
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.tasks.rendering import known_schema
from tests.dialogue.byte_tokens import ByteTokens, accepted


def queries(example: Example) -> list[str]:
    return [
        turn.action.check.input
        for turn in example.turns
        if isinstance(turn.action, Step)
        and turn.action.check is not None
        and turn.action.check.tool == "sql"
        and not turn.is_mistake
    ]


@pytest.mark.parametrize("family", ["flows", "tables"])
def test_every_query_that_is_learned_fits_the_grammar_of_its_tables(family):
    import llguidance

    tokens = llguidance.LLTokenizer(llguidance.TokenizerWrapper(ByteTokens()))
    for example in generate(family, 25, 33):
        schemas = tuple(known_schema(table.name, table.columns, len(table.rows)) for table in example.tables)
        grammar = closed_sql_grammar(schemas)
        for query in queries(example):
            ids = list(query.encode())
            n_taken = accepted(tokens, grammar, ids)
            assert n_taken == len(ids) + 1, query[:n_taken]
