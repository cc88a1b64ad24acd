"""The 24 faults of the specification, and which tests prove what must hold under each. ``test_rows.py`` keeps the table true.

Most inject the fault into real processes here; a few need milliseconds and stand with the tests of the webhooks themselves.
"""

HERE, ROOM = "tests/faults/webhooks/", "tests/webhooks/"

ROWS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "rollback after the event is written, 1,000 mixed",
        (HERE + "test_deaths.py::test_what_was_rolled_back_is_never_sent",),
    ),
    2: (
        "the process dies between commit and doorbell",
        (HERE + "test_brokers.py::test_a_process_that_dies_before_it_rings_is_rung_for",),
    ),
    3: (
        "the broker refuses, hangs, comes back empty; Redis, RabbitMQ, embedded",
        (
            HERE + "test_brokers.py::test_the_api_does_not_wait_for_a_broker",
            ROOM + "test_dispatch.py::test_a_hung_broker_holds_up_nobody_and_is_counted",
        ),
    ),
    4: (
        "SIGKILL of drains, 40 times while 4,000 deliveries are pending",
        (
            HERE + "test_brokers.py::test_drains_are_killed",
            ROOM + "test_pump.py::test_a_pump_killed_while_it_sends_loses_nothing",
            ROOM + "test_signs_of_life.py::test_a_killed_process_is_missed_within_seconds",
        ),
    ),
    5: (
        "SIGTERM, as a deploy sends it",
        (
            HERE + "test_brokers.py::test_a_worker_told_to_leave_finishes_what_is_out",
            HERE + "test_brokers.py::test_a_pump_told_to_leave_finishes_what_is_out",
        ),
    ),
    6: (
        "three immediate restarts of PostgreSQL; connections cut while results are recorded",
        (
            HERE + "test_deaths.py::test_the_database_is_restarted_three_times_at_once",
            HERE + "test_deaths.py::test_a_connection_is_cut_while_results_are_recorded",
        ),
    ),
    7: (
        "two pumps and a reaper race for 10,000 rows",
        (HERE + "test_deaths.py::test_two_pumps_and_a_reaper_race_for_ten_thousand",),
    ),
    8: (
        "1 of 20 receivers hangs; 60 of 80 hang",
        (HERE + "test_receivers.py::test_receivers_that_hang_hold_up_none_that_answer",),
    ),
    9: (
        "slow names, SERVFAIL, NXDOMAIN",
        (
            HERE + "test_receivers.py::test_names_that_are_slow_or_wrong_concern_nobody_else",
            ROOM + "test_transport.py::test_slow_names_take_no_longer_than_the_limit",
        ),
    ),
    10: (
        "15 hostile receivers: endless, dripping, gzip bomb, NUL, garbage, …",
        (
            HERE + "test_receivers.py::test_hostile_receivers_cost_little_and_their_batch_is_recorded",
            ROOM + "test_transport.py::test_no_receiver_takes_longer_than_the_limits",
            ROOM + "test_transport.py::test_what_is_kept_goes_into_the_database",
            ROOM + "test_pump.py::test_one_result_that_will_not_go_in_does_not_take_the_others_with_it",
        ),
    ),
    11: (
        "3xx, 4xx, 429 with any Retry-After, 503, 410",
        (
            ROOM + "test_delivery.py::test_retry_after_moves_the_next_request",
            ROOM + "test_delivery.py::test_410_disables_the_endpoint_at_once_and_keeps_what_waits",
            ROOM + "test_retries.py::test_retry_after_is_honoured_up_to_twice_the_wait",
            ROOM + "test_retries.py::test_retry_after_is_read_or_ignored",
            ROOM + "test_transport.py::test_a_redirect_is_a_failure_and_is_not_followed",
        ),
    ),
    12: (
        "a receiver that never accepts: six sends on the promised schedule, then failed",
        (
            ROOM + "test_delivery.py::test_a_failing_receiver_is_asked_six_times_on_the_promised_schedule",
            ROOM + "test_retries.py::test_five_retries_are_never_early_and_at_most_a_tenth_late",
        ),
    ),
    13: ("a worker's clock is wrong by ten minutes", (HERE + "test_changes.py::test_a_machine_with_a_wrong_clock",)),
    14: (
        "a secret rotates under load and is promoted mid-way",
        (HERE + "test_changes.py::test_a_secret_rotates_under_load",),
    ),
    15: (
        "inner addresses in every form, names that lead inside or change their mind",
        (
            ROOM + "test_targets.py::test_an_inner_address_is_not_public",
            ROOM + "test_targets.py::test_a_url_to_an_inner_or_odd_place_is_refused",
            ROOM + "test_transport.py::test_a_name_that_leads_inside_is_not_followed",
            ROOM + "test_transport.py::test_none_of_several_inner_addresses_is_tried",
            ROOM + "test_transport.py::test_a_name_that_changes_its_mind_is_checked_each_time",
            ROOM + "test_transport.py::test_a_url_saved_before_a_rule_is_checked_when_it_is_sent",
            ROOM + "test_transport.py::test_even_past_the_url_check_no_inner_literal_is_opened",
        ),
    ),
    16: (
        "the response is lost after the receiver has processed the message",
        (HERE + "test_receivers.py::test_a_response_that_is_lost_makes_a_duplicate_with_the_same_id",),
    ),
    17: (
        "a row under which the sender stumbles, or dies",
        (
            ROOM + "test_pump.py::test_our_own_trouble_uses_up_none_of_the_receivers_chances",
            ROOM + "test_pump.py::test_a_delivery_under_which_workers_die_is_set_aside",
        ),
    ),
    18: (
        "endpoints are moved, paused, deleted while their deliveries are out",
        (
            HERE + "test_changes.py::test_endpoints_are_moved_paused_and_deleted_while_their_deliveries_are_out",
            ROOM + "test_moving.py::test_what_is_claimed_when_the_url_changes_goes_to_the_new_one_only",
            ROOM + "test_moving.py::test_what_is_claimed_when_it_is_paused_is_held",
            ROOM + "test_moving.py::test_what_is_claimed_when_it_is_deleted_is_not_sent",
        ),
    ),
    19: (
        "a receiver fails for long, then recovers: the breaker",
        (
            HERE + "test_receivers.py::test_a_breaker_asks_once_a_window_and_uses_up_no_retries",
            ROOM + "test_breaker.py::test_pumps_that_race_for_the_probe_send_one",
        ),
    ),
    20: (
        "a replay of 10,000 is killed half-way under live traffic",
        (
            HERE + "test_volume.py::test_a_replay_of_ten_thousand_is_killed_half_way",
            ROOM + "test_replays.py::test_a_step_that_is_killed_is_done_anew",
        ),
    ),
    21: (
        "1,000,000 finished rows and 200,000 due (a tenth here, the whole in `make bench`)",
        (
            HERE + "test_volume.py::test_a_claim_out_of_many_old_rows",
            ROOM + "test_claim.py::test_nothing_that_is_asked_every_moment_reads_the_finished_past",
        ),
    ),
    22: (
        "any body, as JavaScript writes it again",
        (
            ROOM + "test_canonical.py::test_javascript_writes_any_value_the_same",
            ROOM + "test_canonical.py::test_javascript_writes_known_hard_values_the_same",
        ),
    ),
    23: (
        "another merchant's endpoint, log, replay; secrets where they must not be",
        (
            ROOM + "test_api.py::test_another_merchants_endpoint_does_not_exist",
            ROOM + "test_feed.py::test_another_merchants_events_are_not_there",
            ROOM + "test_delivery.py::test_secrets_are_encrypted_where_they_lie",
            "tests/test_isolation.py::test_what_is_anothers_is_as_what_does_not_exist",
            "tests/test_isolation.py::test_nothing_of_anothers_is_ever_shown",
        ),
    ),
    24: (
        "the disk is full, or statements time out, while results are recorded",
        (
            HERE + "test_volume.py::test_results_that_cannot_be_recorded_stop_the_sending",
            ROOM + "test_moving.py::test_while_results_are_not_taken_nothing_is_sent",
        ),
    ),
}
"""Number -> (the fault, the tests)."""


def table() -> str:
    """As ``docs/faults.md`` shows it."""
    lines = ["| # | Fault | Proved by |", "|---|---|---|"]
    for number, (fault, tests) in ROWS.items():
        names = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests)
        lines.append(f"| {number} | {fault} | {names} |")
    return "\n".join(lines)
