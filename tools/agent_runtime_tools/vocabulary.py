"""The words that a calculation may use. A name that is not here is refused before anything is evaluated."""

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
    ("totient", 1, 1),
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

# Names of operators, and how they are written inside.
OPERATOR_WORDS = {"plus": "+", "minus": "-", "times": "*", "over": "/", "of": "of", "off": "off", "mod": "%"}
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
