"""Plans for questions about money flows: rules that call the flow macros, beside whatever the model writes.

The names that the question holds are looked up, then each plan that fits the reading is a branch of its own, the one
that fits best first: its query, and the answer that its rows give. Nothing is proposed where the reading is not sure:
a word that nothing explains, a name that the table does not hold, more than the macros answer.

A function of question and path alone: a resumed or replayed run proposes the same again.
"""

from collections.abc import Sequence

from agent_runtime.jobs.cashflow.macros import TransferColumns, transfer_columns
from agent_runtime.jobs.cashflow.sql import quote
from agent_runtime.planners.flow.answers import answer
from agent_runtime.planners.flow.plans import FlowPlan, plans
from agent_runtime.planners.flow.reading import mentions, read
from agent_runtime.planners.flow.unexplained import unexplained, words
from agent_runtime.types import Action, Check, FinalAnswer, Node, Plan, Prompt, Step

TOOL = "sql"
PLAN = Plan(
    (
        "Look up the names in the question",
        "Ask for the flow that the question describes",
        "Report what comes back",
    )
)
LOOK_UP = "Which accounts does the question name?"


class FlowPlanner:
    """Proposes the plan, the look-up of names, the queries that fit, and the answer that a query's rows give."""

    name = "flow"

    def propose(self, prompt: Prompt, path: Sequence[Node]) -> Sequence[Action]:
        """What may follow `path`, best first; nothing for a question that is not surely about flows."""
        columns = next((found for found in map(transfer_columns, prompt.tables) if found), None)
        if columns is None or all(tool.name != TOOL for tool in prompt.tools):
            return ()
        names = mentions(prompt.question, is_stepped=columns.is_stepped)
        if not path:
            return (PLAN,) if _is_about_flows(prompt, columns, names) else ()
        if path[0].action != PLAN:
            return ()
        if names and len(path) == 1:
            return (Step(LOOK_UP, Check(TOOL, _look_up(names)), is_lookup=True),)
        looked_up, asked = (path[1:2], path[2:]) if names else ((), path[1:])
        return _go_on(_fitting(prompt, columns, looked_up), asked)


def _go_on(found: Sequence[FlowPlan], asked: Sequence[Node]) -> Sequence[Action]:
    """All plans where none has been asked, else the answer of the one that was."""
    if not asked:
        return [Step(plan.thought, Check(TOOL, plan.query)) for plan in found]
    query = asked[0].check
    plan = next((plan for plan in found if query == Check(TOOL, plan.query)), None)
    text = answer(plan, asked[0].observation) if plan is not None and len(asked) == 1 else ""
    return (FinalAnswer(text),) if text else ()


def _fitting(prompt: Prompt, columns: TransferColumns, looked_up: Sequence[Node]) -> Sequence[FlowPlan]:
    """The plans for the question with the names that the table turned out to hold."""
    named = [pair for node in looked_up for pair in _named(node)]
    names = [name for _, name in named]
    if _unexplained(prompt, columns, names):
        return ()
    return plans(read(prompt.question, in_order(named, prompt.question), is_stepped=columns.is_stepped))


def _is_about_flows(prompt: Prompt, columns: TransferColumns, names: Sequence[str]) -> bool:
    """Whether a plan may fit once the names have been looked up."""
    reading = read(prompt.question, is_stepped=columns.is_stepped)
    in_names = {word for name in names for word in words(name.lower())}
    if "beyond" in reading.concepts or set(_unexplained(prompt, columns, ())) - in_names:
        return False
    return bool(plans(reading)) or bool(reading.concepts and names)


def _unexplained(prompt: Prompt, columns: TransferColumns, names: Sequence[str]) -> tuple[str, ...]:
    return unexplained(prompt.question, names, prompt.tables, is_stepped=columns.is_stepped)


def _look_up(names: Sequence[str]) -> str:
    return f"SELECT kind, name, n FROM flow_named([{', '.join(map(quote, names))}])"


def _named(node: Node) -> list[tuple[str, str]]:
    """The (kind, name) pairs that a look-up brought."""
    table = node.observation.table if node.observation is not None else None
    return [(str(row[0]), str(row[1])) for row in table.rows] if table is not None else []


def in_order(named: Sequence[tuple[str, str]], question: str) -> list[tuple[str, str]]:
    """(kind, name) pairs in the order in which the question names them."""
    lowered = question.lower()
    return sorted(named, key=lambda pair: lowered.find(pair[1].lower()))
