"""A tool of one's own: a class with a name, a description and `run`.

The model here is a script, so that the example runs anywhere. With a real one, leave `model` out and name it in the
configuration: `RunConfig(model="openai:http://localhost:8000/v1")`.
"""

import anyio

from agent_runtime import Observation, RunConfig, Task, ToolError, open_runtime
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.types import Check, FinalAnswer, Step, Value


class Inventory:
    """How many of an article are in stock."""

    name = "stock"
    description = "how many of an article are in stock; write its name"

    def __init__(self, stock: dict[str, int]) -> None:
        self._stock = stock

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Look one article up. A `ToolError` tells the model what would be right."""
        if text not in self._stock:
            raise ToolError(f"no article {text!r}; there are: {', '.join(self._stock)}")
        count = self._stock[text]
        return Observation(self.name, text=str(count), brief=str(count), value=Value("INTEGER", count))


async def main() -> None:
    """Ask for something that only the tool knows."""
    model = ScriptedModel(branches([Step("Look it up.", Check("stock", "bolt")), FinalAnswer("40")]))
    tools = [Inventory({"bolt": 40, "nut": 12})]
    async with open_runtime(RunConfig(strategy="vote:4"), model=model, tools=tools) as runtime:
        answer = await runtime.solve("How many bolts are in stock?")
        print(answer.text, answer.verdict)
        for evidence in answer.evidence:
            print(f"{evidence.tool}: {evidence.input} -> {evidence.result}")


if __name__ == "__main__":
    anyio.run(main)
