"""Faults of the admin centre: who gets in, who may do what, and whose word counts."""

from __future__ import annotations

from tests.planted.fault import Fault

_GATES, _SIGN_IN, _OIDC = "tests/web/test_gates.py", "tests/web/test_sign_in.py", "tests/web/test_oidc.py"

PAGES = (
    Fault(
        "a form needs no token", "R7", "web/centre.py",
        "if not isinstance(given, str) or not proves(given, visit.browser):", "if given == 0:",
        "A page somewhere else switches an administrator's mailboxes off, unseen.",
        f"{_GATES}::test_no_route_that_changes_something_takes_a_form_without_the_token",
    ),
    Fault(
        "any token is good for any browser", "R7", "web/visit.py",
        "    if len(raw) != 2 * len(plain) or not browser:\n        return False\n",
        "    if len(raw) == 2 * len(plain):\n        return True\n",
        "A page somewhere else switches an administrator's mailboxes off, with a token that its maker was given.",
        f"{_GATES}::test_no_route_that_changes_something_takes_a_form_without_the_token",
    ),
    Fault(
        "who is signed in passes every gate", "R7", "web/centre.py",
        '    raise NotAllowed(f"{visit.actor.name} may not open this page")\n', "    return\n",
        "A reader gives out roles.",
        f"{_GATES}::test_every_route_of_every_role_answers_as_the_table_says",
    ),
    Fault(
        "the operator's rights without a session", "R7", "web/gates.py",
        "    if actor is None or actor.user is None:\n        return False\n",
        "    if actor is None:\n        return False\n",
        "A fault elsewhere that leaves the user out makes everybody the operator.",
        f"{_GATES}::test_who_is_not_signed_in_passes_public_gates_only_and_signed_in_ones_take_no_role",
    ),
    Fault(
        "signed out is only forgotten by the browser", "R7", "setup/sign_in.py",
        "    return session.ended_at is None and now", "    return now",
        "Whoever copied the cookie of a person who has left goes on working as that person.",
        f"{_SIGN_IN}::test_a_password_opens_a_session_and_signing_out_ends_it",
    ),
    Fault(
        "a session goes on as long as somebody comes", "R7", "setup/sign_in.py",
        "min(session.ends_at, session.seen_at + IDLE)", "session.seen_at + IDLE",
        "A cookie that was copied once is good for years.",
        f"{_SIGN_IN}::test_a_session_ends_when_nobody_comes_and_after_half_a_day_in_any_case",
    ),
    Fault(
        "a session's secret is kept as it is", "I10", "setup/sign_in.py",
        "    return hashlib.sha256(secret.encode()).hexdigest()\n", "    return secret\n",
        "Whoever reads a backup is signed in as everybody who was at work.",
        f"{_SIGN_IN}::test_nothing_in_the_state_signs_anybody_in",
    ),
    Fault(
        "wrong tries are not added up", "R7", "setup/tries.py",
        "        failures = old.failures + 1\n", "        failures = 1\n",
        "Passwords are guessed all night, as many as the machine can look at.",
        f"{_SIGN_IN}::test_many_tries_at_once_are_counted_before_any_is_looked_at",
    ),
    Fault(
        "an administrator sets a password above the own rights", "R7", "setup/sign_in.py",
        "if not may_grant(actor, role))", "if role is None)",
        "A system administrator makes a link for the Exchange administrator and signs in as that one.",
        f"{_SIGN_IN}::test_who_may_set_whose_password_may_grant_all_its_roles",
    ),
    Fault(
        "a cut-off form is sent for whoever signs in", "R7", "web/pages/sign_in.py",
        "    same = form.user == opened.user.id\n", "    same = bool(form.user)\n",
        "What one person had begun is done in the name of the next one at that desk.",
        f"{_SIGN_IN}::test_a_form_cut_off_by_the_session_s_end_is_sent_again_by_its_own_person_only",
    ),
    Fault(
        "a directory's person is known by name", "R7", "setup/directory.py",
        "    user = rows.by_object_id(tx, who.object_id)\n", "    user = rows.find(tx, who.name)\n",
        "Where people may choose their name in the directory, one chooses the administrator's.",
        f"{_OIDC}::test_a_user_of_the_same_name_is_not_the_directory_s_until_somebody_says_so",
    ),
    Fault(
        "a stranger's guesses lock the person out", "R7", "setup/tries.py",
        'passwords.FREE_OF_NAME if "@" in scope else passwords.FREE_OF_NAME_EVERYWHERE', "passwords.FREE_OF_NAME",
        "Somebody types five wrong passwords an hour, and the administrator never comes in again.",
        "tests/web/test_tries.py::test_who_guesses_wrong_from_elsewhere_locks_nobody_out_and_is_told_of",
    ),
    Fault(
        "whoever is on this machine is a proxy", "R7", "embedded/server.py",
        "            proxy_headers=False,\n", "            proxy_headers=True,\n",
        "Behind a proxy that was not named, everybody names another address with each guess, and nobody ever waits.",
        "tests/web/test_tries.py::test_nobody_chooses_the_address_that_wrong_tries_count_for",
    ),
    Fault(
        "an address that somebody merely claims is the own mailbox", "R7", "web/oidc.py",
        "    good = any(", "    good = True or any(",
        "Where people may write any address into their profile, one writes a colleague's and switches that mailbox on.",
        f"{_OIDC}::test_a_mailbox_is_the_own_one_by_object_id_or_a_proven_address_never_by_a_claimed_one",
    ),
    Fault(
        "whoever adds a user answers for the account", "R7", "setup/vouching.py",
        "    return all(allowed(actor, Action.APPROVE, rule) for rule in rules)", "    return bool(rules)",
        "A system administrator adds a worker with somebody's address, and approves that mailbox as this worker.",
        "tests/web/test_users.py::test_one_administrator_alone_makes_nobody_who_approves_a_mailbox",
    ),
    Fault(
        "another browser takes the way back", "R7", "web/oidc.py",
        "or not hmac.compare_digest(begun.browser.encode(), browser.encode()):", "or not browser:",
        "An administrator is led to a link and works, unaware, in a stranger's account.",
        f"{_OIDC}::test_a_way_back_is_taken_once_by_the_browser_that_set_out_and_not_too_late",
    ),
    Fault(
        "a group left keeps its role", "R7", "setup/directory.py",
        "        rows.revoke(tx, user.id, role)\n", "        rows.grant(tx, user.id, role, BY)\n",
        "Who moved to another department goes on as administrator.",
        f"{_OIDC}::test_a_group_left_takes_its_role_and_what_was_given_by_hand_stays",
    ),
    Fault(
        "the later save wins", "R9", "web/merging.py",
        "            case _:\n                clashes[name] = Clash(there, digest(there))\n", "            case _:\n                continue\n",
        "What one administrator has set is undone by another one who saw the form before, and neither learns of it.",
        "tests/web/test_merging.py::test_two_who_save_settings_keep_both_their_changes_and_choose_where_they_meet",
    ),
    Fault(
        "a worker names the operator's secrets", "R5", "web/ends.py",
        '    if not named and secret not in {"", before.secret}', '    if named and secret in {"", before.secret}',
        "A technician has the calendar server shown a secret that was put aside for something else.",
        "tests/web/test_mailbox.py::test_r5_d13_a_worker_sees_and_sets_up_the_own_mailbox_and_no_other",
    ),
    Fault(
        "any name is answered to", "R7", "web/headers.py",
        "not in self.hosts:", 'not in {*self.hosts, "evil.example"}:',
        "A page somewhere else points its own name at the service and reads what the administrator sees.",
        "tests/web/test_headers.py::test_only_the_names_of_this_installation_are_answered_to",
    ),
    Fault(
        "what was confirmed is not what is done", "R9", "web/pages/mailboxes.py",
        '    if str(len(wanted)) != str(form.get("count", "")):', "    if not wanted:",
        "Twelve mailboxes were confirmed, and four hundred are switched off.",
        "tests/web/test_mailboxes.py::test_where_the_number_has_changed_it_is_asked_again",
    ),
    Fault(
        "a test that waits is undone by the next one", "R9", "setup/trial.py",
        "    if known.status is TrialStatus.IN_PROGRESS:\n        return known\n", "    if known.enabled:\n        return known\n",
        "Of a thousand mailboxes tested in the browser some stand as scheduled though their test had succeeded.",
        "tests/setup/test_trial.py::test_a_test_that_another_is_at_is_left_to_it",
    ),
    Fault(
        "a person is erased though another name was typed", "R7", "web/pages/erase.py",
        '    if str(form.get("typed", "")).strip().casefold() != meant.name.casefold():', '    if form.get("typed") is None:',
        "The colleague of the one who has left is erased, for good.",
        "tests/web/test_data.py::test_a_worker_is_found_counted_and_erased_when_the_name_was_typed",
    ),
    Fault(
        "alerts are acknowledged that nobody was told of", "R9", "web/pages/alerts.py",
        "found) if str(len(found)) == expected else None", "found) if expected else None",
        "Three alerts were confirmed, and a hundred that came meanwhile are taken for seen.",
        "tests/web/test_alerts.py::test_all_that_match_are_those_of_the_filter_and_of_this_environment",
    ),
)  # fmt: skip
