"""Content lines: folded by octets, escaped, and nothing of anybody else's lost on the way through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.calendars.caldav import lines
from fieldcal.calendars.caldav.lines import Malformed

EVENT = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def event(*said):
    return lines.read(EVENT.format("\r\n".join(said))).parts[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("a; b, c\\d", "a\\; b\\, c\\\\d"),
        ("two\nlines", "two\\nlines"),
        ("a\r\nb\rc\u2028d\x85e\x0bf", "a\\nb\\nc\\nd\\ne\\nf"),
        ("bell\x07, tab\t, nul\x00, \ufffe", "bell\\, tab\t\\, nul\\, "),
        ('"quoted": colon', '"quoted": colon'),
        ("", ""),
    ],
)
def test_a_text_is_escaped_and_holds_nothing_that_no_calendar_may(text, value):
    assert lines.escape(text) == value


def test_what_is_left_out_or_made_a_line_end_is_never_printable():
    """So a text that is printable altogether need not be searched for it."""
    odd = [chr(code) for code in range(0x10000) if lines._UNSEEN.match(chr(code)) or lines._LINE_END.match(chr(code))]
    assert len(odd) > 30
    assert not any(map(str.isprintable, odd))


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\\nb\\Nc", "a\nb\nc"), ("\\;\\,\\\\", ";,\\"), ("\\\\n", "\\n"), ("\\", "\\"), ("\\x", "x")],
)
def test_escapes_of_others_are_read(value, text):
    assert lines.unescape(value) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufffe\uffff")))
def test_any_text_comes_back_from_its_line(text):
    calendar = lines.Component("VCALENDAR", [lines.text_line("SUMMARY", text)])
    written = lines.write(calendar)
    assert all(len(line) <= 75 for line in written.split(b"\r\n"))
    assert lines.read(written.decode()).text("SUMMARY") == text


@pytest.mark.parametrize("letter", ["a", "ß", "漢", "🛠"])
@pytest.mark.parametrize("before", range(5))
def test_a_long_line_is_folded_by_octets_and_never_inside_a_character(letter, before):
    raw = ("x" * before + letter * 80).encode()
    folded = lines.fold(raw).split(b"\r\n")
    assert all(len(part) <= 75 for part in folded)
    assert [part.decode() for part in folded]
    assert b"".join([folded[0], *(part[1:] for part in folded[1:])]) == raw


def test_a_lone_surrogate_spoils_no_event():
    assert b"a?b" in lines.write(lines.Component("VCALENDAR", [lines.text_line("SUMMARY", "a\ud800b")]))


def test_folds_of_any_kind_are_undone():
    told = event("SUMMARY:one ", " two", "\tthree", "LOCATION:x")
    assert told.text("SUMMARY") == "one twothree"
    assert told.text("LOCATION") == "x"


@pytest.mark.parametrize("fold", [b"\r\n ", b"\r\n\t", b"\n ", b"&#13;\n ", b"&#xD;\n "])
@pytest.mark.parametrize("letter", ["ß", "漢", "🛠"])
def test_a_character_that_a_fold_tore_apart_is_whole_again(fold, letter):
    data = letter.encode()
    for place in range(1, len(data)):
        torn = b"SUMMARY:" + data[:place] + fold + data[place:] + b"\r\n " + data
        assert lines.mended(torn).decode() == f"SUMMARY:{letter}\r\n {letter}"


@pytest.mark.parametrize("before", ["\r ", "\r\t", "\r\r\n  ", "\n \r\n  "])
def test_i1_no_line_becomes_the_end_of_another_when_it_is_written_back(before):
    """Else a mark could not be read any more, and the event would be made a second time."""
    calendar = lines.read(EVENT.format(f"X-MARK:ours\r\nX:x{before}SUMMARY:y"))
    told = calendar.parts[0]
    told.drop("X")
    told.put(lines.line("X-MARK", "new"))
    assert lines.read(lines.write(calendar).decode()).parts[0].text("X-MARK") == "new"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_lines_may_end_in_any_way(end):
    assert lines.read(EVENT.format("SUMMARY:x").replace("\r\n", end)).parts[0].text("SUMMARY") == "x"


def test_a_parameter_may_hold_a_colon_and_a_semicolon_in_quotes():
    told = event('ATTENDEE;CN="A: b; c";ROLE=CHAIR:mailto:x@y').first("ATTENDEE")
    assert (told.value, told.parameter("CN"), told.parameter("ROLE")) == ("mailto:x@y", "A: b; c", "CHAIR")


def test_what_is_no_property_is_kept_as_it_is():
    written = lines.write(lines.read(EVENT.format("%%% what is this\r\nSUMMARY:x")))
    assert b"%%% what is this\r\n" in written


def test_a_property_is_put_where_the_first_of_its_name_stood():
    told = event("A:1", "B:2", "C:3", "B:4")
    told.put(lines.line("B", "new"), lines.line("D", "5"))
    assert [line.raw for line in told.lines] == ["A:1", "B:new", "C:3", "D:5"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        "SUMMARY:x\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        "BEGIN:VCALENDAR\r\n",
        EVENT.format("SUMMARY:x")[:-20],
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VALARM\r\nEND:VCALENDAR\r\n",
        "BEGIN:VCALENDAR\r\n" + "BEGIN:X\r\n" * 5000 + "END:X\r\n" * 5000 + "END:VCALENDAR\r\n",
    ],
)
def test_what_is_no_whole_calendar_is_malformed(text):
    with pytest.raises(Malformed):
        lines.read(text)


@given(st.text(max_size=300))
def test_hostile_text_is_read_or_refused(text):
    for made in (text, EVENT.format(text)):
        try:
            told = lines.read(made)
        except Malformed:
            continue
        assert lines.write(told)
