"""How people ask about tables. The held-out wordings share no template with the training ones."""

from agent_runtime_training.tasks.wording import Wordings

WORDINGS: dict[str, Wordings] = {
    "count": Wordings(
        (
            "How many [rows|entries|records] of {table} [have|are there] [such that|where] {condition}?",
            "[Count|Give the number of] [the|] {table} [where|for which] {condition}.",
            "In how many [rows|cases] [holds:|is it true that] {condition}?",
        ),
        (
            "{condition}: on how many lines does this hold?",
            "Tally the lines of {table} satisfying: {condition}.",
        ),
    ),
    "aggregate": Wordings(
        (
            "What is the {aggregate} {number} [where|of rows where|among {table} where] {condition}?",
            "[Give|Find|Compute|State] the {aggregate} {number} of {table} [where|for which] {condition}.",
            "[Considering|Taking] only rows where {condition}, what is the {aggregate} {number}?",
        ),
        (
            "Narrow it down to lines with this property - {condition} - and report {number}, {aggregate}.",
            "As for {number}: I want the {aggregate} one, given that {condition}.",
        ),
    ),
    "distinct": Wordings(
        (
            "How many [different|distinct] [values of|] {category} [are there|appear|occur] in {table}?",
            "[Count|Give the number of] the [different|distinct] {category} values[ of {table}|].",
        ),
        (
            "Without repeats, {category} takes on how many values?",
            "How varied is {category}, that is, what number of separate entries does it show?",
        ),
    ),
    "lookup": Wordings(
        (
            "What is the {field} of {label}?",
            "[Give|Find|State|Look up] the {field} [for|of] {label}[ in {table}|].",
            "[Which|What] {field} does [the row with {labels}|] {label} have?",
        ),
        (
            "{label} - what does {table} say regarding {field}?",
            "Search {labels} for {label} and read off {field}.",
        ),
    ),
    "missing": Wordings(
        (
            "How many [rows|entries] [of {table}|] have no {number}?",
            "[Count|Give the number of] [rows|records] in which {number} is [missing|empty|null].",
        ),
        ("For what number of lines was {number} never filled in?", "{number} stays blank how often?"),
    ),
    "top_group": Wordings(
        (
            "[Which|What] {category} has the {extreme} {measure}?",
            "[Name|Find|Give] the {category} with the {extreme} {measure}[ in {table}|].",
            "By {category}, [where|for which] is the {measure} {extreme}?",
        ),
        (
            "Split {table} along {category}; whose {measure} comes out {extreme}?",
            "Ordering every {category} by {measure}, which stands at the {extreme} end?",
        ),
    ),
    "group_size": Wordings(
        (
            "How many [different|] {category} values [have|occur in] more than {limit} [rows|entries][ of {table}|]?",
            "[Count|Give the number of] {category} values with more than {limit} [rows|records].",
        ),
        (
            "Exceeding {limit} lines each: what number of {category} values manage that?",
            "Bucket {table} by {category}; how many buckets are bigger than {limit}?",
        ),
    ),
    "top_row": Wordings(
        (
            "[Which|What] {labels} has the {extreme} {number}?",
            "[Name|Find|Give] the {labels} with the {extreme} {number}[ in {table}|].",
        ),
        (
            "Whose {number} is {extreme} of all? State {labels}.",
            "Look down {number} for the {extreme} figure and tell me its {labels}.",
        ),
    ),
    "top_rows": Wordings(
        (
            "[Which|What are the] {k} {labels} values [have|with] the {extreme} {number}? [List them|Give them] [in order, |]separated by commas.",
            "[Name|List|Give] the {k} {labels} values with the {extreme} {number}, in order, [comma-separated|separated by commas].",
        ),
        (
            "Top {k} by {number} ({extreme} leading): write {labels} with commas.",
            "Sort {table} so that the {extreme} {number} leads; which {k} {labels} entries open the list? Commas between.",
        ),
    ),
    "difference": Wordings(
        (
            "By how much does the total {number} of {ahead} [exceed|surpass] that of {behind}[ ({category})|]?",
            "How much [more|higher] is the total {number} where {category} is {ahead} than where it is {behind}?",
            "[Give|Compute|Find] the difference in total {number} between {ahead} and {behind}[ ({category})|].",
        ),
        (
            "{ahead} beats {behind} on summed {number} by what margin?",
            "Set {category} {ahead} against {behind}: the gap in {number}, all lines added?",
        ),
    ),
    "percentage": Wordings(
        (
            "[What percentage|Which share, in percent,] of [the rows|{table}] [has|have] {condition}?",
            "In how many percent of [the rows|{table}] [holds:|is it true that] {condition}?",
        ),
        (
            "Out of a hundred lines, on average how many satisfy: {condition}?",
            "Express as % of {table}: lines with {condition}.",
        ),
    ),
    "joined": Wordings(
        (
            "What is the {aggregate} {number} in {facts} for {labels} values whose {category} in {table} is {value}?",
            "[Give|Find|Compute] the {aggregate} {number} ({facts}) over all rows whose {labels} has {category} {value} in {table}.",
        ),
        (
            "Match {facts} with {table} by {labels}; then, keeping {category} {value}, report {number}, {aggregate}.",
            "Take from {table} those with {category} {value}. Over their lines in {facts}, I want the {aggregate} {number}.",
        ),
    ),
}
