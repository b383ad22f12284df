"""The tables of the field service, with the names, codes and navigation properties of the Field Service reference.

https://learn.microsoft.com/en-us/dynamics365/developer/reference/entities/bookableresourcebooking and its neighbours;
the case of a navigation property matters: `Resource`, but `msdyn_workorder`.
"""

from __future__ import annotations

from fieldcal.embedded.fieldservice.hook_tables import HOOK_TABLES
from fieldcal.embedded.fieldservice.mail_tables import MAIL_TABLES
from fieldcal.embedded.fieldservice.schema import Column, Schema, Table, lookup, option, yes_no

WORK_LOCATION = {690970000: "Onsite", 690970001: "Facility", 690970002: "Location Agnostic"}
ADDRESS_PARTS = (
    ("address1", 250),
    ("address2", 250),
    ("address3", 250),
    ("city", 80),
    ("stateorprovince", 50),
    ("postalcode", 20),
    ("country", 80),
)

ACCOUNT = Table(
    "account",
    "accounts",
    "accountid",
    "name",
    (
        Column("name", "string", 160, required=True),
        Column("accountnumber", "string", 20),
        Column("telephone1", "string", 50),
        Column("emailaddress1", "string", 100),
        Column("address1_line1", "string", 250),
        Column("address1_city", "string", 80),
        Column("address1_stateorprovince", "string", 50),
        Column("address1_postalcode", "string", 20),
        Column("address1_country", "string", 80),
        Column("description", "memo", 2000),
        lookup("primarycontactid", "contact"),
    ),
)
CONTACT = Table(
    "contact",
    "contacts",
    "contactid",
    "fullname",
    (
        Column("firstname", "string", 50),
        Column("lastname", "string", 50),
        Column("fullname", "string", 160, read_only=True),
        Column("telephone1", "string", 50),
        Column("mobilephone", "string", 50),
        Column("emailaddress1", "string", 100),
        lookup("parentcustomerid", "account", nav="parentcustomerid_account"),
    ),
)
USER = Table(
    "systemuser",
    "systemusers",
    "systemuserid",
    "fullname",
    (
        Column("fullname", "string", 200),
        Column("internalemailaddress", "string", 100),
        Column("azureactivedirectoryobjectid", "guid"),
        Column("domainname", "string", 1024),
        yes_no("isdisabled", default=False),
        lookup("defaultmailbox", "mailbox"),
    ),
    stateful=False,
)
RESOURCE_TYPES = {
    1: "Generic",
    2: "Contact",
    3: "User",
    4: "Equipment",
    5: "Account",
    6: "Crew",
    7: "Facility",
    8: "Pool",
}
RESOURCE = Table(
    "bookableresource",
    "bookableresources",
    "bookableresourceid",
    "name",
    (
        Column("name", "string", 100, required=True),
        option("resourcetype", RESOURCE_TYPES, default=3),
        Column("timezone", "integer", default=92),
        Column("msdyn_primaryemail", "string", 100),
        option(
            "msdyn_crewstrategy",
            {
                192350000: "Cascade and Accept Cascade Completely",
                192350001: "Crew Leader Management",
                192350002: "Crew Member Self-Management",
            },
        ),
        # of our own: Dataverse keeps working hours as calendar rules, which no sync needs
        Column("fieldcal_workinghours", "string", 200),
        option("msdyn_enableappointments", {192350000: "No", 192350001: "Yes"}),
        option("msdyn_enableoutlookschedules", {192350000: "No", 192350001: "Yes"}),
        lookup("userid", "systemuser", nav="UserId"),
        lookup("contactid", "contact", nav="ContactId"),
        lookup("accountid", "account", nav="AccountId"),
    ),
)
#: who is a member of a crew, and from when to when
GROUP = Table(
    "bookableresourcegroup",
    "bookableresourcegroups",
    "bookableresourcegroupid",
    "name",
    (
        Column("name", "string", 100, required=True),
        Column("fromdate", "datetime", required=True),
        Column("todate", "datetime", required=True),
        lookup("parentresource", "bookableresource", nav="ParentResource", on_delete="cascade", indexed=True),
        lookup("childresource", "bookableresource", nav="ChildResource", on_delete="cascade"),
        # of our own: Field Service tells the leader by the crew's requirement group
        yes_no("fieldcal_leads", default=False),
    ),
)
STATUS = Table(
    "bookingstatus",
    "bookingstatuses",
    "bookingstatusid",
    "name",
    (
        Column("name", "string", 100, required=True),
        option("status", {1: "Proposed", 2: "Committed", 3: "Canceled"}, default=1),
        option(
            "msdyn_fieldservicestatus",
            {
                690970000: "Scheduled",
                690970001: "Traveling",
                690970002: "On Break",
                690970003: "In Progress",
                690970004: "Completed",
                690970005: "Canceled",
            },
        ),
        Column("msdyn_statuscolor", "string", 100),
    ),
)
PRIORITY = Table(
    "msdyn_priority",
    "msdyn_priorities",
    "msdyn_priorityid",
    "msdyn_name",
    (
        Column("msdyn_name", "string", 100, required=True),
        Column("msdyn_levelofimportance", "integer"),
        Column("msdyn_priorityvalue", "integer"),
        Column("msdyn_prioritycolor", "string", 100),
    ),
)
ORDER_TYPE = Table(
    "msdyn_workordertype",
    "msdyn_workordertypes",
    "msdyn_workordertypeid",
    "msdyn_name",
    (Column("msdyn_name", "string", 100, required=True),),
)
INCIDENT_TYPE = Table(
    "msdyn_incidenttype",
    "msdyn_incidenttypes",
    "msdyn_incidenttypeid",
    "msdyn_name",
    (
        Column("msdyn_name", "string", 100, required=True),
        Column("msdyn_description", "memo", 8000),
        Column("msdyn_estimatedduration", "integer"),
    ),
)
WORK_ORDER = Table(
    "msdyn_workorder",
    "msdyn_workorders",
    "msdyn_workorderid",
    "msdyn_name",
    (
        Column("msdyn_name", "string", 100),
        Column("msdyn_workordersummary", "memo", 1_048_576),
        Column("msdyn_instructions", "memo", 8000),
        Column("msdyn_primaryincidentdescription", "memo", 8000),
        option(
            "msdyn_systemstatus",
            {
                690970000: "Unscheduled",
                690970001: "Scheduled",
                690970002: "In Progress",
                690970003: "Completed",
                690970004: "Posted",
                690970005: "Canceled",
            },
            default=690970000,
        ),
        Column("msdyn_addressname", "string", 200),
        *(Column(f"msdyn_{part}", "string", length) for part, length in ADDRESS_PARTS),
        Column("msdyn_displayaddress", "string", 4000, read_only=True),
        Column("msdyn_latitude", "double"),
        Column("msdyn_longitude", "double"),
        Column("msdyn_datewindowstart", "date"),
        Column("msdyn_datewindowend", "date"),
        Column("msdyn_timewindowstart", "datetime"),
        Column("msdyn_timewindowend", "datetime"),
        Column("msdyn_timefrompromised", "datetime"),
        Column("msdyn_timetopromised", "datetime"),
        option("msdyn_worklocation", WORK_LOCATION, default=690970000),
        Column("msdyn_totalestimatedduration", "integer"),
        Column("msdyn_firstarrivedon", "datetime"),
        Column("msdyn_completedon", "datetime"),
        Column("utcconversiontimezonecode", "integer"),
        lookup("msdyn_serviceaccount", "account"),
        lookup("msdyn_billingaccount", "account"),
        lookup("msdyn_reportedbycontact", "contact"),
        lookup("msdyn_supportcontact", "bookableresource", nav="msdyn_SupportContact"),
        lookup("msdyn_priority", "msdyn_priority"),
        lookup("msdyn_workordertype", "msdyn_workordertype"),
        lookup("msdyn_primaryincidenttype", "msdyn_incidenttype"),
        lookup("msdyn_parentworkorder", "msdyn_workorder", nav="msdyn_parentworkorder_msdyn_workorder"),
    ),
    indexes=(
        ("msdyn_name",), ("createdon", "msdyn_workorderid"), ("msdyn_timetopromised",), ("msdyn_city",),
        ("msdyn_serviceaccount", "createdon"), ("msdyn_systemstatus", "createdon"),
        ("msdyn_workordertype", "createdon"), ("msdyn_priority", "createdon"),
    ),
)  # fmt: skip
HEADER = Table(
    "bookableresourcebookingheader",
    "bookableresourcebookingheaders",
    "bookableresourcebookingheaderid",
    "name",
    (
        Column("name", "string", 100),
        Column("starttime", "datetime"),
        Column("endtime", "datetime"),
        Column("duration", "integer"),
    ),
)
BOOKING = Table(
    "bookableresourcebooking",
    "bookableresourcebookings",
    "bookableresourcebookingid",
    "name",
    (
        Column("name", "string", 100),
        Column("starttime", "datetime", required=True, indexed=True),
        Column("endtime", "datetime", required=True, indexed=True),
        Column("duration", "integer"),
        option("bookingtype", {1: "Solid", 2: "Liquid"}, default=1),
        lookup("resource", "bookableresource", nav="Resource", required=True, indexed=True),
        lookup("bookingstatus", "bookingstatus", nav="BookingStatus", required=True),
        lookup("header", "bookableresourcebookingheader", nav="Header", on_delete="cascade", indexed=True),
        lookup("msdyn_workorder", "msdyn_workorder", indexed=True),
        lookup("msdyn_crew", "bookableresource", nav="msdyn_Crew"),
        option(
            "msdyn_crewmembertype", {192350000: "Leader", 192350001: "Member", 192350002: "None"}, default=192350002
        ),
        # of our own: the worker whom it was made for with a crew; whom it is given to goes alone
        Column("fieldcal_crewmember", "guid"),
        Column("msdyn_estimatedarrivaltime", "datetime"),
        Column("msdyn_actualarrivaltime", "datetime"),
        Column("msdyn_estimatedtravelduration", "integer"),
        Column("msdyn_actualtravelduration", "integer"),
        Column("msdyn_latitude", "double"),
        Column("msdyn_longitude", "double"),
        option("msdyn_worklocation", WORK_LOCATION),
        option(
            "msdyn_bookingmethod",
            {
                192350000: "Optimization",
                690970001: "Schedule Board",
                690970002: "Mobile",
                690970003: "Manual",
                690970004: "Schedule Assistant",
                690970005: "System - Agreement Schedule",
            },
        ),
        yes_no("msdyn_allowoverlapping", default=False),
        Column("msdyn_globalobjectid", "string", 100),
    ),
)
ORGANIZATION = Table(
    "organization",
    "organizations",
    "organizationid",
    "name",
    (
        Column("name", "string", 160),
        Column("expirechangetrackingindays", "integer", default=7),
        Column("languagecode", "integer", default=1033),
    ),
    stateful=False,
)
TIME_ZONE = Table(
    "timezonedefinition",
    "timezonedefinitions",
    "timezonedefinitionid",
    "standardname",
    (
        Column("timezonecode", "integer"),
        Column("standardname", "string", 100),
        Column("daylightname", "string", 100),
        Column("userinterfacename", "string", 100),
    ),
    stateful=False,
)

SCHEMA = Schema(
    (
        ACCOUNT,
        CONTACT,
        USER,
        RESOURCE,
        GROUP,
        STATUS,
        PRIORITY,
        ORDER_TYPE,
        INCIDENT_TYPE,
        WORK_ORDER,
        HEADER,
        BOOKING,
        ORGANIZATION,
        TIME_ZONE,
        *MAIL_TABLES,
        *HOOK_TABLES,
    )
)
