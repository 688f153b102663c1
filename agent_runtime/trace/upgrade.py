"""Brings the events of an older trace to today's schema, before they are validated.

Schema 1 called a step confirmed where a check held: that is "supported" today. It had one text of evidence where there
are grounds now, and a query's rows stood in the result's text alone.
"""

import re
from collections.abc import Mapping
from typing import Any

FIRST_SCHEMA = 1
TABLES = "sql"  # the tool whose results were tables

_COUNT = re.compile(r"\((?:more than )?([\d,]+) rows.*\)")

Json = dict[str, Any]


def upgraded(event: Json) -> Json:
    """An event of schema 1 as one of schema 2."""
    match event.get("kind"):
        case "run_started":
            return {**event, "schema_version": FIRST_SCHEMA + 1}
        case "sampled" if isinstance(event.get("action"), dict):
            return {**event, "action": _action(event["action"])}
        case "node" if isinstance(event.get("node"), dict):
            return {**event, "node": _node(event["node"])}
        case "run_finished" if isinstance(event.get("answer"), dict):
            return {**event, "answer": _answer(event["answer"])}
        case _:
            return event


def _node(node: Json) -> Json:
    changed = dict(node)
    if isinstance(node.get("action"), dict):
        changed["action"] = _action(node["action"])
    if isinstance(node.get("verdict"), dict):
        changed["verdict"] = _verdict(node["verdict"])
    if isinstance(node.get("observation"), dict):
        changed["observation"] = _observation(node["observation"])
    return changed


def _action(action: Json) -> Json:
    """What was cut by its token limit said so in its error alone."""
    is_cut = action.get("kind") == "malformed" and str(action.get("error", "")).startswith("cut off")
    return {**action, "is_cut": True} if is_cut else action


def _verdict(verdict: Json) -> Json:
    kept = {key: value for key, value in verdict.items() if key != "evidence"}
    said = verdict.get("evidence")
    grounds = [said] if said and verdict.get("kind") == "confirmed" else []
    objections = [{"verifier": "checks", "text": said}] if said and verdict.get("kind") == "refuted" else []
    return {**kept, "kind": _kind(verdict), "grounds": grounds, "objections": objections}


def _kind(verdict: Mapping[str, Any]) -> object:
    kind = verdict.get("kind", "unchecked")
    return "supported" if kind == "confirmed" else kind


def _observation(observation: Json) -> Json:
    is_table = observation.get("tool") == TABLES and observation.get("outcome", "ok") == "ok"
    if not is_table or not isinstance(observation.get("text"), str):
        return observation
    return {**observation, "table": table_of(observation["text"])}


def table_of(text: str) -> Json:
    """The table that schema 1 printed: a header, rows with ` | ` between the cells, a line that counts them."""
    header, *lines = text.split("\n")
    rows = [line for line in lines if line and not _COUNT.fullmatch(line)]
    counted = _COUNT.fullmatch(lines[-1]) if lines else None
    return {
        "columns": [[name.strip(), ""] for name in header.split(" | ")],
        "rows": [
            [None if cell.strip() == "NULL" else cell.strip() for cell in row.split(" | ")] for row in rows
        ],
        "n_rows": int(counted[1].replace(",", "")) if counted else len(rows),
    }


def _answer(answer: Json) -> Json:
    evidence = answer.get("evidence")
    found = [
        {**one, "verdict": "supported"} if one.get("verdict") == "confirmed" else one
        for one in (evidence if isinstance(evidence, list) else [])
        if isinstance(one, dict)
    ]
    verdict = answer.get("verdict", "unchecked")
    return {**answer, "verdict": "supported" if verdict == "confirmed" else verdict, "evidence": found}
