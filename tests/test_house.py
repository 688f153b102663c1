"""The house's own limits on its code."""

from pathlib import Path

import pytest

from evals import house

CHECKOUT = Path(__file__).parents[1]


@pytest.mark.parametrize("root", house.PRODUCT)
def test_functions_are_short(root):
    functions = house.functions(CHECKOUT / root)
    n_lines = sorted(function.n_lines for function in functions)

    assert house.at(n_lines, 0.9) <= house.P90_LINES
    assert [f for f in functions if f.n_lines > house.MAX_LINES] == []


def test_a_long_function_is_found(tmp_path):
    (tmp_path / "long.py").write_text("def long():\n" + "    x = 1\n" * 80)

    (function,) = house.functions(tmp_path)

    assert (function.name, function.n_lines) == ("long", 81)
    assert house.is_over([function])
