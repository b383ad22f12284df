"""`$filter`: operators, types, paths, functions, In(...), and what does not parse."""

import pytest
from tests.embedded.fieldservice.room import NOBODY

BOOKINGS = "bookableresourcebookings"


@pytest.fixture
def booked(room):
    """Three bookings a day apart: early (Anna, work order), middle (Bert, no work order), late (inactive)."""
    room.ids = {
        "early": room.book(name="Pump repair"),
        "middle": room.book("2026-11-25T09:00:00Z", "2026-11-25T10:00:00Z", name="O'Hara, 100% leak", resource=room.bert, msdyn_workorder=None),
        "late": room.book("2026-11-26T09:00:00Z", "2026-11-26T10:00:00Z", name="pump check", statecode=1, duration=75),
    }  # fmt: skip
    return room


def found(room, condition):
    rows = room.get(f"{BOOKINGS}?$select=name&$orderby=starttime&$filter={condition}").rows
    names = {row_id: name for name, row_id in room.ids.items()}
    return [names[row["bookableresourcebookingid"]] for row in rows]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("starttime eq 2026-11-25T09:00:00Z", ["middle"]),
        ("starttime lt 2026-11-25T09:00:00Z", ["early"]),
        ("starttime le 2026-11-25T10:00:00%2B01:00", ["early", "middle"]),
        ("starttime gt 2026-11-25", ["middle", "late"]),
        ("starttime ge 2026-11-26T09:00:00.000Z", ["late"]),
        ("endtime gt 2026-11-24T10:00:00Z and starttime lt 2026-11-26T09:00:00Z", ["middle"]),
        ("statecode eq 1", ["late"]),
        ("statecode ne 1", ["early", "middle"]),
        ("duration gt 60 or name eq 'pump repair'", ["early", "late"]),
        ("not (statecode eq 1)", ["early", "middle"]),
        ("not contains(name,'pump')", ["middle"]),
        ("_msdyn_workorder_value eq null", ["middle"]),
        ("_msdyn_workorder_value ne null", ["early", "late"]),
        ("msdyn_workorder/msdyn_name eq '00042'", ["early", "late"]),
        ("msdyn_workorder/msdyn_name ne '00042'", ["middle"]),
        ("not (msdyn_workorder/msdyn_name eq '00042')", ["middle"]),
        ("msdyn_workorder/msdyn_serviceaccount/name eq 'contoso'", ["early", "late"]),
        ("Resource/name eq 'Bert' and BookingStatus/status eq 2", ["middle"]),
        ("contains(name,'PUMP')", ["early", "late"]),
        ("startswith(name,'pump') and endswith(name,'check')", ["late"]),
        ("contains(name,'100%25')", ["middle"]),
        ("contains(name,'_')", []),
        ("name eq 'O''Hara, 100%25 leak'", ["middle"]),
        ("msdyn_allowoverlapping eq false", ["early", "middle", "late"]),
        ("msdyn_estimatedtravelduration lt 5", []),
        ("starttime lt endtime", ["early", "middle", "late"]),
        ("(statecode eq 1 or statecode eq 0) and duration eq 75", ["late"]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['Pump repair','nothing'])", ["early"]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=['1'])", ["late"]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=[]) or statecode eq 1", ["late"]),
    ],
)  # fmt: skip
def test_a_condition_lets_through(booked, condition, expected):
    assert found(booked, condition) == expected


@pytest.mark.parametrize("form", ["{id}", "'{id}'", "{upper}"])
def test_ids_are_compared_with_or_without_quotes(booked, form):
    text = form.format(id=booked.anna, upper=booked.anna.upper())
    assert found(booked, f"_resource_value eq {text}") == ["early", "late"]
    assert found(booked, f"Resource/bookableresourceid eq {text}") == ["early", "late"]


def test_in_takes_ids_and_the_rest_of_the_condition_holds_too(booked):
    ids = "','".join([booked.ids["early"], booked.ids["late"].upper(), NOBODY])
    wanted = f"Microsoft.Dynamics.CRM.In(PropertyName='bookableresourcebookingid',PropertyValues=['{ids}'])"
    assert found(booked, wanted) == ["early", "late"]
    assert found(booked, f"{wanted} and statecode eq 1") == ["late"]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("nme eq 'x'", "named 'nme'"),
        ("Name eq 'x'", "named 'Name'"),
        ("resource/name eq 'x'", "named 'resource'"),
        ("msdyn_workorder/nme eq 'x'", "named 'nme' on type 'Microsoft.Dynamics.CRM.msdyn_workorder'"),
        ("statecode eq 'one'", "incompatible types"),
        ("name eq 7", "incompatible types"),
        ("statecode eq 99999999999999999999", "does not fit"),
        ("_resource_value eq 'Anna'", "does not fit"),
        ("starttime gt 2026-02-31T00:00:00Z", "does not fit"),
        ("starttime gt 'soon'", "does not fit"),
        ("statecode eq", "Syntax error"),
        ("statecode eq 1)", "Syntax error"),
        ("frobnicate(name,'x')", "Syntax error"),
        ("length(name) eq 4", "'length'"),
        ("contains(statecode,'x')", "takes a text"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='nme',PropertyValues=['x'])", "named 'nme'"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=['x'])", "does not fit"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['x)", "Syntax error"),
        ("Microsoft.Dynamics.CRM.LastXHours(PropertyName='starttime',PropertyValue=2)", ""),
    ],
)
def test_a_condition_that_makes_no_sense_is_a_400(room, condition, text):
    answer = room.get(f"{BOOKINGS}?$filter={condition}")
    assert answer.status == 400
    assert text in answer.error["message"]
