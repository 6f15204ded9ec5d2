"""What people ask of the utils tools in the words that they use, and answers that once were wrong."""

from __future__ import annotations

import json
import time

import pytest

from sanctuary_host import ToolError
from sanctuary_utils.calculator import calculate, math_symbolic
from sanctuary_utils.identifiers import generate_id
from sanctuary_utils.text import text_analyze, text_transform
from sanctuary_utils.time import time_convert, time_now, time_parse

NOW = "2026-11-23T10:00:00"


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-07-01 3:00 PM", "2026-07-01T22:00:00+00:00"),
        ("2026-07-01 12:00 AM", "2026-07-01T07:00:00+00:00"),
        ("2026-07-01 12:30 P.M.", "2026-07-01T19:30:00+00:00"),
    ],
)
def test_capital_am_and_pm_are_read(written, utc):
    assert time_convert(written, "America/Los_Angeles", ["UTC"]).targets[0].iso == utc


@pytest.mark.parametrize("name", ["München", "Köln", "Nürnberg"])
def test_a_city_may_keep_its_umlaut(name):
    assert time_now([name]).clocks[0].zone == "Europe/Berlin"


@pytest.mark.parametrize("name", ["UTC\u200b", "\u202eUTC", "\ufeffUTC"])
def test_characters_that_nobody_sees_do_not_hide_a_zone(name):
    assert time_now([name]).clocks[0].zone == "UTC"


@pytest.mark.parametrize(
    ("phrase", "clock"),
    [
        ("tonight at 8", "20:00"),
        ("tonight 8:30", "20:30"),
        ("tonight at 9pm", "21:00"),
        ("tonight at 21:15", "21:15"),
        ("8pm tonight", "20:00"),
        ("at 8 tonight", "20:00"),
    ],
)
def test_an_hour_of_tonight_is_one_moment_of_the_evening(phrase, clock):
    found = time_parse(phrase, now=NOW)
    assert (found.kind, found.start) == ("moment", f"2026-11-23T{clock}:00+00:00")


@pytest.mark.parametrize("phrase", ["tonight at 12", "tonight at 1am", "12:30 tonight", "9 to 5", "8 to 6"])
def test_a_phrase_that_would_be_taken_wrongly_is_refused(phrase):
    with pytest.raises(ToolError, match="cannot be read"):
        time_parse(phrase, now=NOW)


def test_minutes_to_the_hour_are_told_from_a_range():
    assert any("05:50" in note and "range" in note for note in time_parse("10 to 6", now=NOW).notes)
    assert time_parse("9 minutes to 5pm", now=NOW).start == "2026-11-23T16:51:00+00:00"
    assert time_parse("9am to 5pm", now=NOW).kind == "range"


@pytest.mark.parametrize(
    "question",
    [
        "what day of the week was 1969-07-20",
        "What day of the week was July 20, 1969?",
        "day of the week of 1969-07-20",
        "what weekday was 1969-07-20",
    ],
)
def test_the_weekday_of_a_date_can_be_asked(question):
    found = time_parse(question, now=NOW)
    assert found.facts["weekday"] == "Sunday"
    assert "Sunday" in str(found)


@pytest.mark.parametrize("question", ["how old is someone born 1990-05-17", "Age of a person born on 17 May 1990"])
def test_an_age_can_be_asked(question):
    assert time_parse(question, now=NOW).facts["calendar"] == "36 years 6 months 6 days"


@pytest.mark.parametrize(
    ("asked", "degrees", "unit"),
    [
        ("72 F to C", "22.2222222222222", "degC"),
        ("-40 C to F", "-40", "degF"),
        ("37 C to K", "310.15", "K"),
        ("300 K in C", "26.85", "degC"),
        ("(20 + 5) C to F", "77", "degF"),
    ],
)
def test_f_and_c_between_each_other_are_degrees_and_a_note_says_so(asked, degrees, unit):
    found = calculate(asked)
    assert (found.decimal, found.unit) == (degrees, unit)
    assert any("farad" in note for note in found.notes)


@pytest.mark.parametrize(("asked", "unit"), [("5 C to mC", "mC"), ("2 F to uF", "uF"), ("3 C + 4 C", "C")])
def test_coulomb_and_farad_stay_what_they_are_elsewhere(asked, unit):
    assert calculate(asked).unit == unit


def test_a_step_function_is_not_solved_by_points_of_its_steps():
    with pytest.raises(ToolError, match="whole intervals"):
        math_symbolic("solve", "floor(x) = 3")


def test_a_search_that_found_nothing_does_not_say_that_there_is_nothing():
    with pytest.raises(ToolError, match="change of sign"):
        math_symbolic("solve", "ceil(x) = x/2")


@pytest.mark.parametrize(("equation", "variable"), [("E = mc^2", "m"), ("x^2 - 4", "y")])
def test_solving_for_what_is_not_there_is_refused_rather_than_called_unsolvable(equation, variable):
    with pytest.raises(ToolError, match="is not in the expression"):
        math_symbolic("solve", equation, variable=variable)


def test_a_right_integral_of_what_oscillates_is_not_doubted():
    found = math_symbolic("integrate", "sin(x)/x", at="0, oo")
    assert found.result == "pi/2"
    assert found.notes == []


def test_a_jsonpath_with_many_selectors_is_stopped_by_its_budget():
    query = "$[" + ",".join(["*"] * 300) + "][" + ",".join(["*"] * 100) + "]"
    started = time.process_time()
    with pytest.raises(ToolError, match="steps"):
        text_analyze(json.dumps(list(range(2000))), "jsonpath", pattern=query)
    # Before each selector counted, this took ten seconds of the processor.
    assert time.process_time() - started < 4


def test_letters_beyond_ascii_are_not_missed_in_silence():
    found = text_analyze("Straße", "regex", pattern=r"\w+")
    assert "\\p{L}" in str(found.facts["note"])
    assert "note" not in text_analyze("Strasse", "regex", pattern=r"\w+").facts


def test_the_cause_of_a_fault_is_told_once():
    found = text_analyze('{"a": 1,}', "json")
    assert str(found).count(str(found.facts["cause"])) == 1


def test_cells_that_spreadsheets_run_are_named():
    found = text_transform('[{"a": "=1+1", "b": -1, "c": "x"}]', "convert", to="csv")
    assert any(note.startswith("1 text(s) start with =") for note in found.notes)


def test_a_password_too_short_says_which_size_to_give():
    with pytest.raises(ToolError, match="give size 8 or more"):
        generate_id("password", size=4)


@pytest.mark.parametrize("width", [1, 2])
def test_lists_in_named_lists_are_counted_before_they_are_walked(width: int) -> None:
    names = [f"x{number} = [{', '.join([f'x{number - 1}'] * width)}]" for number in range(1, 600)]
    with pytest.raises(ToolError):
        calculate("; ".join(["x0 = [1]", *names])[:9_990].rpartition(";")[0])
