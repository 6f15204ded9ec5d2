"""Whole numbers: divisibility, primes, counting, number bases and bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, primes
from sanctuary_utils.maths.arithmetic import integer
from sanctuary_utils.maths.limits import MAX_BITS, MAX_ITEMS, check_bits, check_size
from sanctuary_utils.maths.operations import Value, Written, items, scalar
from sanctuary_utils.maths.scalars import Approx, Scalar, Workspace, bits

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
MAX_ARGUMENT: Final = 10**15
"""What is larger overflows the estimates of sizes."""


def _log2_factorial(number: int) -> float:
    return math.lgamma(number + 1) / math.log(2)


def _natural(value: Value, name: str) -> int:
    number = integer(scalar(value, name), name)
    if number < 0:
        raise ToolError(f"{name} takes whole numbers from 0 on")
    return number


def factorial(work: Workspace, value: Value) -> Value:
    """N!, for a whole number n."""
    number = scalar(value, "factorial")
    if isinstance(number, (Approx, Fraction)):
        raise ToolError("factorial takes a whole number; for others use gamma(x + 1)")
    many = _natural(number, "factorial")
    if many > MAX_ARGUMENT:
        raise ToolError("factorial of so large a number is out of range; for its logarithm use lgamma(n + 1)")
    size = _log2_factorial(many)
    if size > MAX_BITS:
        digits = math.ceil(size * math.log10(2))
        raise ToolError(
            f"this factorial has about {digits:,} digits, more than are computed exactly; approximately it is "
            "gamma(n + 1), and its logarithm is lgamma(n + 1)"
        )
    work.budget.charge((size / 1_000) ** 1.7)
    return math.factorial(many)


def binomial(work: Workspace, top: Value, bottom: Value) -> Value:
    """The number of ways to choose k of n."""
    n, k = _natural(top, "binomial"), _natural(bottom, "binomial")
    k = min(k, n - k)
    if k < 0:
        return 0
    _check_choice(work, n, k, "this binomial coefficient")
    return math.comb(n, k)


def permutations(work: Workspace, top: Value, bottom: Value | None = None) -> Value:
    """The number of ordered choices of k of n."""
    n = _natural(top, "permutations")
    k = n if bottom is None else _natural(bottom, "permutations")
    if k > n:
        return 0
    size = k * math.log2(max(n, 2)) if k < MAX_ARGUMENT else math.inf
    check_bits(size, "this number of permutations")
    work.budget.charge((size / 1_000) ** 1.9)
    return math.perm(n, k)


def _check_choice(work: Workspace, n: int, k: int, what: str) -> None:
    if k > MAX_ARGUMENT:
        check_bits(math.inf, what)
    size = k * (math.log2(max(n, 2)) - math.log2(max(k, 1)) + 1.4427) if k else 1.0
    check_bits(size, what)
    # Each of k steps multiplies and divides the whole number; measured.
    work.budget.charge(k * size / 20_000 + (size / 1_000) ** 1.9)


def _folded(name: str, fold: Callable[[int, int], int], size: Callable[[int, int], float]) -> Callable[..., Value]:
    def function(work: Workspace, *values: Value) -> Value:
        numbers = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
        if not numbers:
            raise ToolError(f"{name} takes at least one whole number")
        result = abs(integer(scalar(numbers[0], name), name))
        for value in numbers[1:]:
            number = integer(scalar(value, name), name)
            check_bits(size(bits(result), bits(number)), f"this {name}")
            work.budget.divide(bits(result), bits(number))
            result = fold(result, number)
        return result

    return function


def is_prime(work: Workspace, value: Value) -> Value:
    """Whether n is a prime."""
    number = integer(scalar(value, "is_prime"), "is_prime")
    prime = primes.is_prime(work.budget, number)
    if prime and number >= primes.CERTAIN_BELOW:
        work.note("prime by the Baillie-PSW test, for which no exception is known; numbers of this size are not proven")
    return prime


def factor(work: Workspace, value: Value) -> Value:
    """The prime factors."""
    number = integer(scalar(value, "factor"), "factor")
    if abs(number) < 2:
        return Written(str(number), number)
    found = primes.factorize(work.budget, abs(number))
    text = " * ".join(f"{prime}^{many}" if many > 1 else str(prime) for prime, many in found.items())
    return Written(f"-1 * {text}" if number < 0 else text, number)


def prime_factors(work: Workspace, value: Value) -> Value:
    """The prime factors as a list, each as often as it divides."""
    found = _factors(work, value, "prime_factors")
    return tuple(prime for prime, many in found.items() for _ in range(many))


def _factors(work: Workspace, value: Value, name: str) -> dict[int, int]:
    number = integer(scalar(value, name), name)
    if number < 1:
        raise ToolError(f"{name} takes whole numbers from 1 on")
    return primes.factorize(work.budget, number)


def next_prime(work: Workspace, value: Value) -> Value:
    """The first prime above n."""
    return primes.search(work.budget, max(integer(scalar(value, "next_prime"), "next_prime") + 1, 2), 1)


def prev_prime(work: Workspace, value: Value) -> Value:
    """The last prime below n."""
    return primes.search(work.budget, integer(scalar(value, "prev_prime"), "prev_prime") - 1, -1)


def totient(work: Workspace, value: Value) -> Value:
    """How many numbers up to n have no common divisor with it."""
    result = 1
    for prime, many in _factors(work, value, "phi").items():
        result *= prime ** (many - 1) * (prime - 1)
    return result


def divisors(work: Workspace, value: Value) -> Value:
    """All divisors, in order."""
    found = [1]
    factors = _factors(work, value, "divisors")
    check_size(math.prod(many + 1 for many in factors.values()), 5_000, "divisors")
    for prime, many in factors.items():
        found = [divisor * prime**power for divisor in found for power in range(many + 1)]
    return tuple(sorted(found))


def mod_inverse(work: Workspace, value: Value, modulus: Value) -> Value:
    """X with a x = 1 modulo m."""
    a, m = integer(scalar(value, "mod_inverse"), "mod_inverse"), _natural(modulus, "mod_inverse")
    work.budget.divide(bits(a), bits(m) * 4)
    if m < 1:
        raise ToolError("the modulus must be above 0")
    if math.gcd(a, m) != 1:
        raise ToolError("there is no inverse: the number and the modulus have a common divisor")
    return pow(a, -1, m)


def powmod(work: Workspace, base: Value, exponent: Value, modulus: Value) -> Value:
    """B^e modulo m, for large e."""
    b, e, m = (integer(scalar(value, "powmod"), "powmod") for value in (base, exponent, modulus))
    if m == 0:
        raise ToolError("the modulus must not be 0")
    work.budget.divide(bits(b), bits(m))
    work.budget.charge(bits(e) * (1 + bits(m) ** 2 / 200_000))
    if e < 0 and math.gcd(b, m) != 1:
        raise ToolError("there is no inverse: the base and the modulus have a common divisor")
    return pow(b, e, m)


def mod(work: Workspace, left: Value, right: Value) -> Value:
    """The remainder, with the sign of b."""
    return arithmetic.modulo(work, scalar(left, "mod"), scalar(right, "mod"))


def fibonacci(work: Workspace, value: Value) -> Value:
    """The n-th Fibonacci number; the first and the second are 1."""
    number = _natural(value, "fibonacci")
    size = number * 0.6943 if number < MAX_ARGUMENT else math.inf
    check_bits(size, "this Fibonacci number")
    for _ in range(4):
        work.budget.multiply(int(size), int(size))
    a, b = 0, 1
    for digit in f"{number:b}":
        a, b = a * (2 * b - a), a * a + b * b
        if digit == "1":
            a, b = b, a + b
    return a


def digit_sum(work: Workspace, value: Value) -> Value:
    """The sum of the decimal digits."""
    number = _natural(value, "digit_sum")
    check_bits(bits(number) * 4.0, "this number")
    work.budget.divide(bits(number), bits(number))
    total = 0
    while number:
        number, part = divmod(number, 10**1_000)
        total += sum(int(digit) for digit in str(part))
    return total


def in_base(work: Workspace, value: Value, base: Value) -> Value:
    """N written in a base from 2 to 36."""
    number, radix = integer(scalar(value, "to_base"), "to_base"), integer(base, "the base")
    if not 2 <= radix <= 36:
        raise ToolError("to_base writes in bases from 2 to 36")
    check_size(bits(number), 40_000, "bits of a number written in another base")
    work.budget.charge((bits(number) / 64) ** 2 * 4)
    rest, digits = abs(number), list[str]()
    while rest:
        rest, digit = divmod(rest, radix)
        digits.append(DIGITS[digit])
    return Written(("-" if number < 0 else "") + ("".join(reversed(digits)) or "0"), number)


def prefixed(work: Workspace, value: Value, name: str) -> Written:
    """A whole number in base 16, 8 or 2 with its prefix."""
    number = integer(scalar(value, name), name)
    check_size(bits(number), 40_000, "bits of a number written in another base")
    work.budget.charge(bits(number) / 64)
    return Written({"hex": hex, "oct": oct, "bin": bin}[name](number), number)


def _prefixed(name: str) -> Callable[[Workspace, Value], Value]:
    def function(work: Workspace, value: Value) -> Value:
        return prefixed(work, value, name)

    return function


def _bitwise(name: str, operator: Callable[[int, int], int]) -> Callable[[Workspace, Value, Value], Value]:
    def function(work: Workspace, left: Value, right: Value) -> Value:
        a, b = integer(scalar(left, name), name), integer(scalar(right, name), name)
        work.budget.charge((bits(a) + bits(b)) / 1_000)
        return operator(a, b)

    return function


def shift_left(work: Workspace, value: Value, many: Value) -> Value:
    """N times 2^k."""
    number, places = integer(scalar(value, "shift_left"), "shift_left"), _natural(many, "shift_left")
    check_bits(bits(number) + min(places, 10**12), "the shifted number")
    work.budget.charge(places / 1_000)
    return number << places


def shift_right(work: Workspace, value: Value, many: Value) -> Value:
    """N divided by 2^k, rounded down."""
    number, places = integer(scalar(value, "shift_right"), "shift_right"), _natural(many, "shift_right")
    work.budget.charge(bits(number) / 1_000)
    return number >> places


def number_range(work: Workspace, first: Value, end: Value | None = None, step: Value = 1) -> Value:
    """Whole numbers from first up to, not including, end."""
    start, stop = (0, first) if end is None else (integer(first, "range"), end)
    numbers = range(start, integer(stop, "range"), integer(step, "range") or 1)
    if step == 0:
        raise ToolError("the step of a range must not be 0")
    many = (numbers.stop - numbers.start) // numbers.step
    check_size(max(many, 0), MAX_ITEMS, "numbers of a range")
    work.budget.charge(many)
    return tuple(numbers)


def count(work: Workspace, value: Value) -> Scalar:
    """How many items it has."""
    work.budget.charge(1)
    return len(items(value, "len"))


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "factorial": factorial, "binomial": binomial, "choose": binomial, "comb": binomial, "nCr": binomial,
    "permutations": permutations, "perm": permutations, "nPr": permutations,
    "gcd": _folded("gcd", math.gcd, min), "lcm": _folded("lcm", math.lcm, lambda left, right: left + right),
    "is_prime": is_prime, "factor": factor, "prime_factors": prime_factors, "next_prime": next_prime,
    "prev_prime": prev_prime, "phi": totient, "totient": totient, "divisors": divisors,
    "mod_inverse": mod_inverse, "modinv": mod_inverse, "powmod": powmod, "mod": mod, "fibonacci": fibonacci,
    "digit_sum": digit_sum, "to_base": in_base, **{name: _prefixed(name) for name in ("hex", "oct", "bin")},
    "bitand": _bitwise("bitand", int.__and__), "bitor": _bitwise("bitor", int.__or__),
    "bitxor": _bitwise("bitxor", int.__xor__), "shift_left": shift_left, "shift_right": shift_right,
    "range": number_range, "len": count,
}  # fmt: skip  # a dictionary of names is read in groups, not one a line
