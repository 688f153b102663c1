"""Names, accounts, amounts and dates in the forms that people and banks write them in."""

import random
from datetime import date, timedelta


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Aster Birch Cedar Delta Elm Falcon Garnet Heron Iris Juniper Kestrel Linden Maple Nova Onyx Pearl Quarry "
    "Rowan Saffron Topaz Umber Violet Willow Xenon Yew Zinc Alpine Baltic Coastal Danube Eastern Fjord Grand "
    "Harbour Inland Jutland Keystone Lakeside Meridian Northern Oakwood Pacific Quantum Riverside Southgate "
    "Tidal Upland Valley Westbrook Yorkdale Zenith Ambrose Blackwood Caldwell Dunmore Everett Fairfax Gresham"
)
_SECOND = _words(
    "Trading Logistics Foods Textiles Holdings Capital Motors Timber Shipping Media Energy Chemicals Tools Farms "
    "Metals Pharma Design Software Travel Paper Glass Machinery Consulting Optics Ceramics Seeds Freight Partners"
)
_LEGAL = (
    "Ltd",
    "LLC",
    "GmbH",
    "Inc",
    "SA",
    "BV",
    "AG",
    "Oy",
    "S.p.A.",
    "Pty Ltd",
    "& Sons",
    "& Co",
    "",
    "",
    "",
)
_GIVEN = _words(
    "Amara Bruno Chiara Dmitri Elif Farah Goran Hana Ivo Jana Kofi Leila Marek Nadia Omar Priya Quentin Rosa "
    "Sven Tara Uma Viktor Wanda Ximena Yusuf Zoe Aaron Beth Carlos Dina Erik Fiona Gavin Helga Igor Joyce"
)
_FAMILY = _words(
    "Abara Berg Costa Dvorak Eriksen Fontaine Gupta Haddad Ito Jensen Kovac Larsen Moreau Nowak O'Brien Petrov "
    "Quiroga Rossi Schmidt Tanaka Urban Varga Weber Xu Yilmaz Ziegler D'Angelo Müller Núñez O'Neill Lindqvist"
)
PLACES = _words(
    "Oslo Lisbon Prague Nairobi Lima Osaka Quito Tallinn Accra Hanoi Bergen Porto Gdansk Riga Turin Malmo Cork "
    "Leeds Lyon Graz Basel Ghent Split Varna Izmir Haifa Tunis Dakar Cebu Pune"
)

EPOCH = date(2021, 1, 4)


def company(rng: random.Random) -> str:
    """A company, often with a legal form, now and then with an apostrophe or an ampersand."""
    if rng.random() < 0.08:
        return f"{rng.choice(_FAMILY)} {rng.choice(_SECOND)} {rng.choice(_LEGAL)}".strip()
    return f"{rng.choice(_FIRST)} {rng.choice(_SECOND)} {rng.choice(_LEGAL)}".strip()


def person(rng: random.Random) -> str:
    """A person, by full name or by initial."""
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    return rng.choice(
        (f"{given} {family}", f"{given} {family}", f"{given[0]}. {family}", f"{family}, {given}")
    )


def given_name(rng: random.Random) -> str:
    return rng.choice(_GIVEN)


def account(rng: random.Random) -> str:
    """An account number in one of many banks' forms."""
    n = rng.randrange(10**8)
    forms = (
        f"AC-{n % 10**5:05d}",
        f"{n % 10**6:06d}",
        f"{rng.choice(('DE', 'FR', 'NL', 'PL'))}{n % 100:02d} {n // 100 % 10**4:04d} {n // 7 % 10**4:04d}",
        f"acct{n % 10**4}",
        f"{n % 900 + 10}/{n // 900 % 10**5:05d}",
        f"{n:08X}",
        f"K{n % 10**4:04d}-{n // 10**4 % 100:02d}",
    )
    return rng.choice(forms)


def parties(rng: random.Random, n: int) -> list[str]:
    """`n` different parties of a ledger; no name is a part of another one."""
    makers = rng.choice(((company,), (company, company, person), (account,), (person,), (company, account)))
    found: list[str] = []
    while len(found) < n:
        name = rng.choice(makers)(rng)
        if not any(name in other or other in name for other in found):
            found.append(name)
    return found


def amount(rng: random.Random, low: float = 100, high: float = 400_000) -> float:
    """An amount of money: round, to the cent, or in between; small ones as likely as big ones."""
    value = low * (high / low) ** rng.random()
    return rng.choice((round(value, 2), float(round(value)), float(round(value, -2)) or low))


def day(rng: random.Random, first: date = EPOCH, n_days: int = 1400) -> date:
    """A day within `n_days` of `first`."""
    return first + timedelta(days=rng.randrange(n_days))


def spoken_amount(value: float, rng: random.Random) -> str:
    """An amount as a question writes it: 9000, 9,000, 9 000, 9000.00 or 9k."""
    plain = f"{value:.2f}".rstrip("0").rstrip(".")
    forms = [plain, plain, f"{value:,.2f}".removesuffix(".00")]
    if value >= 1000 and value % 100 == 0:
        forms.append(f"{value / 1000:g}k")
    if value == int(value):
        forms.append(f"{int(value):,}".replace(",", " "))
    return rng.choice(forms)


def spoken_day(value: date, rng: random.Random) -> str:
    """A day as a question writes it."""
    return rng.choice(
        (
            value.isoformat(),
            value.isoformat(),
            f"{value.day} {value:%B} {value.year}",
            f"{value:%B} {value.day}, {value.year}",
            f"{value.day} {value:%b} {value.year}",
        )
    )
