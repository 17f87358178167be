"""Writes steps.txt: steps of tensor cores (doc/arithmetic.md, section 3T), computed with fractions.

usage: make_steps.py >steps.txt

Each line has a kind of step, the number of products, the operands a and b (bf16), the accumulator and the result (fp32),
in hex.  The program knows the rule alone, and shares nothing with the library.
"""
import random
from fractions import Fraction

RULES = {16: (25, -133), 8: (24, -132)}  # products: fraction bits, least top
random.seed(3)


def parts(bits, exponent_bits, fraction_bits):
    """Sign, integer magnitude, exponent of the number as it is stored; subnormal bf16 are zero."""
    field = bits >> fraction_bits & 255
    magnitude = bits & (1 << fraction_bits) - 1
    sign = -1 if bits >> (fraction_bits + exponent_bits) else 1
    if field:
        return sign, magnitude | 1 << fraction_bits, field - 127
    return sign, magnitude if fraction_bits == 23 else 0, -126


def cut(value, quantum):
    """Towards zero, to a multiple of the quantum."""
    count = abs(value) // quantum
    return (count if value > 0 else -count) * quantum


def power(e):
    return Fraction(2) ** e


def step(n, a, b, acc):
    bits, least = RULES[n]
    terms = []
    for x, y in zip(a, b):
        (sx, mx, ex), (sy, my, ey) = parts(x, 8, 7), parts(y, 8, 7)
        terms.append((sx * sy * mx * my * power(ex + ey - 14), ex + ey))
    sign, magnitude, e = parts(acc, 8, 23)
    terms.append((sign * magnitude * power(e - 23), e))
    top = max([least] + [e for value, e in terms if value])
    total = sum(cut(value, power(top - bits)) for value, _ in terms)
    if total == 0:
        return 0
    sign, size = int(total < 0) << 31, abs(total)
    e = -126
    while size >= power(e + 1) and e < 128:
        e += 1
    if e == 128:
        return sign | 0x7F800000
    units = int(cut(size, power(e - 23)) / power(e - 23))
    if units == 0:  # never -0
        return 0
    return sign | (units if units < 1 << 23 else (e + 127 << 23) + units - (1 << 23))


def number(e, m=None, sign=None):
    m = random.randrange(128) if m is None else m
    sign = random.randrange(2) if sign is None else sign
    return sign << 15 | max(0, min(254, e + 127)) << 7 | m


def fp32(e, sign=None):
    sign = random.randrange(2) if sign is None else sign
    return sign << 31 | max(0, min(254, e + 127)) << 23 | random.randrange(1 << 23)


def spread(width, middle=0):
    return lambda: number(middle + random.randrange(-width, width + 1))


def cancelling(n):
    """Pairs of products that cancel but for a bit, so that what was cut off decides."""
    a, b = [], []
    for _ in range(n // 2):
        x, y = number(random.randrange(-3, 4)), number(random.randrange(-3, 4))
        a += [x, x ^ (random.random() < 0.3)]
        b += [y, y ^ 0x8000]
    return a, b, fp32(random.randrange(-30, 3))


def carrying(n):
    """All products near 4 of one sign: the sum and the accumulator need 33 bits."""
    return [number(0, 127, 0)] * n, [number(0, 127, 0)] * n, fp32(0, 0)


def drawn(make, acc):
    return lambda n: ([make() for _ in range(n)], [make() for _ in range(n)], fp32(acc()))


KINDS = {
    'near': drawn(spread(3), lambda: random.randrange(-3, 4)),
    'wide': drawn(spread(30), lambda: random.randrange(-40, 41)),
    'wider': drawn(spread(120), lambda: random.randrange(-126, 128)),
    'small-acc': drawn(spread(2), lambda: random.randrange(-28, -20)),
    'large-acc': drawn(spread(2), lambda: random.randrange(20, 30)),
    'cancelling': cancelling,
    'carrying': carrying,
    'tiny': drawn(spread(4, -64), lambda: random.randrange(-130, -110)),
    'tiniest': drawn(spread(3, -72), lambda: -127),
    'huge': drawn(spread(3, 63), lambda: random.randrange(120, 128)),
    'zeros': drawn(lambda: number(random.choice([-127, -127, 0]), random.choice([0, 1, 127])), lambda: -127),
    'no-terms': lambda n: ([number(-127)] * n, [number(5)] * n, random.randrange(2) << 31),
    'acc-alone': lambda n: ([number(-127)] * n, [number(5)] * n, fp32(random.randrange(-127, 128))),
}

print('# Written by make_steps.py: kind, products, a, b, accumulator, result.')
for kind, make in KINDS.items():
    for n in RULES:
        for _ in range(16):
            a, b, acc = make(n)
            result = step(n, a, b, acc)
            print(kind, n, ''.join(f'{x:04x}' for x in a), ''.join(f'{x:04x}' for x in b), f'{acc:08x}', f'{result:08x}')
