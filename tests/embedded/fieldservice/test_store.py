"""The store on SQLite and on PostgreSQL: the same stories; and what a file remembers."""

import sqlite3
from contextlib import suppress

import pytest
from sqlalchemy import inspect
from tests.embedded.fieldservice.room import FORMATTED, ORGANIZATION, Room

from fieldcal.embedded.fieldservice import FieldService, Store
from fieldcal.embedded.fieldservice.database import WrongLayout
from fieldcal.embedded.fieldservice.tables import ACCOUNT

BOOKINGS = "bookableresourcebookings"


class Undone(Exception):
    """What a transaction is given up by."""


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request, tmp_path):
    address = tmp_path / "fs.sqlite3" if request.param == "sqlite" else request.getfixturevalue("empty_postgres")
    made = Room(address).fill()
    yield made
    made.service.close()


def test_both_databases_read_filter_expand_and_page_alike(stored):
    for day in (24, 25, 26):
        stored.book(
            f"2026-11-{day}T09:00:00Z", f"2026-11-{day}T10:00:00Z", msdyn_globalobjectid=None if day == 25 else "x"
        )
    stored.book(msdyn_workorder=None, name="No order")
    path = (
        f"{BOOKINGS}?$select=starttime,_resource_value,msdyn_allowoverlapping"
        "&$filter=contains(Resource/name,'ANN') and not (name eq 'no order') and msdyn_workorder/msdyn_city eq 'lyon'"
        "&$orderby=msdyn_globalobjectid,starttime desc&$expand=msdyn_workorder($select=msdyn_name)"
    )

    async def story(client):
        prefer = f'odata.maxpagesize=2,odata.include-annotations="{FORMATTED}"'
        first = await client.get(path, prefer=prefer)
        second = await client.get(first.body["@odata.nextLink"], prefer=prefer)
        return first.rows + second.rows

    rows = stored.run(story)
    assert [row["starttime"][8:10] for row in rows] == ["25", "26", "24"]
    assert rows[0]["msdyn_allowoverlapping"] is False
    assert rows[0][f"_resource_value@{FORMATTED}"] == "Anna"
    assert rows[0]["msdyn_workorder"]["msdyn_name"] == "00042"


def test_both_databases_track_changes_alike(stored):
    async def story(client):
        kept, gone = stored.book(), stored.book()
        first = await client.get(f"{BOOKINGS}?$select=name", prefer="odata.track-changes")
        stored.store.remove("bookableresourcebooking", gone)
        stored.store.remove("msdyn_workorder", stored.order)
        second = await client.get(first.body["@odata.deltaLink"])
        return kept, gone, second.rows

    kept, gone, rows = stored.run(story)
    assert [row.get("bookableresourcebookingid") or row["id"] for row in rows] == [kept, gone]


def test_both_databases_load_many_rows_with_defaults_and_versions_of_their_own(stored):
    rows = [
        {
            "starttime": "2026-11-24T09:00:00Z",
            "endtime": "2026-11-24T10:15:00Z",
            "resource": stored.anna,
            "bookingstatus": stored.status,
        }
        for _ in range(500)
    ]
    before = stored.store.version()
    assert stored.store.load("bookableresourcebooking", rows) == 500
    loaded = stored.store.rows("bookableresourcebooking")
    assert sorted(row["versionnumber"] for row in loaded) == list(range(before + 1, before + 501))
    assert {(row["duration"], row["statecode"], row["statuscode"]) for row in loaded} == {(75, 0, 1)}


def test_both_databases_tell_what_another_process_has_written_from_what_was_written_here(stored):
    here, another = stored.store, Store(stored.store.engine.url.render_as_string(hide_password=False))
    before = here.written_elsewhere()
    account = here.create("account", {"name": "Contoso"})
    here.load("account", [{"name": "A"}, {"name": "B"}])
    with suppress(Undone), here.writing() as tx:
        here.insert(tx, ACCOUNT, {"name": "never kept"})
        raise Undone
    here.remove("account", account)
    here.expire_tokens()
    assert here.written_elsewhere() == before
    another.create("account", {"name": "Fabrikam"})
    assert here.written_elsewhere() > before
    another.close()


def test_both_databases_refuse_what_is_missing(stored):
    assert stored.ask("POST", BOOKINGS, {"name": "x"}).status == 400
    assert stored.ask("POST", "accounts", {"name": "a\0b"}).status == 400


def test_loaded_work_orders_without_a_number_get_the_next_ones():
    with FieldService(":memory:") as service:
        service.store.load("msdyn_workorder", [{"msdyn_name": "A"}, {}, {}])
        made = service.store.create("msdyn_workorder", {})
        names = {row["msdyn_name"] for row in service.store.rows("msdyn_workorder")}
        assert names == {"A", "00001", "00002", "00003"}
        assert service.store.get("msdyn_workorder", made)["msdyn_name"] == "00003"


def test_a_file_keeps_its_rows_and_its_organization(tmp_path):
    path = tmp_path / "fs.sqlite3"
    with FieldService(path) as first:
        account = first.store.create("account", {"name": "Contoso"})
        identity = first.organization_id, first.tenant_id
    with FieldService(path) as again:
        assert (again.organization_id, again.tenant_id) == identity
        assert again.store.get("account", account)["name"] == "Contoso"


def test_a_file_of_another_organization_is_refused(tmp_path):
    path = tmp_path / "fs.sqlite3"
    FieldService(path).close()
    with pytest.raises(ValueError, match="belongs to organization"):
        FieldService(path, organization_id=ORGANIZATION)


def test_a_file_of_another_layout_is_refused(tmp_path):
    path = tmp_path / "fs.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE counters SET value = 99 WHERE name = 'layout'")
    connection.close()
    with pytest.raises(WrongLayout, match="layout 99"):
        Store(path)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_database_of_the_first_layout_gets_what_came_later_and_keeps_what_it_holds(database, request, tmp_path):
    address = tmp_path / "fs.sqlite3" if database == "sqlite" else request.getfixturevalue("empty_postgres")
    store = Store(address)
    worker = store.create("bookableresource", {"name": "Anna"})
    with store.writing() as tx:
        tx.exec_driver_sql("ALTER TABLE bookableresource DROP COLUMN fieldcal_workinghours")
        tx.exec_driver_sql("DROP TABLE bookableresourcegroup")
        tx.exec_driver_sql("DROP TABLE former_addresses")
        tx.exec_driver_sql("DROP INDEX ix_msdyn_workorder_createdon_list")
        tx.exec_driver_sql("UPDATE counters SET value = 1 WHERE name = 'layout'")
    store.close()
    for _ in range(2):
        store = Store(address)
        row = store.get("bookableresource", worker)
        assert store.rows("bookableresourcegroup") == []
        assert inspect(store.engine).has_table("former_addresses")
        indexes = {index["name"] for index in inspect(store.engine).get_indexes("msdyn_workorder")}
        assert "ix_msdyn_workorder_createdon_list" in indexes
        store.close()
        assert (row["name"], row["fieldcal_workinghours"]) == ("Anna", None)


def test_two_services_share_a_file(tmp_path):
    path = tmp_path / "fs.sqlite3"
    with FieldService(path) as one, FieldService(path) as other:
        account = one.store.create("account", {"name": "Contoso"})
        other.store.change("account", account, {"name": "Fabrikam"})
        assert one.store.get("account", account)["name"] == "Fabrikam"
