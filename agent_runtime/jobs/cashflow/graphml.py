"""The whole traced flow for Gephi, yEd or Cytoscape: accounts and edges with their amounts, in plain numbers.

Written line by line, for a long trace has more edges than a graph library should hold. A node is an account: one name,
in one currency where the tables have several.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.types import plain_units

_NOT_IN_XML = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
)  # XML 1.0 cannot hold it
_CHUNK = 20_000
_KEYS = {
    "node": {
        "label": "string", "role": "string", "currency": "string", "hops": "long", "received": "double",
        "paid": "double", "fees": "double", "kept": "double",
    },
    "edge": {
        "currency": "string", "traced": "double", "n": "long", "first": "string", "last": "string", "rows": "string",
    },
}  # fmt: skip


def write_graphml(ledger: Ledger, source: int, target: int | None, path: Path) -> None:
    """Write every account that the source's money reached and every edge; `rows` are all the rows of an edge."""
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for kind, keys in _KEYS.items():
            for name, of in keys.items():
                file.write(f'<key id="{kind}-{name}" for="{kind}" attr.name="{name}" attr.type="{of}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        _write_nodes(ledger, source, target, file)
        _write_edges(ledger, file)
        file.write("</graph>\n</graphml>\n")


def _write_nodes(ledger: Ledger, source: int, target: int | None, file: IO[str]) -> None:
    rows = _read(
        ledger,
        f"""
        SELECT {source}, n.name, c.code, 0, NULL, s.sent, NULL, NULL
        FROM (SELECT currency, sum(traced)::BIGINT AS sent FROM edge WHERE payer = {source} GROUP BY currency) s
        JOIN currency c ON c.id = s.currency JOIN account n ON n.id = {source}
        UNION ALL
        SELECT account, name, code, hops, received::BIGINT, paid::BIGINT, fees::BIGINT, kept FROM named_flow""",
    )
    for account, name, code, hops, *amounts in rows:
        role = {source: "source", target: "target"}.get(account, "account")
        money = zip(("received", "paid", "fees", "kept"), amounts, strict=True)
        plain = {key: plain_units(units, ledger.digits) for key, units in money if units is not None}
        values = {"label": name, "role": role, "currency": code, "hops": str(hops), **plain}
        file.write(f"<node id={_node(ledger, name, code)}>{_data('node', values)}</node>\n")


def _write_edges(ledger: Ledger, file: IO[str]) -> None:
    files = [mapping.file for mapping in ledger.mappings]
    rows = _read(
        ledger,
        f"""
        SELECT p.name, q.name, c.code, e.traced, e.n, {ledger.moment_sql("e.first")},
               {ledger.moment_sql("e.last")}, shown
        FROM edge e JOIN (
            SELECT payer, payee, currency, list((file, row) ORDER BY id) AS shown
            FROM movement WHERE traced > 0 GROUP BY ALL) USING (payer, payee, currency)
        JOIN account p ON p.id = payer JOIN account q ON q.id = payee JOIN currency c ON c.id = currency
        ORDER BY e.traced DESC, payer, payee""",
    )
    for payer, payee, code, traced, n, first, last, rows_of_edge in rows:
        ends = f"source={_node(ledger, payer, code)} target={_node(ledger, payee, code)}"
        places = " ".join(f"{files[index]}:{row}" for index, row in rows_of_edge)
        values = {
            "currency": code, "traced": plain_units(traced, ledger.digits), "n": str(n), "first": first, "last": last,
            "rows": places,
        }  # fmt: skip
        file.write(f"<edge {ends}>{_data('edge', values)}</edge>\n")


def _read(ledger: Ledger, query: str) -> Iterator[tuple[Any, ...]]:
    cursor = ledger.con.cursor()
    cursor.execute(query)
    while chunk := cursor.fetchmany(_CHUNK):
        yield from chunk


def _node(ledger: Ledger, name: str, code: str) -> str:
    return quoteattr(_clean(name if ledger.n_currencies == 1 else f"{name} [{code}]"))


def _data(kind: str, values: Mapping[str, str]) -> str:
    return "".join(
        f'<data key="{kind}-{name}">{escape(_clean(value))}</data>' for name, value in values.items()
    )


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
