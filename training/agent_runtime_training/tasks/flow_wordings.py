"""How people ask about money flows. The held-out wordings share no template with the training ones."""

from agent_runtime_training.tasks.wording import Wordings

WORDINGS: dict[str, Wordings] = {
    "paid": Wordings(
        (
            "[What is the total outflow of|How much money left|What did the payments made by] {payer} [add up to|in all]?",
            "How much [has|did] {payer} [paid|pay|sent|send] [in total|altogether|overall]?",
            "[Sum|Add up|Total] [all|the] [payments|transfers] [made by|from|sent by] {payer}.",
            "[Give|State|Tell me] the [overall|total] amount [paid|sent] by {payer}.",
        ),
        (
            "[Taken together|All told], what sum went out from {payer}?",
            "I need the [grand|combined] figure for everything {payer} disbursed.",
        ),
    ),
    "received": Wordings(
        (
            "[What is the total inflow of|How much money came in to] {payee}?",
            "How much [has|did] {payee} [received|receive|got|get] [in total|altogether|overall]?",
            "[Sum|Add up|Total] [all|the] [payments|transfers] [made to|to|received by] {payee}.",
            "[Give|State|Tell me] the [overall|total] amount [received by|paid to] {payee}.",
        ),
        (
            "[Taken together|All told], what sum landed with {payee}?",
            "I need the [grand|combined] figure for everything credited in favour of {payee}.",
        ),
    ),
    "between": Wordings(
        (
            "[Total paid|What was paid in total] by {payer} to {payee}?",
            "How much [did|has] {payer} [send|transfer|pay] to {payee} [in total|altogether|]?",
            "[Sum|Add up] the transfers from {payer} to {payee}.",
            "[Give|State] the total that [went|flowed] from {payer} to {payee}.",
        ),
        (
            "Looking only at {payer} as the giver and {payee} as the taker, what do the sums come to?",
            "Between {payer} and {payee}, in that direction, how big is the combined flow?",
        ),
    ),
    "period": Wordings(
        (
            "How much did {payer} [pay|send|transfer] {period}?",
            "[Total|Sum of the] [payments|transfers] [by|from] {payer} {period}?",
            "[Give|State] what {payer} [paid|sent] [in total|altogether|] {period}.",
        ),
        (
            "Restrict yourself to payments {period}: what did {payer} spend?",
            "What sum went out from {payer} {period}, all rows combined?",
        ),
    ),
    "net": Wordings(
        (
            "How much did {party} keep: inflow minus outflow?",
            "[What is the net flow of|What is the balance of flows for] {party} ([received|in] minus [paid|out])?",
            "[Compute|Work out] [money in minus money out|receipts less payments] for {party}.",
        ),
        (
            "If one takes what {party} spent away from what {party} got, what remains?",
            "Did more come to {party} than went away? State the difference, negative if less came.",
        ),
    ),
    "share": Wordings(
        (
            "[What|Which] [share|percentage] of the money [paid|sent] by {payer} went to {payee}[, in percent|]?",
            "How many percent of {payer}'s [payments|outflows] (by amount) [did {payee} get|went to {payee}]?",
        ),
        (
            "Out of every hundred that {payer} spent, how much ended with {payee}?",
            "By value, {payee} took what proportion (%) of {payer}'s spending?",
        ),
    ),
    "fee": Wordings(
        (
            "{middle} received money from {first} and [passed|sent] it on to {last}. What [share|percentage] of it[, in percent,|] did {middle} keep?",
            "{first} pays {last} through {middle}. How many percent [stay|stayed] with {middle}?",
            "[What commission|Which fee] in percent did {middle} [take|keep] on the money it [passed|handed] on from {first} to {last}?",
        ),
        (
            "Acting as go-between for {first} and {last}, {middle} skimmed off what percentage?",
            "Of the funds that {first} routed via {middle} towards {last}, how large a cut (in %) was retained?",
        ),
    ),
    "top_payer": Wordings(
        (
            "[Who|Which party|Which account] [paid|sent] the most [money|in total]?",
            "[Name|Find] the [party|account|payer] with the [largest|highest|biggest] total [outflow|payments].",
        ),
        (
            "Whose spending, summed over all rows, tops the list?",
            "Rank everyone by money given away; who comes first?",
        ),
    ),
    "top_payee": Wordings(
        (
            "[Who|Which party|Which account] [received|got] the most [money|in total]?",
            "[Name|Find] the [party|account|recipient] with the [largest|highest|biggest] total [inflow|receipts].",
        ),
        (
            "Whose takings, summed over all rows, top the list?",
            "Rank everyone by money taken in; who comes first?",
        ),
    ),
    "busiest_payer": Wordings(
        (
            "[Who|Which party|Which account] made the [most|largest number of|highest number of] [payments|transfers]?",
            "[Name|Find] the [payer|sender] with the [most|highest number of] [rows|transfers|payments].",
        ),
        (
            "Counting rows and not sums, whose name stands most often on the giving side?",
            "Who was busiest at sending?",
        ),
    ),
    "fan_out": Wordings(
        (
            "[Who|Which party|Which account] [paid|sent money to] the [most|largest number of|highest number of] [different|distinct] [parties|recipients]?",
            "[Name|Find] the [party|account] that spreads money over the most [different|distinct] recipients.",
        ),
        (
            "Who scatters funds to the widest circle of takers?",
            "Judging by how many separate takers each one has, which giver leads?",
        ),
    ),
    "fan_in": Wordings(
        (
            "[Who|Which party|Which account] [got paid by|collects from] the [most|largest number of] [different|distinct] [parties|payers]?",
            "[Name|Find] the [party|account] that collects money from the most [different|distinct] payers.",
        ),
        (
            "Who gathers funds from the widest circle of givers?",
            "Judging by how many separate givers each one has, which taker leads?",
        ),
    ),
    "structuring": Wordings(
        (
            "[Who|Which account] looks like structuring: [the most|most] payments from {low} to just under {limit}?",
            "[Payments|Transfers] of {limit} or more are reported. [Who|Which party] made the most payments between {low} and {limit} (below {limit})?",
            "[Find|Name] the payer with the [largest|highest] number of [payments|transfers] of at least {low} but less than {limit}.",
        ),
        (
            "Somebody keeps slicing sums so that each lies in the band {low} <= x < {limit}. Whose name occurs most there?",
            "The threshold is {limit}. Who stays beneath it most often, counting only amounts no smaller than {low}?",
        ),
    ),
    "pass_through": Wordings(
        (
            "[Which account|Who] [passes|hands|sends] on nearly all [the money|] it receives (total out closest to total in)?",
            "[Find|Name] the pass-through account: the [relative|] gap between money in and money out is smallest [relative to money in|compared with money in].",
        ),
        (
            "Which one is a mere conduit, what it takes being almost what it gives, measured against its takings?",
            "Whose takings and spendings match best, as a fraction of the takings?",
        ),
    ),
    "count_above": Wordings(
        (
            "How many [payments|transfers] [by|from] {payer} [are|were] [above|over|larger than|greater than] {amount}?",
            "[Count|Give the number of] {payer}'s [payments|transfers] of more than {amount}.",
        ),
        (
            "On how many occasions did {payer} exceed {amount} in a single payment?",
            "{payer} spent over {amount} at one go how many times?",
        ),
    ),
    "first_day": Wordings(
        (
            "[When|On which day] did {payer} [pay|send money to] {payee} for the {which} time?",
            "[Give|State|What is] the date of the {which} [payment|transfer] from {payer} to {payee}[.|?]",
        ),
        (
            "{payer} and {payee}: which calendar day saw the {which} one of their dealings in that direction?",
            "Tell the day of {payer}'s {which} remittance in favour of {payee}.",
        ),
    ),
    "go_betweens": Wordings(
        (
            "[Which parties|Who] both received money from {first} and paid [money to|] {last}? [List them|Give the names], separated by commas[, in alphabetical order|].",
            "[List|Name] [every party|all parties] that [got|took] money from {first} and [sent|paid] money to {last}, [comma-separated|separated by commas].",
        ),
        (
            "Whose hands could link {first} with {last} in exactly two hops? Write all of them with commas.",
            "Name everybody standing right between {first} (giver) and {last} (taker); commas between names.",
        ),
    ),
    "path": Wordings(
        (
            "[How did|By which path did] money [get|move|flow] from {first} to {last}?",
            "Through which [parties|accounts|hands] did money [move|go] from {first} to {last}? [Give|State] the [whole|full] path.",
            "[Trace|Follow|Find] the [path|way|route] of the money from {first} to {last}.",
        ),
        (
            "Reconstruct every hop that links {first} at the start with {last} at the end.",
            "{last} ended up with funds that once were {first}'s. Spell out the stations.",
        ),
    ),
    "largest_path": Wordings(
        (
            "[Follow|Trace] the [money|cash flow] out of {first}, [taking the largest outflow at each hop|always along the largest total], [until it stops|to the end]. [Give|State] the path.",
            "Starting at {first}, where does the money [go|end up] if you follow the largest total outflow at every hop? Give the path.",
        ),
        (
            "From {first} onward, keep to the thickest stream at each fork until it dries up; list the stations.",
            "Write the route begun at {first} when only the heaviest onward sum counts each time.",
        ),
    ),
    "round_trip": Wordings(
        (
            "[Does|Did] money [from|sent by] {first} [come|flow] back to {first}? If [yes|so], [give|state] the path.",
            "[Check whether|Is] {first} [is|] part of a [round trip|circular flow|loop][.|?] [Give|State] the path if so.",
        ),
        (
            "Do funds leaving {first} ever find their way home? Spell out the circle, or say no.",
            "Is there a closed circuit beginning and ending with {first}? Stations if yes, otherwise no.",
        ),
    ),
    "timed_path": Wordings(
        (
            "[How can|By which path can] money have [got|moved|flowed] from {first} to {last} if every [payment|transfer] [must be|is] [strictly|] later than the one before?",
            "[Find|Trace] the path from {first} to {last} [along which|on which] [the dates increase|every hop is on a later day].",
        ),
        (
            "Money cannot travel back in time. Which hops, day after day, bring it from {first} to {last}?",
            "Respecting the calendar at each hand-over, spell out the stations from {first} down to {last}.",
        ),
    ),
    "reach": Wordings(
        (
            "Which [parties|accounts] can money from {first} have reached within {hops} [hops|transfers], each [on a later day|strictly later] than the one before? [List them|Give the names], separated by commas[, in alphabetical order|].",
            "[List|Name] [every party|all parties] reachable from {first} in at most {hops} [hops|payments] with strictly increasing dates, [comma-separated|separated by commas].",
        ),
        (
            "After no more than {hops} hand-overs, days rising each time, who might hold funds that began with {first}? Commas between names.",
            "Who lies downstream of {first}, {hops} stages deep at the most and always forward in time? Write all with commas.",
        ),
    ),
    "pro_rata": Wordings(
        (
            "{account} mixes money of several payers. [By the pro-rata rule|Pro rata], how much of {tainted}'s money is in the [last|] payment to {payee}?",
            "[Trace|Allocate] pro rata: [which amount|how much] of the payment from {account} to {payee} comes from {tainted}?",
        ),
        (
            "If every outgoing sum of {account} carries each depositor in proportion to the balance, what portion of {payee}'s receipt stems from {tainted}?",
            "Assume perfect blending inside {account}. What did {payee} get out of {tainted}'s deposit?",
        ),
    ),
    "fifo": Wordings(
        (
            "[By|Under|Using] [first in, first out|FIFO], how much of {tainted}'s money is in the [last|] payment from {account} to {payee}?",
            "[Trace|Allocate] [by FIFO|first in, first out]: [which amount|how much] of the payment from {account} to {payee} comes from {tainted}?",
        ),
        (
            "Deposits in {account} are used up strictly in the sequence of their arrival. What did {payee} get out of {tainted}'s deposit?",
            "Oldest money leaves {account} earliest. Which portion of {payee}'s receipt stems from {tainted}?",
        ),
    ),
    "lowest_balance": Wordings(
        (
            "[By|Under|Using] the lowest intermediate balance rule, how much of {tainted}'s money [can still be traced|is still] in {account} [at the end|after the last movement]?",
            "How much of {tainted}'s [money|deposit] [remains|is left] in {account} at the end if {account}'s other money [leaves|is spent] first?",
        ),
        (
            "A trust claim of {tainted} on {account} survives only down to the smallest later balance. What is it worth finally?",
            "Supposing {account} spends everything else before touching {tainted}'s deposit, what of it survives?",
        ),
    ),
}
