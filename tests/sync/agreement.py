"""What the state remembers of events, beside what stands in the calendars."""

from __future__ import annotations

from tests.sync.oracle import Wrong
from tests.sync.people import People
from tests.sync.world import ENVIRONMENT

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
            there = stage.world.exchange
            if link is None or not there.is_event(link.event, box, stand.raw):
                raise Wrong(f"the state does not know the event of {what}")
            # What a hand did is written over once the rules want an event there again (D8).
            if link.intent is not None or (link.rewrite and not link.restored):
                raise Wrong(f"the state is not done with {what}")
            etag = there.is_etag(link.etag, box, stand.raw)
            if not etag and place.touched is None and stand.raw.key not in stage.oracle.categories:
                raise Wrong(f"the state holds a stale etag for {what}")
