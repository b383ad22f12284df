"""Faults where several machines share the work: jobs lost or doubled, who goes first, the dead, the stopped, the outgrown."""

from __future__ import annotations

from tests.planted.fault import Fault

_CLUSTER, _TICKETS, _SHARED = (
    "tests/engine/test_cluster.py",
    "tests/engine/test_tickets.py",
    "tests/engine/test_shared.py",
)
_LOST, _CUT = "tests/engine/test_queue_lost.py", "tests/engine/test_cut.py"
_CONTRACT, _SERVICE = "tests/contracts/test_engine_contract.py", "tests/engine/test_service.py"

SEVERAL = (
    Fault(
        "what a dead worker had stays with the dead", "I2", "engine/cluster.py",
        "                    await _relieve(queue, row)\n", "                    await asyncio.sleep(0 * len(row.queue))\n",
        "A mailbox that a worker had in hand when it died is written to by nobody until the queue is emptied by hand.",
        f"{_CLUSTER}::test_another_takes_the_job_of_a_worker_that_is_gone_and_one_that_wakes_works_on[killed]",
    ),
    Fault(
        "the end of a job is told once", "I2", "engine/steady.py",
        "                if self.stopping:\n                    return None\n", "                return None\n",
        "One connection that breaks as a job ends, and the job is run a second time for nothing.",
        f"{_LOST}::test_the_end_of_a_job_that_was_lost_is_told_again_and_its_key_is_free",
    ),
    Fault(
        "a worker that is stopped tells ends for ever", "I2", "engine/steady.py",
        "                if self.stopping:\n                    return None\n", "",
        "A worker that is to end while the database is away does not, until it is killed.",
        f"{_LOST}::test_a_worker_that_is_stopped_while_the_database_is_away_ends_and_another_does_what_it_could_not_tell",
    ),
    Fault(
        "what was lost on its way is nobody's", "I2", "engine/cluster.py",
        ", *await queue.strays()]:\n", "]:\n",
        "A mailbox whose job was handed out as a connection broke is locked for as long as that worker lives.",
        f"{_LOST}::test_a_job_that_was_lost_on_its_way_here_waits_again_and_what_is_in_hand_does_not",
    ),
    Fault(
        "what is in hand is taken for lost", "I8", "engine/steady.py",
        " for row in rows if row.id not in held]\n", " for row in rows if held or not held]\n",
        "Each job that takes longer than five seconds is begun a second time.",
        f"{_LOST}::test_a_job_that_was_lost_on_its_way_here_waits_again_and_what_is_in_hand_does_not",
    ),
    Fault(
        "a question without an answer ends the worker", "I2", "engine/steady.py",
        'tell_away("no job can be taken from the queue", error)\n                return None\n',
        'tell_away("no job can be taken from the queue", error)\n                raise\n',
        "After a blip of the database a worker takes nothing until its nightly check is done, hours later.",
        f"{_LOST}::test_while_a_long_job_is_in_hand_a_database_that_was_away_keeps_no_other_job_waiting",
    ),
    Fault(
        "who stops is silent", "I8", "engine/cluster.py",
        "        for tasks in (working, around):\n", "        for tasks in (around, working):\n",
        "What a worker that was told to stop still has in hand is begun by another beside it.",
        f"{_LOST}::test_a_worker_that_is_stopped_shows_that_it_lives_until_what_it_has_in_hand_is_done",
    ),
    Fault(
        "the last wishes of a worker are forgotten", "I2", "engine/cluster.py",
        "        for tasks in (working, around):\n"
        "            for task in tasks:\n"
        "                task.cancel()\n"
        "            await asyncio.gather(*tasks, return_exceptions=True)\n"
        "        try:\n",
        "        for tasks in (around, working):\n"
        "            for task in tasks:\n"
        "                task.cancel()\n"
        "            await asyncio.gather(*tasks, return_exceptions=True)\n"
        "            self._outbox.clear()\n"
        "        try:\n",
        "A person's pass that a stopping worker has put back ends as never begun.",
        f"{_LOST}::test_what_a_job_in_hand_asks_for_when_its_worker_is_stopped_waits_for_another",
    ),
    Fault(
        "who was called dead stays so", "I2", "engine/steady.py",
        "query=_BEAT, worker_id", 'query="SELECT %(worker_id)s::bigint", worker_id',
        "A worker that stood still for five minutes takes no job any more, and says nothing but that.",
        f"{_LOST}::test_a_worker_that_was_taken_off_the_list_stands_there_again_and_takes_jobs",
    ),
    Fault(
        "another's job is ended", "I8", "engine/steady.py",
        " AND status = 'doing' AND worker_id = %(worker_id)s", " AND status = 'doing'",
        "A worker that wakes frees the key of a mailbox in which another is at work.",
        f"{_LOST}::test_whose_job_another_has_taken_over_does_not_end_it_for_the_other",
    ),
    Fault(
        "after an outage everybody is dead", "I8", "engine/cluster.py",
        "                await self._clock.sleep(self._beats.dead)\n", "                await self._clock.sleep(AGAIN)\n",
        "After a restart of the database long jobs are begun a second time, beside those who have them in hand.",
        f"{_LOST}::test_after_the_database_was_away_nobody_is_taken_for_dead_before_he_could_show_that_he_lives",
    ),
    Fault(
        "jobs that could not be sent are forgotten", "I2", "engine/cluster.py",
        "                self._outbox = dict.fromkeys(jobs) | self._outbox\n", "",
        "A booking that was announced while the database restarted appears a quarter of an hour late.",
        f"{_CLUSTER}::test_the_database_goes_and_comes_back_and_what_was_enqueued_meanwhile_is_run",
    ),
    Fault(
        "SIGTERM leaves what is in hand", "I2", "engine/cluster.py",
        "concurrency=self._at_once, install", "concurrency=self._at_once, shutdown_graceful_timeout=0.0, install",
        "Each stop of a worker leaves mailboxes half written and locked for two minutes.",
        f"{_CONTRACT}::test_when_it_is_stopped_what_is_in_hand_is_finished_and_nothing_else_begun",
    ),
    Fault(
        "what an older worker does not know is thrown away", "I2", "engine/cluster.py",
        "                await self._leave(queue, context.job, newer)\n", "                log.debug(str(newer))\n",
        "While machines are brought up one by one, half of what is asked for is never done.",
        f"{_CLUSTER}::test_a_job_of_a_newer_version_is_left_to_a_newer_worker_and_the_older_works_on",
    ),
    Fault(
        "what is left to newer workers holds up the rest", "I7", "engine/tickets.py",
        "queue=row.queue, lock=None,", "queue=row.queue, lock=row.lock,",
        "One job that an older worker does not know keeps every other one of that mailbox waiting.",
        f"{_TICKETS}::test_what_is_left_to_newer_workers_says_the_same_holds_nobody_up_and_ends",
    ),
    Fault(
        "a new field is not looked at", "I4", "engine/tickets.py",
        "    if new:\n", "    if len(new) > 99:\n",
        "What a newer version asks for with care, an older worker does without it.",
        f"{_TICKETS}::test_a_row_of_another_version_is_the_job_that_it_says_or_left_to_newer_workers",
    ),
    Fault(
        "the queue has no lock for a mailbox", "I8", "engine/tickets.py",
        "lock=job.key, queueing_lock=waits", "lock=None, queueing_lock=waits",
        "Workers stand in each other's way in one mailbox, and both come back again and again.",
        f"{_CONTRACT}::test_two_of_one_key_never_run_together_and_others_pass_them",
    ),
    Fault(
        "a crowd fills the queue", "I7", "engine/tickets.py",
        "if room <= 0 or row", "if room == WINDOW + 1 or row",
        "Who has ten mailboxes waits for all 100,000 of another.",
        f"{_TICKETS}::test_what_goes_into_the_queue_beside_what_is_there",
    ),
    Fault(
        "one look stands for all", "I2", "engine/tickets.py",
        "    waits = None if job.kind is Kind.LOOK and job.named else", "    waits = None if not job.kind.name else",
        "Of two bookings that notifications name, one is looked at.",
        f"{_TICKETS}::test_what_goes_into_the_queue_beside_what_is_there",
    ),
    Fault(
        "writing goes before reading", "I7", "engine/tickets.py",
        "        return 20\n", "        return 47\n",
        "While one environment writes its first load, nobody's changes are read.",
        f"{_CLUSTER}::test_reading_goes_before_a_crowd_of_mailboxes_and_a_person_before_all",
    ),
    Fault(
        "a dead worker's pass is an answer", "I2", "engine/shared.py",
        " and one.error not in _READ_NOTHING]", "]",
        "A person is told that all is written, and nothing was read.",
        f"{_SHARED}::test_an_answer_to_a_person_is_a_pass_that_has_read_whatever_became_of_others",
    ),
    Fault(
        "whom a person named waits with the crowd", "I7", "engine/shared.py",
        "first = [ask(Priority.PERSON,", "first = [ask(Priority.CHANGE,",
        "An administrator who waits for one mailbox waits for a thousand others.",
        f"{_SHARED}::test_a_pass_hands_out_what_it_found_due_those_first_that_a_person_named",
    ),
    Fault(
        "the youngest go first", "I7", "engine/shared.py",
        "is Kind.MAILBOX][:MOST]", "is Kind.MAILBOX][-MOST:]",
        "In a crowd those who wait the longest wait for ever.",
        f"{_SHARED}::test_the_schedule_asks_for_the_mailboxes_that_are_due_for_the_longest_and_for_all_else",
    ),
    Fault(
        "passes of the dead stay under way", "I2", "engine/service.py",
        "        await cut.close(self._database, self._clock, job, queued=self._part is not None)\n        wishes", "        wishes",
        "A pass whose process was killed is shown as under way for ever.",
        f"{_SERVICE}::test_a_pass_of_a_command_that_was_killed_beside_the_service_is_told_as_interrupted_by_the_next",
    ),
    Fault(
        "who is between two leases is dead", "I7", "engine/cut.py",
        "    return before == await database.reading(leases.takings, clock.now())\n", "    return before is not None\n",
        "A second service on PostgreSQL tells the passes of the first as interrupted while they are under way.",
        f"{_CUT}::test_what_another_process_may_be_at_is_not_called_interrupted",
    ),
    Fault(
        "who holds a lease is dead", "I7", "state/leases.py",
        "    return None if held is not None else", "    return",
        "The same where the first is in the midst of a mailbox.",
        f"{_CUT}::test_what_another_process_may_be_at_is_not_called_interrupted",
    ),
    Fault(
        "a state that was away is the source's fault", "I7", "engine/service.py",
        "        if isinstance(error, StateAway):\n", "        if not error.args:\n",
        "A restart of the database puts every source off and tells the administrator to look at them.",
        f"{_SHARED}::test_a_state_that_was_away_is_no_word_about_the_source_and_the_job_is_asked_for_again",
    ),
    Fault(
        "a service that broke was stopped", "I2", "engine/service.py",
        "            await part\n", "            part.cancelled()\n",
        "The process ends with status 0, nobody starts it again, and no booking reaches a calendar.",
        f"{_SHARED}::test_an_engine_that_breaks_ends_the_service_with_its_error",
    ),
    Fault(
        "an older worker works on a newer state", "I2", "engine/outgrown.py",
        "            await database.reading(schema.check)\n", "            await database.reading(schema.is_strange)\n",
        "A worker that was forgotten at an upgrade writes rows that the new version cannot read.",
        f"{_SHARED}::test_a_state_that_a_newer_version_has_brought_up_ends_the_service_and_says_so",
    ),
    Fault(
        "what is written after its pass is churn", "R10", "engine/errands.py",
        "    return replace(tally, same=0)\n", "    return tally\n",
        "With several workers each job that is given to a colleague of the same mailbox is told as a fault of Fieldcal.",
        f"{_SHARED}::test_what_a_mailbox_gets_after_the_pass_that_marked_it_has_ended_is_no_churn",
    ),
)  # fmt: skip
