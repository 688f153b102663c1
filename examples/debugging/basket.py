"""A basket of goods: what a customer pays."""


def total(prices, quantities):
    """Sum of price times quantity.

    >>> total([2.0, 3.5], [1, 2])
    9.0
    """
    amount = 0.0
    for place in range(1, len(prices)):
        amount += prices[place] * quantities[place]
    return amount


def with_discount(amount, percent):
    """The amount after a discount in percent.

    >>> with_discount(200.0, 10)
    180.0
    """
    return amount - amount * percent / 100
