"""Who am I, which organization, which tables: what a client asks before it asks for rows."""

import pytest
from tests.embedded.fieldservice.room import ORGANIZATION, TENANT
from tzlocal.windows_tz import win_tz


@pytest.mark.parametrize(
    "form",
    [
        "RetrieveCurrentOrganization(AccessType=@p)?@p=Microsoft.Dynamics.CRM.EndpointAccessType'Default'",
        "RetrieveCurrentOrganization(AccessType='Default')",
    ],
)
def test_the_organization_tells_its_tenant(room, form):
    detail = room.get(form).body["Detail"]
    assert (detail["OrganizationId"], detail["TenantId"]) == (ORGANIZATION, TENANT)


def test_who_am_i_tells_the_organization(room):
    body = room.get("WhoAmI").body
    assert body.keys() == {"@odata.context", "BusinessUnitId", "UserId", "OrganizationId"}
    assert body["OrganizationId"] == ORGANIZATION


@pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2"])
def test_links_stay_with_the_version_that_was_asked(room, version):
    context = room.get(f"/api/data/{version}/accounts").body["@odata.context"]
    assert f"/api/data/{version}/$metadata#accounts" in context


def test_a_table_tells_its_set_and_its_id(room):
    path = "EntityDefinitions?%24select=LogicalName%2CEntitySetName%2CPrimaryIdAttribute&%24filter=LogicalName+eq+%27msdyn_priority%27"
    assert room.get(f"/api/data/v9.2/{path}").rows == [
        {"LogicalName": "msdyn_priority", "EntitySetName": "msdyn_priorities", "PrimaryIdAttribute": "msdyn_priorityid"}
    ]


@pytest.mark.parametrize(
    ("condition", "number"),
    [
        ("LogicalName eq 'nothing'", 0),
        ("LogicalName eq 'account' or EntitySetName eq 'contacts'", 2),
        ("IsPrivate eq false and LogicalName ne 'account'", 21),
    ],
)
def test_tables_are_filtered(room, condition, number):
    assert len(room.get(f"EntityDefinitions?$filter={condition}").rows) == number


def test_relationships_tell_the_navigation_names_in_their_case(room):
    path = (
        "EntityDefinitions(LogicalName='bookableresourcebooking')/ManyToOneRelationships"
        "?$select=ReferencingAttribute,ReferencingEntityNavigationPropertyName,ReferencedEntity"
    )
    names = {row["ReferencingAttribute"]: row["ReferencingEntityNavigationPropertyName"] for row in room.get(path).rows}
    assert names == {
        "resource": "Resource",
        "bookingstatus": "BookingStatus",
        "header": "Header",
        "msdyn_workorder": "msdyn_workorder",
        "msdyn_crew": "msdyn_Crew",
    }


def test_choices_tell_their_labels(room):
    path = (
        "EntityDefinitions(LogicalName='bookingstatus')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
        "?$select=LogicalName&$expand=OptionSet($select=Options)"
    )
    options = {row["LogicalName"]: row["OptionSet"]["Options"] for row in room.get(path).rows}
    labels = {each["Value"]: each["Label"]["UserLocalizedLabel"]["Label"] for each in options["status"]}
    assert labels == {1: "Proposed", 2: "Committed", 3: "Canceled"}


def test_attributes_tell_their_types(room):
    rows = room.get("EntityDefinitions(LogicalName='account')/Attributes?$select=LogicalName,AttributeType").rows
    types = {row["LogicalName"]: row["AttributeType"] for row in rows}
    assert (types["name"], types["primarycontactid"], types["accountid"]) == ("String", "Lookup", "Uniqueidentifier")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("EntityDefinitions(LogicalName='nothing')", 404),
        ("EntityDefinitions(LogicalName='account')/Colours", 404),
        ("EntityDefinitions?$filter=contains(LogicalName,'x')", 400),
        ("EntityDefinitions?$select=Nothing", 400),
    ],
)
def test_unknown_metadata_is_refused(room, path, status):
    assert room.get(path).status == status


def test_the_root_lists_the_sets(room):
    assert {"name": "mailboxes", "kind": "EntitySet", "url": "mailboxes"} in room.get("").rows


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (4, "Pacific Standard Time"), (10, "Mountain Standard Time"), (20, "Central Standard Time"),
        (35, "Eastern Standard Time"), (85, "GMT Standard Time"), (92, "UTC"), (110, "W. Europe Standard Time"),
        (190, "India Standard Time"), (255, "AUS Eastern Standard Time"),
    ],
)  # fmt: skip
def test_time_zones_map_codes_to_windows_names(room, code, name):
    rows = room.get(f"timezonedefinitions?$select=standardname&$filter=timezonecode eq {code}").rows
    assert [row["standardname"] for row in rows] == [name]


def test_every_time_zone_has_an_iana_name(room):
    rows = room.get("timezonedefinitions?$select=standardname").rows
    assert {row["standardname"] for row in rows} <= win_tz.keys()
