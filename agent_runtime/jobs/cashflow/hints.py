"""The words by which banks name their columns, by role. Only hints: content decides, and a user's word beats both.

English, German, French, Spanish and the names that data sets for research use. A header is compared word by word
(`From_Account No.` is from, account, no), so a new bank seldom needs a new entry.
"""

import re

PAYER = frozenset(
    [
        "from",
        "payer",
        "sender",
        "source",
        "src",
        "debtor",
        "originator",
        "orig",
        "remitter",
        "ordering",
        "originating",
        "nameorig",
        "drawer",
        "donor",
        "auftraggeber",
        "zahler",
        "absender",
        "schuldner",
        "payeur",
        "emetteur",
        "débiteur",
        "debiteur",
        "ordenante",
        "pagador",
        "remitente",
    ]
)
PAYEE = frozenset(
    [
        "to",
        "payee",
        "receiver",
        "recipient",
        "target",
        "tgt",
        "dst",
        "dest",
        "destination",
        "creditor",
        "beneficiary",
        "beneficiario",
        "namedest",
        "receiving",
        "empfänger",
        "empfaenger",
        "zahlungsempfänger",
        "begünstigter",
        "gläubiger",
        "bénéficiaire",
        "beneficiaire",
        "destinataire",
        "créancier",
        "destinatario",
    ]
)
COUNTERPARTY = frozenset(
    [
        "counterparty",
        "counterpart",
        "other",
        "party",
        "partner",
        "contraparte",
        "contrepartie",
        "gegenkonto",
        "gegenpartei",
        "beguenstigter",
        "zahlungsbeteiligter",
        "payee/payer",
        "name",
    ]
)
OWN_ACCOUNT = frozenset(
    [
        "account",
        "acct",
        "konto",
        "kontonummer",
        "auftragskonto",
        "compte",
        "cuenta",
        "iban",
        "own",
        "holder",
        "kontoinhaber",
    ]
)
AMOUNT = frozenset(
    [
        "amount",
        "amt",
        "sum",
        "value",
        "total",
        "usd",
        "eur",
        "gbp",
        "chf",
        "jpy",
        "betrag",
        "umsatz",
        "summe",
        "montant",
        "importe",
        "monto",
        "valor",
        "quantity",
        "paid",
        "transferred",
    ]
)
MONEY_IN = frozenset(
    [
        "credit",
        "in",
        "deposit",
        "deposits",
        "received",
        "haben",
        "gutschrift",
        "crédit",
        "abono",
        "ingreso",
        "einzahlung",
        "entrée",
    ]
)
MONEY_OUT = frozenset(
    [
        "debit",
        "out",
        "withdrawal",
        "withdrawals",
        "soll",
        "lastschrift",
        "débit",
        "cargo",
        "retiro",
        "auszahlung",
        "sortie",
        "spent",
    ]
)
FEE = frozenset(
    [
        "fee",
        "fees",
        "charge",
        "charges",
        "commission",
        "gebühr",
        "gebuehr",
        "entgelt",
        "frais",
        "comisión",
        "comision",
    ]
)
TIME = frozenset(
    [
        "date",
        "day",
        "time",
        "timestamp",
        "ts",
        "datetime",
        "booked",
        "posted",
        "posting",
        "booking",
        "executed",
        "when",
        "step",
        "period",
        "datum",
        "buchungstag",
        "buchung",
        "buchungsdatum",
        "fecha",
        "jour",
        "moment",
        "transaction",
        "tag",
    ]
)
VALUE_DATE = frozenset(["value", "valuta", "wertstellung", "valeur", "valor"])
STEP = frozenset(["step", "day", "period", "t", "tick", "round", "week", "hour"])
CURRENCY = frozenset(["currency", "ccy", "cur", "währung", "waehrung", "devise", "moneda"])
REFERENCE = frozenset(
    [
        "reference",
        "ref",
        "memo",
        "note",
        "notes",
        "purpose",
        "description",
        "details",
        "narrative",
        "text",
        "remark",
        "verwendungszweck",
        "buchungstext",
        "motif",
        "libellé",
        "libelle",
        "concepto",
        "communication",
    ]
)
BALANCE = frozenset(
    [
        "balance",
        "saldo",
        "solde",
        "running",
        "kontostand",
        "oldbalanceorg",
        "newbalanceorig",
        "oldbalancedest",
        "newbalancedest",
    ]
)
IDENTITY = frozenset(
    ["id", "no", "nr", "number", "num", "tx", "txid", "transaction", "key", "row", "index", "seq"]
)

# Which of several columns about the same party names it best: `From Account` before `From Bank`.
_PARTY_WORDS = {
    "company": 3,
    "name": 3,
    "party": 3,
    "account": 2,
    "acct": 2,
    "iban": 2,
    "id": 1,
    "bank": -2,
    "bic": -2,
}
_PARTY_WORDS |= {
    "country": -3,
    "currency": -5,
    "balance": -5,
    "amount": -5,
    "address": -3,
    "city": -3,
    "type": -3,
}


def words(header: str) -> frozenset[str]:
    """A header in lower-case words: `fromAccount_No.` is from, account, no."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return frozenset(word for word in re.split(r"[^\w/]+|_", spaced.lower()) if word)


def party_rank(header: str) -> int:
    """How well a column names a party, the higher the better."""
    return sum(_PARTY_WORDS.get(word, 0) for word in words(header))
