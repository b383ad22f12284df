"""What the state remembers of events, beside what stands in the calendars."""

from __future__ import annotations

from uuid import UUID

from tests.sync.oracle import Wrong
from tests.sync.people import People
from tests.sync.world import ENVIRONMENT

from fieldcal.embedded.exchange import ids
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.state import links


def links_agree(stage: People) -> None:
    """What is remembered is what stands there, so that the next change takes one request."""
    for box in stage.oracle.on:
        with stage.world.database.read() as tx:
            linked = {str(link.booking): link for link in links.of_mailbox(tx, ENVIRONMENT, box)}
        for (at, booking), place in stage.oracle.places.items():
            if at != box or place.stand is None:
                continue
            link, stand = linked.get(booking), place.stand
            what = f"{stage.oracle.name(booking)} in {stage.boxes[box]}"
            event, etag = names(box, stand.raw)
            if link is None or link.event != event:
                raise Wrong(f"the state does not know the event of {what}")
            # What a hand did is written over once the rules want an event there again (D8).
            if link.intent is not None or (link.rewrite and not link.restored):
                raise Wrong(f"the state is not done with {what}")
            if link.etag != etag and place.touched is None and stand.raw.key not in stage.oracle.categories:
                raise Wrong(f"the state holds a stale etag for {what}")


def names(box: str, event: StoredEvent) -> tuple[str, str]:
    """The id and the etag under which the server knows this event now."""
    return ids.immutable_id(UUID(box), event.key), ids.etag(ids.change_key(UUID(box), event.change))
