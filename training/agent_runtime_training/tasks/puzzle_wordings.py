"""How puzzles are told. The held-out wordings share no template with the training ones."""

from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.wording import Wordings

CLUES: dict[Split, dict[str, str]] = {
    "train": {
        "next": "{a} stands directly in front of {b}.",
        "ahead": "{a} stands somewhere in front of {b}.",
        "not_first": "{a} is not the first.",
        "honest": '{a} says: "{b} tells the truth."',
        "lies": '{a} says: "{b} lies."',
    },
    "heldout": {
        "next": "Immediately behind {a} comes {b}.",
        "ahead": "{b} waits farther back than {a}.",
        "not_first": "Somebody waits ahead of {a}.",
        "honest": "According to {a}, one may trust {b}.",
        "lies": "According to {a}, {b} is a liar.",
    },
}

WORDINGS: dict[str, Wordings] = {
    "row": Wordings(
        (
            "[Some people|These people] stand in a row: {people}. {clues} Who is the {place} one?",
            "{people} [form|make] a line. {clues} [Who|Which person] stands {place}?",
        ),
        ("A queue holds {people}. {clues} Name whoever occupies the {place} spot.",),
    ),
    "truth": Wordings(
        (
            "Each of {people} either always tells the truth or always lies; at least one tells the truth. {said} Who tells the truth? [List|Give] the names with commas.",
        ),
        (
            "On an island live {people}, every one of them wholly truthful or wholly deceitful, and not all deceitful. {said} Write the truthful ones, commas between.",
        ),
    ),
    "subset": Wordings(
        (
            "Which of the numbers {numbers} add up to {target}? [List|Give] them in rising order with commas.",
            "[Find|Choose] numbers from {numbers} whose sum is {target}. Each may be used once. [List|Give] them in rising order with commas.",
        ),
        (
            "Parcels weigh {numbers}. Some of them fill exactly {target}. Write these weights upward, commas between.",
        ),
    ),
    "coins": Wordings(
        (
            "In how many ways can coins of {coins} make {target}[, the order not counting|] ?",
            "[Count|How many are] the ways to pay {target} with coins of {coins}, as many of each as needed[.|?]",
        ),
        ("Stamps of value {coins} exist without limit. How many different collections are worth {target}?",),
    ),
    "grid": Wordings(
        (
            "In this grid # is a wall. How many steps (up, down, left, right) does the shortest way from the top left to the bottom right take?{grid}",
        ),
        (
            "A mouse in the upper left corner heads for the lower right one, squares marked # being closed. Fewest moves?{grid}",
        ),
    ),
    "meetings": Wordings(
        (
            "Meetings are asked for at these hours: {slots}. [What is the largest number|How many at most] that [can|could] be held without overlap[?|? One may start when another ends.]",
        ),
        (
            "One room, requests {slots} (hours). At most how many requests can be granted side by side in time?",
        ),
    ),
    "number": Wordings(
        (
            "What is the smallest positive number divisible by {divisor} whose digits add up to {digits}?",
            "[Find|Give] the smallest positive multiple of {divisor} with digit sum {digits}.",
        ),
        ("Among the multiples of {divisor}, which is the least one having {digits} as its cross total?",),
    ),
    "circle": Wordings(
        (
            "{n} people, numbered from 1, stand in a circle. Counting from number 1, every {k}th goes out until one is left. Which number is left?",
        ),
        (
            "Seats 1 to {n} form a ring. Beginning the count at seat 1, seat number {k} of each count is removed, again and again. Which seat survives?",
        ),
    ),
    "weekday": Wordings(
        (
            "[Which|What] day of the week is {n} days after {day}?",
            "{day} plus {n} days: [which|what] weekday is that?",
        ),
        ("Let {n} days go by from {day}. Name the weekday then.",),
    ),
    "letters": Wordings(
        (
            "How [often|many times] does the letter {letter} occur in '{text}'?",
            "[Count|How many are] the letters {letter} in '{text}'[.|?]",
        ),
        ("Run through '{text}' and tally every {letter}.",),
    ),
}
