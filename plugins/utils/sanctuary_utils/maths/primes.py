"""Primality and factors, with bounded effort."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths.limits import Budget

MAX_TEST_BITS: Final = 3_330
"""Bits (1,000 digits) of a number tested for primality: one modular power takes about 0.1 s."""
MAX_SEARCH_BITS: Final = 670
"""Bits (200 digits) of a number from which the next prime is sought."""
CERTAIN_BELOW: Final = 3_317_044_064_679_887_385_961_981
"""Below this, passing Miller-Rabin to the first 13 prime bases proves a prime (Sorenson and Webster, 2015)."""
BASES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
SMALL: Final = 20_000
"""Trial divisors end here."""


@lru_cache(maxsize=1)
def small_primes() -> tuple[int, ...]:
    """The primes below `SMALL`, by the sieve."""
    sieve = bytearray([1]) * SMALL
    sieve[:2] = b"\0\0"
    for number in range(2, math.isqrt(SMALL) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, SMALL, number)))
    return tuple(number for number in range(SMALL) if sieve[number])


def is_prime(budget: Budget, number: int) -> bool:
    """Whether a number is prime: proven below `CERTAIN_BELOW`, by the Baillie-PSW test above.

    Raises:
        ToolError: it is too long to be tested.
    """
    if number < 2:
        return False
    if number.bit_length() > MAX_TEST_BITS:
        raise ToolError("numbers of more than 1,000 digits are not tested for primality")
    for prime in small_primes()[:200]:
        if number % prime == 0:
            return number == prime
    if number < small_primes()[199] ** 2:
        return True
    if number < CERTAIN_BELOW:
        budget.charge(30)
        return all(_strong(number, base) for base in BASES)
    budget.charge((number.bit_length() / 64) ** 2.6)
    if not _strong(number, 2):
        return False
    budget.charge((number.bit_length() / 64) ** 2.6)
    return _strong_lucas(number)


def _strong(number: int, base: int) -> bool:
    """Whether a number passes the Miller-Rabin test to a base."""
    odd, twos = number - 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    power = pow(base, odd, number)
    if power in {1, number - 1}:
        return True
    return any((power := power * power % number) == number - 1 for _ in range(twos - 1))


def _strong_lucas(number: int) -> bool:
    """Whether a number passes the strong Lucas test with Selfridge's parameters."""
    if math.isqrt(number) ** 2 == number:
        return False
    d = 5
    while (symbol := jacobi(d, number)) != -1:
        if symbol == 0 and abs(d) < number:
            return False
        d = -(d + 2) if d > 0 else -(d - 2)
    q = (1 - d) // 4
    odd, twos = number + 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    u, v, power = 1, 1, q % number
    for digit in f"{odd:b}"[1:]:
        u, v, power = u * v % number, (v * v - 2 * power) % number, power * power % number
        if digit == "1":
            u, v = u + v, v + d * u
            u = (u + number * (u & 1)) // 2 % number
            v = (v + number * (v & 1)) // 2 % number
            power = power * q % number
    if u == 0 or v == 0:
        return True
    for _ in range(twos - 1):
        v, power = (v * v - 2 * power) % number, power * power % number
        if v == 0:
            return True
    return False


def jacobi(top: int, bottom: int) -> int:
    """The Jacobi symbol of `top` over an odd positive `bottom`."""
    top, sign = top % bottom, 1
    while top:
        while not top & 1:
            top >>= 1
            sign = -sign if bottom % 8 in {3, 5} else sign
        top, bottom = bottom, top
        sign = -sign if top % 4 == bottom % 4 == 3 else sign
        top %= bottom
    return sign if bottom == 1 else 0


def search(budget: Budget, start: int, step: int) -> int:
    """The first prime from `start` on, in steps of 1 or -1.

    Raises:
        ToolError: the numbers are too long, or there is none (below 2).
    """
    if start.bit_length() > MAX_SEARCH_BITS:
        raise ToolError("the next prime is sought for numbers of at most 200 digits")
    for number in itertools.count(start, step):
        if number < 2 and step < 0:
            raise ToolError("there is no prime below 2")
        budget.charge(1)
        if is_prime(budget, number):
            return number
    raise AssertionError


def factorize(budget: Budget, number: int) -> dict[int, int]:
    """The prime factors of a number above 0, with their exponents.

    Raises:
        ToolError: they are not found with bounded effort; it says which were.
    """
    factors: dict[int, int] = {}
    budget.charge(len(small_primes()) * (1 + number.bit_length() / 300) / 8)
    for prime in small_primes():
        while number % prime == 0:
            budget.charge(number.bit_length() / 3_000)
            number //= prime
            factors[prime] = factors.get(prime, 0) + 1
        if prime * prime > number:
            break
    for prime in _large_factors(budget, number, factors):
        factors[prime] = factors.get(prime, 0) + 1
    return dict(sorted(factors.items()))


def _large_factors(budget: Budget, number: int, found: dict[int, int]) -> Iterator[int]:
    """The prime factors of a number that has no small ones."""
    pending = [number] if number > 1 else []
    while pending:
        part = pending.pop()
        if part.bit_length() > MAX_TEST_BITS:
            raise ToolError(f"no factorization was found with bounded effort{_sofar(found)}; the rest is too long")
        if part < SMALL * SMALL or is_prime(budget, part):
            yield part
            continue
        root = math.isqrt(part)
        divisor = root if root * root == part else _rho(budget, part)
        if divisor is None:
            digits = math.ceil(part.bit_length() * math.log10(2))
            raise ToolError(
                f"no factorization was found with bounded effort{_sofar(found)}: a composite number of about {digits} "
                "digits remains whose prime factors are all large"
            )
        pending += [divisor, part // divisor]


def _sofar(found: dict[int, int]) -> str:
    return f" (found: {', '.join(str(prime) for prime in sorted(found)[:20])})" if found else ""


def _rho(budget: Budget, number: int) -> int | None:
    """A divisor by Pollard's rho method in Brent's form, within half of the budget that is left."""
    cost = 0.7 + (number.bit_length() / 128) ** 1.5
    rounds = int(budget.left / 2 / cost)
    for constant in (1, 3, 5):
        y, divisor, length, batch = 2, 1, 1, 128
        saved = x = y
        product = 1
        while divisor == 1 and rounds > 0:
            x = y
            for _ in range(length):
                y = (y * y + constant) % number
            done = 0
            while done < length and divisor == 1:
                saved = y
                for _ in range(min(batch, length - done)):
                    y = (y * y + constant) % number
                    product = product * (x - y) % number
                divisor = math.gcd(product, number)
                done += batch
            rounds -= 2 * length
            length *= 2
        if divisor == number:
            divisor = 1
            while divisor == 1:
                saved = (saved * saved + constant) % number
                divisor = math.gcd(x - saved, number)
        if 1 < divisor < number:
            budget.charge(1)
            return divisor
    budget.charge(budget.left / 2)
    return None
