"""The words that a calculation may use. A name that is not here is refused before anything is evaluated."""

import re
from typing import NamedTuple


class Function(NamedTuple):
    """A function: its one canonical name and how many arguments it takes."""

    name: str
    min_args: int
    max_args: int


MANY = 50


def _functions() -> dict[str, Function]:
    table: dict[str, Function] = {}
    for names, min_args, max_args in _SIGNATURES:
        first, *aliases = names.split()
        for name in (first, *aliases):
            table[name] = Function(first, min_args, max_args)
    return table


# Names that two conventions read in two ways, and what to write for each.
AMBIGUOUS = {
    "std": "stdev (of a sample) or pstdev (of a whole population)",
    "var": "variance (of a sample) or pvariance (of a whole population)",
    **dict.fromkeys(("barrel", "barrels"), "oil_bbl (42 gallons of oil) or US gallons"),
    **dict.fromkeys(("hundredweight", "hundredweights", "cwt"), "pounds: 100 in the US, 112 in the UK"),
    **dict.fromkeys(("ton", "tons"), "tonne (1000 kg), short_ton (2000 lb) or long_ton (2240 lb)"),
}

_SIGNATURES = (
    # arithmetic
    ("abs", 1, 1),
    ("floor", 1, 1),
    ("ceil ceiling", 1, 1),
    ("round", 1, 2),
    ("trunc int", 1, 1),
    ("sign", 1, 1),
    ("min", 1, MANY),
    ("max", 1, MANY),
    ("gcd", 1, MANY),
    ("lcm", 1, MANY),
    ("mod", 2, 2),
    ("pow power powmod", 2, 3),
    ("rational fraction", 1, 2),
    ("factorial fact", 1, 1),
    ("binomial comb choose ncr", 2, 2),
    ("perm npr", 2, 2),
    ("sqrt", 1, 1),
    ("cbrt", 1, 1),
    ("root nroot", 2, 2),
    # lists
    ("sum summation add total", 1, MANY),
    ("product prod", 1, MANY),
    ("mean average avg", 1, MANY),
    ("median", 1, MANY),
    ("mode", 1, MANY),
    ("variance", 1, MANY),
    ("pvariance", 1, MANY),
    ("stdev", 1, MANY),
    ("pstdev", 1, MANY),
    ("len count", 1, MANY),
    ("percentile", 2, MANY),
    ("list tuple", 1, MANY),
    ("sorted sort", 1, MANY),
    ("range", 1, 3),
    ("divmod", 2, 2),
    # matrices and vectors
    ("det determinant", 1, 1),
    ("inv inverse", 1, 1),
    ("transpose", 1, 1),
    ("trace", 1, 1),
    ("matmul", 2, 2),
    ("dot", 2, 2),
    ("cross", 2, 2),
    ("matrix array", 1, 1),
    # other ways to write a whole number
    ("hex", 1, 1),
    ("bin", 1, 1),
    ("oct", 1, 1),
    ("to_base", 2, 2),
    ("roman", 1, 1),
    ("bitand", 2, 2),
    ("bitor", 2, 2),
    ("bitxor", 2, 2),
    # money
    ("npv", 2, MANY),
    ("irr", 1, MANY),
    ("compound", 3, 4),
    ("interest simple_interest", 3, 3),
    ("fv", 3, 4),
    ("pv", 3, 4),
    ("pmt", 3, 4),
    # elementary functions
    ("exp", 1, 1),
    ("ln", 1, 1),
    ("log", 1, 2),
    ("log10", 1, 1),
    ("log2", 1, 1),
    ("sin", 1, 1),
    ("cos", 1, 1),
    ("tan", 1, 1),
    ("cot", 1, 1),
    ("sec", 1, 1),
    ("csc", 1, 1),
    ("asin arcsin", 1, 1),
    ("acos arccos", 1, 1),
    ("atan arctan", 1, 1),
    ("atan2", 2, 2),
    ("sinh", 1, 1),
    ("cosh", 1, 1),
    ("tanh", 1, 1),
    ("asinh arcsinh", 1, 1),
    ("acosh arccosh", 1, 1),
    ("atanh arctanh", 1, 1),
    ("hypot", 2, 2),
    ("degrees deg", 1, 1),
    ("radians rad", 1, 1),
    ("gamma", 1, 1),
    ("erf", 1, 1),
    ("re real", 1, 1),
    ("im imag", 1, 1),
    ("conjugate", 1, 1),
    # whole numbers
    ("isprime is_prime", 1, 1),
    ("factorint", 1, 1),
    ("divisors", 1, 1),
    ("nextprime", 1, 1),
    ("prevprime", 1, 1),
    ("totient phi eulerphi", 1, 1),
    ("sigma", 1, 1),
    ("zeta", 1, 1),
    ("beta", 2, 2),
    ("fibonacci fib", 1, 1),
    # algebra and calculus
    ("n evalf float decimal", 1, 2),
    ("simplify", 1, 1),
    ("expand", 1, 1),
    ("factor", 1, 1),
    ("cancel", 1, 1),
    ("together", 1, 1),
    ("apart", 1, 2),
    ("eq equals equal", 2, 2),
    ("subs", 3, 3),
    ("solve", 1, MANY),
    ("diff derivative", 1, 3),
    ("integrate integral", 1, 4),
    ("limit lim", 2, 4),
    ("series taylor", 1, 4),
)

FUNCTIONS = _functions()

CONSTANTS = {
    "pi": "pi",
    "π": "pi",
    "e": "e",
    "E": "e",
    "I": "i",
    "oo": "infinity",
    "inf": "infinity",
    "infinity": "infinity",
    "∞": "infinity",
    "tau": "tau",
}

SCALES = {
    "dozen": 12,
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}

_GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma phi chi psi omega"
GREEK = frozenset(_GREEK.split())


def is_symbol(name: str) -> bool:
    """Whether a name is a variable: one letter, a Greek one, either with an index."""
    return name in GREEK or (len(name) == 1 and name.isalpha()) or (name[1:].lstrip("_").isdecimal())


# Words that mean an operation: never the label of what is counted.
_OPERATIONS = (
    "remainder rounded round quotient decimal decimals places digits factorial discount tax interest percent percents "
    "percentage increase increased increases decrease decreased decreases less more than greater reciprocal inverse "
    "negative squared cubed times doubled halved tripled power powers base root roots divided multiplied minus plus is "
    "equals equal what how many the and not then else with without from where while"
)
OPERATION_WORDS = frozenset(_OPERATIONS.split())

# Letters that stand for thousands behind an amount of money.
SCALE_LETTERS = {
    "k": 10**3,
    "K": 10**3,
    "m": 10**6,
    "M": 10**6,
    "mn": 10**6,
    "b": 10**9,
    "B": 10**9,
    "bn": 10**9,
}

MONEY = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
MONEY |= {"usd": "dollar", "eur": "euro", "gbp": "pound", "jpy": "yen"}

ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def read_roman(text: str) -> int:
    """The number that a Roman numeral stands for."""
    values = [_ROMAN_DIGITS[letter] for letter in text]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


# Names of operators, and how they are written inside.
OPERATOR_WORDS = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "over": "/",
    "per": "/",
    "of": "of",
    "off": "off",
    "mod": "%",
    "modulo": "%",
    "choose": "choose",
    "permute": "choose",
}
CONVERSION_WORDS = frozenset({"in", "to", "as", "into"})

ANGLES = {
    name: unit
    for unit, names in {
        "degree": "degree degrees deg °",
        "radian": "radian radians rad",
        "turn": "turn turns revolution revolutions",
    }.items()
    for name in names.split()
}

# What a unit may be called, by its name in pint. One-letter names count as units only beside a longer one.
_UNITS = {
    "meter": "m meter meters metre metres",
    "kilometer": "km kilometer kilometers kilometre kilometres",
    "centimeter": "cm centimeter centimeters centimetre centimetres",
    "millimeter": "mm millimeter millimeters millimetre millimetres",
    "micrometer": "um micrometer micrometers micron microns",
    "nanometer": "nm nanometer nanometers",
    "inch": "in inch inches",
    "foot": "ft foot feet",
    "yard": "yd yard yards",
    "mile": "mi mile miles",
    "nautical_mile": "nmi",
    "gram": "g gram grams",
    "kilogram": "kg kilogram kilograms kilo kilos",
    "milligram": "mg milligram milligrams",
    "metric_ton": "tonne tonnes t",
    "ton": "short_ton short_tons",
    "long_ton": "long_ton long_tons",
    "pound": "lb lbs pound pounds",
    "ounce": "oz ounce ounces",
    "stone": "stone stones",
    "second": "s sec secs second seconds",
    "millisecond": "ms millisecond milliseconds",
    "minute": "min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "d day days",
    "week": "week weeks",
    "month": "month months",
    "year": "yr yrs year years",
    "liter": "l L liter liters litre litres",
    "milliliter": "ml mL milliliter milliliters millilitre millilitres",
    "fluid_ounce": "floz fluid_ounce fluid_ounces",
    "light_year": "ly light_year light_years lightyear lightyears",
    "oil_barrel": "oil_bbl",
    "gallon": "gal gallon gallons",
    "quart": "qt quart quarts",
    "pint": "pint pints",
    "cup": "cup cups",
    "tablespoon": "tbsp tablespoon tablespoons",
    "teaspoon": "tsp teaspoon teaspoons",
    "hectare": "ha hectare hectares",
    "acre": "acre acres",
    "degree_Celsius": "degC °C celsius Celsius C",
    "degree_Fahrenheit": "degF °F fahrenheit Fahrenheit F",
    "kelvin": "K kelvin kelvins",
    "joule": "J joule joules",
    "kilojoule": "kJ kilojoule kilojoules",
    "calorie": "cal calorie calories",
    "british_thermal_unit": "BTU Btu btu",
    "ampere_hour": "Ah",
    "milliampere_hour": "mAh",
    "kilocalorie": "kcal kilocalorie kilocalories",
    "watt": "W watt watts",
    "kilowatt": "kW kilowatt kilowatts",
    "megawatt": "MW megawatt megawatts",
    "watt_hour": "Wh",
    "kilowatt_hour": "kWh",
    "horsepower": "hp horsepower",
    "newton": "N newton newtons",
    "pascal": "Pa pascal pascals",
    "kilopascal": "kPa kilopascal",
    "bar": "bar bars",
    "standard_atmosphere": "atm atmosphere atmospheres",
    "psi": "psi",
    "volt": "V volt volts",
    "ampere": "A amp amps ampere amperes",
    "ohm": "ohm ohms",
    "hertz": "Hz hertz",
    "kilohertz": "kHz",
    "megahertz": "MHz",
    "gigahertz": "GHz",
    "mile_per_hour": "mph",
    "kilometer_per_hour": "kph kmh",
    "knot": "knot knots",
    "bit": "bit bits",
    "byte": "B byte bytes",
    "kilobyte": "kB KB kilobyte kilobytes",
    "megabyte": "MB megabyte megabytes",
    "gigabyte": "GB gigabyte gigabytes",
    "terabyte": "TB terabyte terabytes",
    "kibibyte": "KiB",
    "mebibyte": "MiB",
    "gibibyte": "GiB",
}
UNITS = {name: unit for unit, names in _UNITS.items() for name in names.split()}
UNITS |= {name.capitalize(): unit for name, unit in UNITS.items() if len(name) > 3}
