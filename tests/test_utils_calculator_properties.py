"""The calculator against independent computation: fractions, the standard library, and definitions."""

import cmath
import math
import statistics
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary_host import ToolError
from sanctuary_utils.calculator import calculate
from sanctuary_utils.maths.limits import Budget
from sanctuary_utils.maths.primes import factorize, is_prime
from sanctuary_utils.maths.units import find, table

small = st.integers(-60, 60)
decimals = st.decimals(-1000, 1000, places=3, allow_nan=False, allow_infinity=False)
numbers = st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=20)


@st.composite
def arithmetic(draw, depth=3):
    """An expression in text, and its value as Python's fractions compute it."""
    if depth == 0 or draw(st.booleans()):
        value = draw(decimals)
        return (f"({value:f})", Fraction(value)) if value < 0 else (f"{value:f}", Fraction(value))
    left, a = draw(arithmetic(depth=depth - 1))
    right, b = draw(arithmetic(depth=depth - 1))
    operator = draw(st.sampled_from("+-*/%^"))
    if operator == "^":
        exponent = draw(st.integers(0, 4))
        return f"({left})^{exponent}", a**exponent
    if operator in "/%" and b == 0:
        operator = "*"
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a, "%": a % b if b else a}[operator]
    return f"({left} {operator} {right})", value


def exact(expression):
    found = calculate(expression)
    assert found.is_exact
    return Fraction(found.exact) if found.exact is not None else None


def answer_or_refusal(text):
    try:
        return str(calculate(text))
    except ToolError as refusal:
        return str(refusal)


@given(arithmetic())
@settings(max_examples=150, deadline=None)
def test_exact_arithmetic_is_that_of_fractions(problem):
    text, value = problem
    found = exact(text)
    assert found is None or found == value


@given(st.fractions(), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_decimals_are_rounded_to_the_nearest(value, precision):
    found = Decimal(calculate(f"({value.numerator})/{value.denominator}", precision).decimal)
    with localcontext() as context:
        context.prec = precision
        wanted = Decimal(value.numerator) / Decimal(value.denominator)
    whole = value.denominator == 1
    assert found == (value.numerator if whole and abs(value) < 10**20 else wanted)


@given(st.text(alphabet="0123456789+-*/%^!()[]. ,;=xeipkmsin<>\n", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_an_answer_or_a_sentence(text):
    assert len(answer_or_refusal(text)) > 0


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_unicode_gives_an_answer_or_a_printable_sentence(text):
    assert answer_or_refusal(text).replace("\n", "").isprintable()


@pytest.mark.parametrize("digits", [5, 15, 40, 200])
@pytest.mark.parametrize("value", ["2", "1/3", "12345.678", "0.000001"])
def test_roots_exponentials_and_logarithms_agree_with_the_decimal_module(value, digits):
    with localcontext() as context:
        context.prec = digits + 10
        number = Decimal(Fraction(value).numerator) / Decimal(Fraction(value).denominator)
        wanted = {"sqrt": number.sqrt(), "ln": number.ln(), "exp": (number / 1000).exp(), "log10": number.log10()}
        arguments = {"exp": f"({value})/1000"}
        for name, true in wanted.items():
            found = Decimal(calculate(f"{name}({arguments.get(name, value)})", digits).decimal)
            assert abs(found - true) <= abs(true) * Decimal(10) ** (1 - digits)
    assert getcontext().prec


@given(st.floats(-50, 50, allow_nan=False), st.sampled_from(["sin", "cos", "atan", "tanh", "sinh", "exp"]))
@settings(max_examples=80, deadline=None)
def test_functions_agree_with_the_math_module(value, name):
    found = float(calculate(f"{name}({Decimal(value):f})").decimal)
    assert math.isclose(found, getattr(math, name)(value), rel_tol=1e-12, abs_tol=1e-300)


@given(small, small, small, small, st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_complex_powers_agree_with_repeated_multiplication(a, b, c, d, exponent):
    found = calculate(f"re(({a} + ({b})i)^{exponent} * ({c} + ({d})i))").exact
    wanted = complex(c, d)
    for _ in range(exponent):
        wanted *= complex(a, b)
    assert math.isclose(float(Fraction(found)), wanted.real, rel_tol=1e-9, abs_tol=1e-6)
    assert cmath.isfinite(wanted)


@given(numbers)
@settings(max_examples=60, deadline=None)
def test_statistics_agree_with_the_standard_library(values):
    assert exact(f"mean({values})") == statistics.mean(map(Fraction, values))
    assert exact(f"median({values})") == statistics.median(map(Fraction, values))
    assert exact(f"variance({values})") == statistics.variance(map(Fraction, values))
    assert math.isclose(float(calculate(f"pstdev({values})").decimal), statistics.pstdev(values), abs_tol=1e-9)


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_regression_and_correlation_agree_with_the_standard_library(values):
    places = list(range(len(values)))
    line = statistics.linear_regression(places, values)
    slope, intercept = calculate(f"linear_regression({places}, {values})").decimal.strip("[]").split(", ")
    assert math.isclose(float(slope), line.slope, rel_tol=1e-6, abs_tol=1e-6)
    assert math.isclose(float(intercept), line.intercept, rel_tol=1e-6, abs_tol=1e-6)
    if len(set(values)) > 1:
        found = float(calculate(f"correlation({places}, {values})").decimal)
        assert math.isclose(found, statistics.correlation(places, values), abs_tol=1e-9)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_eigenvalues_have_the_matrix_trace_and_determinant(matrix):
    values = f"eigenvalues({matrix})"
    assert math.isclose(
        float(calculate(f"re(sum({values}))").decimal), sum(matrix[i][i] for i in range(3)), abs_tol=1e-9
    )
    product = float(calculate(f"re(product({values}))").decimal)
    assert math.isclose(product, float(exact(f"det({matrix})")), rel_tol=1e-9, abs_tol=1e-9)


@given(st.lists(st.lists(st.fractions(max_denominator=9), min_size=3, max_size=3), min_size=3, max_size=3))
@settings(max_examples=40, deadline=None)
def test_a_matrix_times_its_inverse_is_the_identity(matrix):
    text = str([[str(item) for item in row] for row in matrix]).replace("'", "")
    if exact(f"det({text})") == 0:
        with pytest.raises(ToolError, match="determinant is 0"):
            calculate(f"inverse({text})")
    else:
        assert calculate(f"{text} * inverse({text})").exact == "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]"


@given(st.integers(1, 10**15))
@settings(max_examples=100, deadline=None)
def test_prime_factors_multiply_to_the_number(number):
    factors = factorize(Budget(), number)
    assert math.prod(prime**many for prime, many in factors.items()) == number
    assert all(is_prime(Budget(), prime) for prime in factors)


def test_primality_agrees_with_the_sieve_and_with_known_pseudoprimes():
    sieve = [
        number for number in range(2, 3_000) if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
    ]
    assert [number for number in range(3_000) if is_prime(Budget(), number)] == sieve
    # Carmichael numbers, strong pseudoprimes to base 2, strong Lucas pseudoprimes, and Arnault's 2^64 neighbourhood.
    for composite in (
        561,
        341550071728321,
        3215031751,
        5459,
        5777,
        10877,
        3825123056546413051,
        (2**61 - 1) * (2**89 - 1),
    ):
        assert not is_prime(Budget(), composite)
    for prime in (2**61 - 1, 2**89 - 1, 2**521 - 1, 10**18 + 9):
        assert is_prime(Budget(), prime)


@pytest.mark.parametrize("name", sorted(table().units))
def test_every_unit_converts_to_itself_and_back(name):
    unit = find(name)
    assert unit is not None
    found = calculate(f"3 {name} to {name}")
    assert (found.decimal, found.unit) == ("3", unit.name)


def test_temperatures_there_and_back_are_the_same():
    for scale in ("degC", "degF"):
        assert calculate(f"(17 {scale} to K) to {scale}").exact == "17"


@given(st.integers(-400, 2_000), st.integers(1, 99))
@settings(max_examples=60, deadline=None)
def test_fahrenheit_follows_its_definition(whole, part):
    degrees = Fraction(whole * 100 + part, 100)
    found = calculate(f"({degrees}) degC to degF").exact
    assert Fraction(found) == degrees * 9 / 5 + 32


@pytest.mark.parametrize(
    ("left", "right"),
    [("1 in", "2.54 cm"), ("1 gal", "231 in^3"), ("1 acre", "43560 ft^2"), ("1 hp", "550 ft lbf/s"), ("1 lbf", "1 lb g0"),
     ("1 psi", "1 lbf/in^2"), ("1 mph", "1 mi/h"), ("1 kn", "1 nmi/h"), ("1 BTU", "1055.05585262 J"), ("1 cup", "16 tbsp"),
     ("1 tbsp", "3 tsp"), ("1 qt", "2 pt"), ("1 gal", "4 qt"), ("1 floz", "2 tbsp"), ("1 imp_gal", "160 imp_floz"),
     ("1 st", "14 lb"), ("1 lb", "16 oz"), ("1 lb", "7000 gr"), ("1 long_ton", "2240 lb"), ("1 short_ton", "2000 lb"),
     ("1 V", "1 W/A"), ("1 ohm", "1 V/A"), ("1 F", "1 C/V"), ("1 H", "1 Wb/A"), ("1 T", "1 Wb/m^2"), ("1 S", "1/(1 ohm)"),
     ("1 J", "1 N m"), ("1 Pa", "1 N/m^2"), ("1 W", "1 J/s"), ("1 Gy", "1 J/kg"), ("1 lx", "1 lm/m^2"), ("1 ly", "365.25 d * 299792458 m/s"),
     ("1 bbl", "42 gal"), ("1 KiB", "1024 B"), ("1 Mbit", "10^6 bit"), ("1 L", "1 dm^3"), ("1 ha", "100 m * 100 m"),
     ("1 furlong", "660 ft"), ("1 fathom", "6 ft"), ("1 ct", "200 mg"), ("1 kgf", "9.80665 N"), ("1 ftlb", "1 ft lbf"),
     ("1 turn", "360 deg"), ("1 deg", "60 arcmin"), ("1 gon", "0.9 deg"), ("1 mpg", "1 mi/gal"), ("1 Ah", "3600 C"),
     ("760 torr", "1 atm"), ("1 cc", "1 ml"), ("1 therm", "100000 BTU"), ("1 yr", "365.25 d"), ("1 kWh", "3.6 MJ")],
)  # fmt: skip
def test_units_fit_their_definitions(left, right):
    assert calculate(f"{left} == {right}").exact == "true"
