"""The whole traced flow for Gephi, yEd or Cytoscape: accounts and edges with their amounts, in plain numbers.

SQL makes the lines, for a long trace has more edges than a graph library should hold. A node is an account: one name,
in one currency where the tables have several.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import IO

from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.sql import quote

_NOT_IN_XML = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{fffe}\x{ffff}]"  # XML 1.0 cannot hold these
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
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
    _name_nodes(ledger, source)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for kind, keys in _KEYS.items():
            for name, of in keys.items():
                file.write(f'<key id="{kind}-{name}" for="{kind}" attr.name="{name}" attr.type="{of}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        _write_lines(ledger, _nodes_sql(ledger, source, target), file)
        _write_lines(ledger, _edges_sql(ledger), file)
        file.write("</graph>\n</graphml>\n")


def _name_nodes(ledger: Ledger, source: int) -> None:
    """Leave table `node`: account, currency, and as XML the account's name, the currency's code, the node's own id."""
    own = "label" if ledger.n_currencies == 1 else "label || ' [' || code || ']'"
    ledger.con.execute(f"""
        CREATE TABLE node AS SELECT *, {own} AS own FROM (
            SELECT account, currency, {_xml_sql("a.name")} AS label, {_xml_sql("c.code")} AS code
            FROM (SELECT account, currency FROM flow
                  UNION SELECT payer, currency FROM edge WHERE payer = {source})
            JOIN account a ON a.id = account JOIN currency c ON c.id = currency)""")


def _nodes_sql(ledger: Ledger, source: int, target: int | None) -> str:
    aim = -1 if target is None else target
    role = f"CASE account WHEN {source} THEN 'source' WHEN {aim} THEN 'target' ELSE 'account' END"
    amounts = {name: _money_sql(ledger, f"f.{name}") for name in ("received", "paid", "fees", "kept")}
    values = {"label": "label", "role": role, "currency": "code", "hops": "coalesce(f.hops, 0)", **amounts}
    return f"""
        SELECT '<node id="' || own || '">' || {_data_sql("node", values)} || '</node>'
        FROM node LEFT JOIN flow f USING (account, currency) ORDER BY f.hops NULLS FIRST, account, currency"""


def _edges_sql(ledger: Ledger) -> str:
    files = ", ".join(_xml_sql(quote(mapping.file)) for mapping in ledger.mappings)
    values = {
        "currency": "p.code", "traced": _money_sql(ledger, "e.traced"), "n": "e.n",
        "first": ledger.moment_sql("e.first"), "last": ledger.moment_sql("e.last"), "rows": "places",
    }  # fmt: skip
    return f"""
        SELECT '<edge source="' || p.own || '" target="' || q.own || '">' || {_data_sql("edge", values)} || '</edge>'
        FROM edge e JOIN (
            SELECT payer, payee, currency, string_agg([{files}][file + 1] || ':' || row, ' ' ORDER BY id) AS places
            FROM movement WHERE traced > 0 GROUP BY ALL) USING (payer, payee, currency)
        JOIN node p ON p.account = payer AND p.currency = e.currency
        JOIN node q ON q.account = payee AND q.currency = e.currency ORDER BY e.traced DESC, payer, payee"""


def _write_lines(ledger: Ledger, query: str, file: IO[str]) -> None:
    cursor = ledger.con.cursor()
    cursor.execute(query)
    while chunk := cursor.fetchmany(_CHUNK):
        file.writelines(f"{line}\n" for (line,) in chunk)


def _data_sql(kind: str, values: Mapping[str, str]) -> str:
    """SQL of data elements; one whose value is NULL is left out."""
    elements = (
        f"coalesce('<data key=\"{kind}-{name}\">' || ({value}) || '</data>', '')"
        for name, value in values.items()
    )
    return " || ".join(elements)


def _money_sql(ledger: Ledger, units: str) -> str:
    """SQL of an amount as a plain decimal; none here is negative."""
    one = 10**ledger.digits
    return f"({units} // {one}) || '.' || lpad(({units} % {one})::VARCHAR, {ledger.digits}, '0')"


def _xml_sql(text: str) -> str:
    """SQL of a text as XML."""
    for character, escape in _ESCAPES.items():
        text = f"replace({text}, chr({ord(character)}), {quote(escape)})"
    return f"regexp_replace({text}, {quote(_NOT_IN_XML)}, chr(65533), 'g')"
