"""A query as a grammar in which every name exists, for small weights that choose their words from it.

Lexical on purpose: words, operators, closed strings and balanced parentheses in any order, but every word is a
keyword, a type where one belongs, a function before its parenthesis, a loaded table or column, or an alias from
a stock that a query may introduce (`total`, `n_transfers`, `t1`, ...). A name in quotes is a loaded one or such
an alias. Semicolons and comments cannot be written. Order of clauses and types of values are the database's.

Table functions follow FROM, JOIN or LATERAL, and the names of their parameters stand nowhere but in their own
parentheses. So where the database has them, a query over the tables themselves has no word more to go wrong with.
"""

import re
from collections.abc import Iterable, Sequence

from agent_runtime.types import TableFunction, TableSchema

KEYWORDS = """
    select distinct all from where group by having order asc desc nulls first last limit offset as on using
    join inner left right full outer cross natural lateral semi anti asof union intersect except with recursive
    materialized and or not in is null like ilike glob similar to escape between exists any some case when then
    else end true false over partition rows range groups unbounded preceding following current row exclude
    ties window filter qualify within values rollup cube grouping sets isnull notnull collate
    interval lambda for
"""
TYPES = """
    bigint blob bool boolean date datetime decimal double precision float hugeint int integer interval json
    numeric real smallint text time timestamp timestamptz tinyint ubigint uinteger uuid varchar string char
"""
FUNCTIONS = """
    abs acos age any_value approx_count_distinct approx_quantile arg_max arg_min array_agg array_length ascii
    asin atan atan2 avg bit_and bit_or bool_and bool_or cast cbrt ceil ceiling century chr coalesce concat
    concat_ws contains corr cos cot count count_if covar_pop covar_samp cume_dist current_date date date_add
    date_diff date_part date_sub date_trunc datediff datepart datetrunc day dayname dayofmonth dayofweek
    dayofyear degrees dense_rank ends_with entropy epoch epoch_ms even exp extract factorial filter first
    first_value floor format gcd generate_series greatest grouping group_concat hash histogram hour if ifnull
    instr isfinite isinf isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity julian kurtosis
    lag last last_day last_value lcase lcm lead least left len length levenshtein like_escape list
    list_aggregate list_any_value list_append list_apply list_avg list_concat list_contains list_count
    list_distinct list_element list_extract list_filter list_has list_max list_min list_position list_prepend
    list_reduce list_reverse list_slice list_sort list_sum list_transform list_unique list_value listagg ln
    log log10 log2 lower lpad ltrim mad make_date make_timestamp max max_by md5 mean median microsecond
    millisecond min min_by minute mod mode month monthname nth_value ntile now nullif percent_rank
    percentile_cont percentile_disc pi position pow power prefix product quantile quantile_cont quantile_disc
    quarter radians random range rank regexp_extract regexp_extract_all regexp_full_match regexp_matches
    regexp_replace regexp_split_to_array regr_slope regr_intercept regr_r2 repeat replace reverse right round
    row row_number rpad rtrim second sign sin skewness split split_part sqrt starts_with stddev stddev_pop
    stddev_samp strftime string_agg string_split strip_accents strlen strpos strptime struct_pack substr
    substring suffix sum tan to_days to_hours to_minutes to_months to_years today trim trunc try_cast
    try_strptime ucase unnest upper variance var_pop var_samp week weekday weekofyear width_bucket xor year
    yearweek
"""
UNITS = "year quarter month week day hour minute second epoch dow doy isodow century decade"
# Words of aliases. None is a likely column of a table: an alias must not let an invented column through.
ALIASES = """
    total totals subtotal sum n num cnt v avg mean med mn mx lo hi pct share ratio frac diff delta net gross
    inflow inflows outflow outflows incoming outgoing kept passed moved combined overall cumulative running
    cte base sub src_rows ranked ranks rn rnk hop hops depth lvl path paths trail visited walk chain edges
    per_day per_month grouped filtered joined agg stats cand candidates hits matches calc tmp result results
    a b c d e f g h i j k l m o p q r s t u w x y z t1 t2 t3 t4 a1 a2 b1 b2 x1 x2 y1 y2 p1 p2 c1 c2
"""
# What may be put before or after a loaded name to make an alias: `total_amount`, `amount_sum`, `n_transfers`.
AFFIXES = (
    "total sum n num cnt count avg mean med min max first last prev next net share pct ratio running cum"
)

TYPED = "date time timestamp timestamptz"  # DATE '2024-03-01'
BEFORE_FUNCTION = "from join lateral"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words and punctuation (operators, closed groups) in any order, but two words never touch. Each terminal
# takes the spaces before it along: a token as ` SELECT` then stays within one terminal, which makes its mask
# five times cheaper. Left recursion keeps the parser linear.
_RULES = r"""
{of}_text: {of}_words | {of}_punctuated
{of}_words: {of}_punctuated? {of}_word | {of}_words {of}_next_word
{of}_punctuated: {of}_text? (SQL_OPERATOR | SQL_OPEN {of}_inside)
    | {of}_punctuated? (SQL_CALL | SQL_EXTRACT SQL_UNIT) {of}_inside
    | {of}_words (SQL_NEXT_CALL | SQL_NEXT_EXTRACT SQL_UNIT) {of}_inside{calls}
{of}_inside: {of}_text? SQL_CLOSE
{of}_word: {WORD}_WORD | SQL_TYPED SQL_STRING | SQL_INTERVAL sql_span | SQL_COLONS SQL_TYPE
{of}_next_word: {WORD}_NEXT_WORD | SQL_NEXT_TYPED SQL_STRING | SQL_NEXT_INTERVAL sql_span | SQL_AS SQL_TYPE
    | SQL_COLONS SQL_TYPE
"""
_SPAN = "sql_span: SQL_STRING | (SQL_STRING | SQL_NUMBER) SQL_UNIT"
_CALLS = r"""
    | ({of}_punctuated? SQL_FROM | {of}_words SQL_NEXT_FROM) SQL_FUNCTION {of}_arguments
{of}_arguments: {of}_text? (SQL_PARAMETER {of}_text)* SQL_CLOSE"""
_SPACE = r"[ \t\n]{0,8}"
_SOME_SPACE = r"[ \t\n]{1,8}"
_NUMBER = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_STRING = "'([^']|'')*'"
_OPERATOR = r"<>|<=|>=|!=|==|\|\||->>|->|!~~|~~|\/\/|\*\*|[-+*\/%<>=,.&~^\[\]:]"


def closed_sql_grammar(tables: Sequence[TableSchema], functions: Sequence[TableFunction] = ()) -> str:
    """Rules for llguidance whose `start` is one query over `tables`, which may call `functions`.

    What a function returns can be named in a query over functions alone: in one that reads a loaded table, only the
    columns that are loaded can.
    """
    names = {part for table in tables for part in (table.name, *(column for column, _ in table.columns))}
    results = {column for function in functions for column in function.columns}
    terminals = _terminals() | _words("SQL", names)
    if functions:
        terminals |= _calls(functions)
    if results:
        terminals |= _words("DERIVED", results)
        rules = ["sql_text: query_text | derived_text"]
        rules += [_rules("query", "SQL", _CALLS), _rules("derived", "DERIVED", _CALLS)]
    else:
        rules = [_rules("sql", "SQL", _CALLS if functions else "")]
    return "\n".join(
        ["start: sql_text", *rules, _SPAN, *(f"{name}: /{pattern}/" for name, pattern in terminals.items())]
    )


def _rules(of: str, word: str, calls: str) -> str:
    return _RULES.format(of=of, WORD=word, calls=calls.format(of=of)).strip()


def _words(kind: str, names: Iterable[str]) -> dict[str, str]:
    """The terminals of a word that may be one of `names`, at the start and after another word."""
    names = sorted(names)
    plain = _any(name for name in names if _PLAIN.fullmatch(name))
    quoted = _any(name.replace('"', '""') for name in names)
    affixes, aliases, keywords = (_any(words.split()) for words in (AFFIXES, ALIASES, KEYWORDS))
    spelled = f"{keywords}|{plain}|{aliases}|({affixes})_({plain})|({plain})_({affixes})"
    return _spaced(f"{kind}_", "WORD", f'((?i:{spelled})|"({quoted})"|{_NUMBER}|{_STRING})')


def _terminals() -> dict[str, str]:
    """The terminals that are the same for all tables."""
    units = _any(UNITS.split())
    return {
        **_spaced("SQL_", "CALL", rf"(?i:{_any(FUNCTIONS.split())})\("),
        **_spaced("SQL_", "EXTRACT", r"(?i:extract)\("),
        **_spaced("SQL_", "TYPED", f"(?i:{_any(TYPED.split())})"),
        **_spaced("SQL_", "INTERVAL", "(?i:interval)"),
        "SQL_AS": f"{_SOME_SPACE}(?i:as)",
        "SQL_TYPE": f"{_SPACE}(?i:{_any(TYPES.split())})",
        "SQL_UNIT": f"{_SPACE}(?i:({units})s?)",
        "SQL_NUMBER": _SPACE + _NUMBER,
        "SQL_STRING": _SPACE + _STRING,
        "SQL_OPERATOR": f"{_SPACE}({_OPERATOR})",
        "SQL_COLONS": f"{_SPACE}::",
        "SQL_OPEN": rf"{_SPACE}\(",
        "SQL_CLOSE": rf"{_SPACE}\)",
    }


def _calls(functions: Sequence[TableFunction]) -> dict[str, str]:
    """The terminals of a call: what it follows, its name with the parenthesis, `parameter :=`."""
    called = _any(function.name for function in functions)
    parameters = _any(parameter for function in functions for parameter in function.parameters)
    return {
        **_spaced("SQL_", "FROM", f"(?i:{_any(BEFORE_FUNCTION.split())})"),
        "SQL_FUNCTION": rf"{_SOME_SPACE}(?i:{called})\(",
        "SQL_PARAMETER": f"{_SPACE}(?i:{parameters}){_SPACE}:=",
    }


def _spaced(prefix: str, kind: str, pattern: str) -> dict[str, str]:
    """A terminal as it may begin a query or follow punctuation, and as it follows a word."""
    return {f"{prefix}{kind}": _SPACE + pattern, f"{prefix}NEXT_{kind}": _SOME_SPACE + pattern}


def _any(words: Iterable[str]) -> str:
    """A pattern of any of `words`; one that matches nothing when there are none."""
    return "|".join(map(_escaped, sorted(set(words)))) or "[^\\x00-\\x{10ffff}]"


def _escaped(word: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else rf"\x{{{ord(char):x}}}" for char in word)
