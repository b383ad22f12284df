"""Faults of the REST API: what a token may, whose secret goes where, and the count that somebody has confirmed."""

from __future__ import annotations

from tests.planted.fault import Fault

_API, _ENDS, _PEOPLE = "tests/web/test_api.py", "tests/web/test_api_ends.py", "tests/web/test_api_people.py"
_WORK, _DATA = "tests/web/test_api_mailbox_work.py", "tests/web/test_api_data.py"
_RESOURCES = "tests/web/test_api_resources.py"

REST = (
    Fault(
        "a token's scopes are not asked", "R7", "web/api/caller.py",
        "return self.scopes is None or wanted is None or bool(self.scopes & wanted)", "return True",
        "The token of a report approves plans.",
        f"{_API}::test_every_route_of_every_role_and_scope_answers_as_the_table_says",
    ),
    Fault(
        "what takes events out asks for the scope of its neighbours", "R7", "web/api/resource.py",
        "        if self.scope is not None:\n", "        if self.scope == 0:\n",
        "A script that may decide held plans empties calendars.",
        f"{_API}::test_every_route_of_every_role_and_scope_answers_as_the_table_says",
    ),
    Fault(
        "an environment takes its events with it on a weaker scope", "R7", "web/api/resources/environments.py",
        "    caller.require_scope(Scope.CLEAN)\n", "",
        "A script that sets settings empties every calendar.",
        f"{_ENDS}::test_taking_events_out_takes_role_and_scope_goes_on_after_the_answer_and_begins_once_a_key",
    ),
    Fault(
        "a session needs no token of the page", "R7", "web/api/caller.py",
        "    if request.method not in SAFE and not proves(", '    if request.method == "" and not proves(',
        "A page somewhere else changes settings in an administrator's name.",
        f"{_API}::test_a_session_may_look_and_changes_something_only_with_the_pages_token",
    ),
    Fault(
        "a token holds for ever", "R7", "setup/tokens.py",
        "users.find(tx, token.user) if token is not None and now < token.ends_at else None",
        "users.find(tx, token.user) if token is not None else None",
        "A token that was left on an old machine works years later.",
        f"{_API}::test_a_token_acts_as_its_user_with_the_roles_of_this_moment_until_it_ends",
    ),
    Fault(
        "wrong tokens are not added up", "R7", "setup/tokens.py",
        "replace(old, failures=old.failures + 1, last_at=now, until=until)",
        "replace(old, failures=0, last_at=now, until=until)",
        "Tokens are guessed as fast as the service answers.",
        f"{_API}::test_wrong_tokens_are_told_alike_and_slowed_down_and_a_right_one_is_taken_all_the_same",
    ),
    Fault(
        "any token ends any other", "R7", "web/api/resources/tokens.py",
        "        if caller.token != token:\n            caller.require_scope(Scope.USERS)\n", "",
        "A script that only reads stops all the others.",
        f"{_PEOPLE}::test_a_token_ends_itself_and_another_only_with_the_scope_for_it",
    ),
    Fault(
        "who is signed out stays signed in", "R7", "setup/sign_in.py",
        "    ended = sessions.end_all(tx, user.id, now, but)\n", "    ended = 1\n",
        "A laptop is stolen, everybody is told that it is signed out, and it is not.",
        "tests/web/test_users.py::test_signing_somebody_out_ends_every_session_of_that_person_only",
    ),
    Fault(
        "anything of the machine is named as a secret", "I10", "web/secrecy.py",
        "    return reference.startswith(_NAMED) and reference != _KEYS\n", "    return bool(reference)\n",
        "An administrator of the pages has the service's variables sent to a server of the own.",
        f"{_ENDS}::test_a_mistake_in_an_environment_points_at_its_field_and_attaches_nothing",
    ),
    Fault(
        "a kept secret goes wherever the address leads", "I10", "web/secrecy.py",
        "and places[0] != places[1]", "and not places",
        "The address is changed to another server, which is shown the password.",
        f"{_ENDS}::test_a_secret_is_kept_encrypted_never_shown_and_never_sent_to_another_server",
    ),
    Fault(
        "a worker has a secret of the house sent to the own calendar's server", "I10", "web/api/resources/accounts.py",
        "    if one.secret and not caller.may(Action.SET_UP):\n", '    if one.secret == "":\n',
        "A worker learns the password of the source of bookings.",
        f"{_WORK}::test_a_worker_names_no_secret_that_is_put_aside_for_the_own_mailbox",
    ),
    Fault(
        "a worker has a pass run for anybody's mailbox", "R7", "web/api/resources/passes.py",
        "        require_for(actor, Action.SYNC, mailboxes.some(tx, place.id, chosen), place.settings)\n", "",
        "What is open to a worker for the own mailbox is open for all.",
        f"{_RESOURCES}::test_a_sync_is_asked_of_the_service_and_only_for_whom_the_caller_may",
    ),
    Fault(
        "a worker sees everybody's bookings", "R7", "seeing.py",
        "        wanted = _own(tx, actor, environment, wanted)\n", "        wanted = wanted\n",
        "Customers' names and addresses are shown to every worker.",
        "tests/web/test_bookings.py::test_a_worker_sees_the_own_bookings_only_and_may_ask_for_those",
    ),
    Fault(
        "others look at the doctor's findings", "R7", "web/api/resources/tasks.py",
        "_SEEN_BY.get(known.kind, Action.SEE_OVERVIEW)", "Action.SEE_OVERVIEW",
        "A reader learns paths, accounts and rights of the installation.",
        f"{_DATA}::test_the_doctor_tells_each_thing_with_what_helps_and_not_to_everybody",
    ),
    Fault(
        "one script undoes another's change", "R7", "web/api/versions.py",
        'if named and "*" not in named and tag(shown, but) not in named:', "if named == [0]:",
        "Two scripts set settings, and what the first has set is gone.",
        f"{_ENDS}::test_two_scripts_that_change_one_thing_do_not_undo_each_other_s_change",
    ),
    Fault(
        "a call sent twice works twice", "R7", "web/api/long_work.py",
        "    if not idempotency_key:\n", "    if True:\n",
        "A script whose connection broke asks again, and the work is done a second time.",
        f"{_ENDS}::test_taking_events_out_takes_role_and_scope_goes_on_after_the_answer_and_begins_once_a_key",
    ),
    Fault(
        "an environment goes with more events than were confirmed", "I4", "web/api/resources/environments.py",
        "    if standing != expect:\n", "    if standing < 0:\n",
        "Somebody confirmed an empty environment, and thousands of events are left to nobody.",
        f"{_ENDS}::test_an_environment_goes_only_with_a_word_about_its_events_and_their_true_number",
    ),
    Fault(
        "an environment goes in the browser with more events than were confirmed", "I4", "web/pages/environments.py",
        '    if str(standing) != str(form.get("count", "")):\n', "    if standing < 0:\n",
        "Somebody confirmed an empty environment, and thousands of events are left to nobody.",
        "tests/web/test_environments.py::test_an_environment_goes_only_with_a_word_about_its_events_and_their_true_number",
    ),
    Fault(
        "more is taken out than was confirmed", "I4", "cleaning.py",
        "    if looked.events != events:\n", "    if looked.events < 0:\n",
        "Three events were confirmed, and three hundred are taken out.",
        f"{_WORK}::test_a_claim_is_shown_and_taken_over_and_a_mailbox_is_cleaned_when_the_count_is_true",
    ),
    Fault(
        "more is imported than was confirmed", "R9", "web/api/resources/imports.py",
        "    if len(wanted) != wish.expect:\n", "    if not wanted:\n",
        "Twelve mailboxes were confirmed, and four hundred are switched on.",
        f"{_WORK}::test_who_is_set_up_in_the_source_is_shown_and_imported_when_the_count_is_true",
    ),
    Fault(
        "more is written again than was confirmed", "I4", "web/api/resources/checks.py",
        "    if found != expect:\n", "    if found < 0:\n",
        "One finding was confirmed, and what every worker has changed is written over.",
        f"{_WORK}::test_a_check_tells_what_hands_did_and_has_it_written_again_when_the_count_is_true",
    ),
    Fault(
        "more is erased than was counted", "R7", "setup/erasing.py",
        "        if expect not in {None, done.total}:\n", "        if expect == 0:\n",
        "A short name was counted, and by now it stands in ten times as many rows of others.",
        f"{_DATA}::test_a_person_is_counted_and_erased_when_the_count_is_true_and_no_address_names_anybody",
    ),
    Fault(
        "more is forgotten than was counted", "R7", "engine/upkeep.py",
        "    if found.total != expect:\n", "    if found.total < 0:\n",
        "A setting was mistyped meanwhile, and years of the audit are gone.",
        f"{_DATA}::test_what_is_old_is_counted_and_forgotten_when_the_count_is_true",
    ),
)  # fmt: skip
