"""The addresses that are asked, below the Web API's root, percent-encoded. Pure; every one is a GET."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from fieldcal.model import Window
from fieldcal.sources.dataverse.spans import Span

#: ids in one `In(...)`: an address of 5 kB, below the 8 kB at which some proxies stop
IDS_AT_ONCE = 100
#: terms of one `or` chain; Dataverse takes up to 500 conditions
TERMS_AT_ONCE = 50

BOOKINGS = "bookableresourcebookings"
RESOURCES = "bookableresources"
WORK_ORDERS = "msdyn_workorders"

ORGANIZATION = "RetrieveCurrentOrganization(AccessType=@p)?@p=Microsoft.Dynamics.CRM.EndpointAccessType" + quote(
    "'Default'"
)
STATUSES = (
    "bookingstatuses?$select=bookingstatusid,name,status,msdyn_fieldservicestatus&$orderby=bookingstatusid&$count=true"
)
TIME_ZONES = "timezonedefinitions?$select=timezonecode,standardname&$orderby=timezonecode&$count=true"
#: the tables of names, each with the id of its rows
LABELS = tuple(
    f"{table}?$select={id_},msdyn_name&$orderby={id_}&$count=true"
    for table, id_ in (
        ("msdyn_priorities", "msdyn_priorityid"),
        ("msdyn_workordertypes", "msdyn_workordertypeid"),
        ("msdyn_incidenttypes", "msdyn_incidenttypeid"),
    )
)
TRACK_RESOURCES = f"{RESOURCES}?$select=bookableresourceid"
TRACK_WORK_ORDERS = f"{WORK_ORDERS}?$select=msdyn_workorderid"

_THIN = (
    "bookableresourcebookingid,name,starttime,endtime,statecode,_resource_value,_bookingstatus_value,"
    "_msdyn_workorder_value"
)
_PLACE = ",msdyn_latitude,msdyn_longitude,msdyn_worklocation"
_ORDER = (
    "msdyn_workorderid,versionnumber,msdyn_name,msdyn_workordersummary,msdyn_displayaddress,msdyn_addressname,"
    "msdyn_address1,msdyn_address2,msdyn_address3,msdyn_postalcode,msdyn_city,msdyn_stateorprovince,msdyn_country,"
    "msdyn_timefrompromised,msdyn_timetopromised,_msdyn_priority_value,_msdyn_workordertype_value,"
    "_msdyn_primaryincidenttype_value,_msdyn_reportedbycontact_value,_msdyn_serviceaccount_value,"
    "_msdyn_billingaccount_value"
)
_ACCOUNT = "msdyn_serviceaccount($select=name,_primarycontactid_value)"
_USER = "UserId($select=internalemailaddress,azureactivedirectoryobjectid,domainname,isdisabled)"
_RESOURCE = "bookableresourceid,name,resourcetype,timezone,statecode,msdyn_primaryemail"

MAILBOXES, MAPPINGS = "mailboxes", "bookableresourcebookingexchangesyncidmappings"
#: old organizations lack some columns of the first; the second has what decides
_MAILBOX = (
    "mailboxid,emailaddress,_regardingobjectid_value,actdeliverymethod,actstatus,enabledforact,"
    "emailrouteraccessapproval,statecode"
)
_MAILBOX_SELECTS = (f"{_MAILBOX},testemailconfigurationscheduled", _MAILBOX)
MAILBOX_LISTS = tuple(
    f"{MAILBOXES}?$select={select}&$expand=emailserverprofile($select=name,statecode)&$orderby=mailboxid&$count=true"
    for select in _MAILBOX_SELECTS
)


def users(ids: Sequence[str]) -> str:
    """The directory's ids of these users, at most `IDS_AT_ONCE`."""
    return f"systemusers?$select=systemuserid,azureactivedirectoryobjectid&$filter={_among('systemuserid', ids)}"


def mappings(since: datetime) -> str:
    """What Microsoft's own booking synchronization has written since, counted."""
    names = "bookableresourcebookingexchangesyncidmappingid,_userid_value,modifiedon"
    order = "$orderby=bookableresourcebookingexchangesyncidmappingid&$count=true"
    return f"{MAPPINGS}?$select={names}&$filter={_quoted(f'modifiedon ge {_zulu(since)}')}&{order}"


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be there of one table: its entity set, columns by logical name (the first is its id), and the
    navigation properties that are expanded, each with the column behind it.
    """

    set: str
    columns: tuple[str, ...]
    lookups: Mapping[str, str]


def _logical(selected: str) -> tuple[str, ...]:
    names = selected.strip(",").split(",")
    return tuple(name[1:].removesuffix("_value") if name.startswith("_") else name for name in names)


#: Asked for whatever the settings; a missing one makes every read fail.
NEEDS: Mapping[str, Needs] = {
    "bookableresourcebooking": Needs(BOOKINGS, _logical(_THIN), {"msdyn_workorder": "msdyn_workorder"}),
    "msdyn_workorder": Needs(WORK_ORDERS, _logical(_ORDER), {"msdyn_serviceaccount": "msdyn_serviceaccount"}),
    "bookableresource": Needs(RESOURCES, _logical(_RESOURCE), {"UserId": "userid"}),
}


def track_bookings(*, place: bool) -> str:
    """The first page of the thin feed; only `$select` may go with change tracking."""
    return f"{BOOKINGS}?$select={_thin(place)}"


def details(ids: Sequence[str], *, place: bool) -> str:
    """These bookings with their work orders, at most `IDS_AT_ONCE`."""
    return f"{BOOKINGS}?{_detail(place)}&$filter={_among('bookableresourcebookingid', ids)}"


def one_booking(booking: str, *, place: bool) -> str:
    """One booking by its id, so that a 404 is about this row."""
    return f"{BOOKINGS}({booking})?{_detail(place)}"


def sweep(span: Span, near: datetime, *, place: bool, orders: bool) -> str:
    """The bookings that start in the span and end after `near`: thin rows, counted, in the order of their ids."""
    return _counted(f"{_within('starttime', span)} and endtime gt {_zulu(near)}", place=place, orders=orders)


def changed(span: Span, window: Window, *, place: bool, orders: bool) -> str:
    """The bookings outside of the window that were changed in the span: thin rows, as above."""
    outside = f"(endtime le {_zulu(window.near)} or starttime ge {_zulu(window.far)})"
    return _counted(f"{_within('modifiedon', span)} and {outside}", place=place, orders=orders)


def affected(work_orders: Sequence[str]) -> str:
    """Ids of the bookings of these work orders, at most `TERMS_AT_ONCE`, counted."""
    # an `or` chain is plain OData; whether `In(...)` takes a lookup by this name is not documented
    terms = " or ".join(f"_msdyn_workorder_value eq {order}" for order in work_orders)
    order = "&$orderby=bookableresourcebookingid&$count=true"
    return f"{BOOKINGS}?$select=bookableresourcebookingid&$filter={_quoted(terms)}{order}"


def resources(ids: Sequence[str] | None) -> str:
    """Bookable resources with their users: these, at most `IDS_AT_ONCE`; None: all, counted."""
    wanted = f"{RESOURCES}?$select={_RESOURCE}&$expand={_USER}"
    if ids is None:
        return f"{wanted}&$orderby=bookableresourceid&$count=true"
    return f"{wanted}&$filter={_among('bookableresourceid', ids)}"


def _counted(condition: str, *, place: bool, orders: bool) -> str:
    expand = "&$expand=msdyn_workorder($select=msdyn_workorderid,versionnumber)" if orders else ""
    order = "$orderby=bookableresourcebookingid&$count=true"
    return f"{BOOKINGS}?$select={_thin(place)}{expand}&$filter={_quoted(condition)}&{order}"


def _within(column: str, span: Span) -> str:
    since = f"{column} ge {_zulu(span.begin)} and " if span.begin is not None else ""
    return f"{since}{column} lt {_zulu(span.end)}"


def _thin(place: bool) -> str:
    return _THIN + _PLACE if place else _THIN


def _detail(place: bool) -> str:
    return f"$select={_thin(place)},modifiedon&$expand=msdyn_workorder($select={_ORDER};$expand={_ACCOUNT})"


def _among(name: str, ids: Sequence[str]) -> str:
    listed = ",".join(f"'{each}'" for each in ids)
    return _quoted(f"Microsoft.Dynamics.CRM.In(PropertyName='{name}',PropertyValues=[{listed}])")


def _quoted(expression: str) -> str:
    return quote(expression, safe="=(),':")


def _zulu(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
