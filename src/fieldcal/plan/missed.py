"""Whether a booking should stand in a calendar, so that one in which it does not stand is missed by people. Pure."""

from __future__ import annotations

from fieldcal.model import Known, StatusKind, Window, Worker, WorkerKind
from fieldcal.plan.settings import Proposed, Settings, WithoutWorkOrder


def due(known: Known, worker: Worker | None, gone: bool, settings: Settings, window: Window) -> bool:
    """By the rules it belongs into somebody's calendar now, whatever keeps it out.

    `state.booking_lists` asks the same of the database; a test holds one against the other.

    Not one that was canceled, deleted or left out by setting, and not one of equipment, a crew or a place (D10). One of
    nobody, of a worker who is not known and of one without a mailbox is due: somebody has to mend that.
    """
    row = known.booking
    if known.deleted_at is not None or not row.active or row.kind is StatusKind.CANCELED:
        return False
    if not window.holds(row.start, row.end):
        return False
    if row.work_order is None and settings.without_work_order is WithoutWorkOrder.SKIP:
        return False
    if row.kind is StatusKind.PROPOSED and settings.proposed is Proposed.LEAVE_OUT:
        return False
    nobodys = worker is not None and not gone and worker.mailbox is None and worker.kind is not WorkerKind.USER
    return not nobodys
