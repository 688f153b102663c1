"""The inside of a `sql` check as a grammar: every name in it exists.

Lexical on purpose: words, operators, closed strings and balanced parentheses in any order, but every word is a
keyword, a type where one belongs, a function before its parenthesis, a loaded table or column, or an alias from
a stock that a query may introduce (`total`, `n_transfers`, `t1`, ...). A name in quotes is a loaded one or such
an alias. Semicolons and comments cannot be written. Order of clauses and types of values are the database's.
"""

import re
from collections.abc import Iterable, Sequence

from agent_runtime.types import TableSchema

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

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words and punctuation (operators, closed groups) in any order, but two words never touch. Each terminal
# takes the spaces before it along: a token as ` SELECT` then stays within one terminal, which makes its mask
# five times cheaper. Left recursion keeps the parser linear.
_RULES = r"""
{name}: sql_words | sql_punctuated
sql_words: sql_punctuated? sql_word | sql_words sql_next_word
sql_punctuated: {name}? (SQL_OPERATOR | SQL_OPEN sql_inside)
    | sql_punctuated? (SQL_CALL | SQL_EXTRACT SQL_UNIT) sql_inside
    | sql_words (SQL_NEXT_CALL | SQL_NEXT_EXTRACT SQL_UNIT) sql_inside
sql_inside: {name}? SQL_CLOSE
sql_word: SQL_WORD | SQL_TYPED SQL_STRING | SQL_INTERVAL sql_span | SQL_COLONS SQL_TYPE
sql_next_word: SQL_NEXT_WORD | SQL_NEXT_TYPED SQL_STRING | SQL_NEXT_INTERVAL sql_span | SQL_AS SQL_TYPE
    | SQL_COLONS SQL_TYPE
sql_span: SQL_STRING | (SQL_STRING | SQL_NUMBER) SQL_UNIT
"""
_SPACE = r"[ \t\n]{0,8}"
_SOME_SPACE = r"[ \t\n]{1,8}"
_NUMBER = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_STRING = "'([^']|'')*'"
_OPERATOR = r"<>|<=|>=|!=|==|\|\||->>|->|!~~|~~|\/\/|\*\*|[-+*\/%<>=,.&~^\[\]:]"


def sql_grammar(tables: Sequence[TableSchema], name: str = "sql_text") -> str:
    """The rule `name`: one query over `tables`."""
    names = sorted(
        {part for table in tables for part in (table.name, *(column for column, _ in table.columns))}
    )
    plain = _any(part for part in names if _PLAIN.fullmatch(part))
    quoted = _any(part.replace('"', '""') for part in names)
    affixes, aliases = _any(AFFIXES.split()), _any(ALIASES.split())
    keywords, units = _any(KEYWORDS.split()), _any(UNITS.split())
    spelled = f"{keywords}|{plain}|{aliases}|({affixes})_({plain})|({plain})_({affixes})"
    words = {
        "WORD": f'((?i:{spelled})|"({quoted})"|{_NUMBER}|{_STRING})',
        "CALL": rf"(?i:{_any(FUNCTIONS.split())})\(",
        "EXTRACT": r"(?i:extract)\(",
        "TYPED": f"(?i:{_any(TYPED.split())})",
        "INTERVAL": "(?i:interval)",
    }
    terminals = {
        **{f"SQL_{kind}": _SPACE + pattern for kind, pattern in words.items()},
        **{f"SQL_NEXT_{kind}": _SOME_SPACE + pattern for kind, pattern in words.items()},
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
    lines = [f"{terminal}: /{pattern}/" for terminal, pattern in terminals.items()]
    return "\n".join([_RULES.format(name=name).strip(), *lines])


def _any(words: Iterable[str]) -> str:
    """A pattern of any of `words`; one that matches nothing when there are none."""
    return "|".join(map(_escaped, sorted(set(words)))) or "[^\\x00-\\x{10ffff}]"


def _escaped(word: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else rf"\x{{{ord(char):x}}}" for char in word)
