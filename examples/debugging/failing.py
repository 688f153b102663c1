from basket import total, with_discount

assert with_discount(200.0, 10) == 180.0
assert total([5.0], [3]) == 15.0, total([5.0], [3])
assert total([2.0, 3.5], [1, 2]) == 9.0
