//! Which tests stand against which kind of attack. A test that is renamed or lost is missed here.

use std::collections::BTreeSet;
use std::path::Path;

/// What an attacker may try, and the tests that show what comes of it.
const ATTACKS: &[(&str, &[&str])] = &[
    (
        "TCP segments that overlap and differ",
        &[
            "a_second_copy_with_another_response_makes_the_attempt_ambiguous",
            "a_copy_of_an_earlier_message_makes_that_one_ambiguous",
            "the_first_copy_of_a_byte_wins_and_a_difference_is_told",
        ],
    ),
    (
        "tricks with sequence numbers",
        &[
            "tricks_with_sequence_numbers_do_not_matter",
            "a_port_that_is_used_again_with_a_lower_number_is_another_connection",
            "a_keep_alive_probe_with_an_octet_of_garbage_is_no_contradiction",
        ],
    ),
    ("holes that never fill", &["reading_goes_on_behind_holes", "holes_cost_linear_time"]),
    (
        "lengths that lie",
        &[
            "a_content_length_that_lies_costs_its_own_message_alone",
            "lengths_in_datagrams_take_nothing_from_others",
            "a_request_within_a_disputed_body_is_told_with_its_dispute",
        ],
    ),
    (
        "headers, lines and bodies without an end",
        &["what_never_ends_is_cut_and_reading_goes_on", "a_body_that_never_ends_hides_nothing_elsewhere"],
    ),
    (
        "exhaustion of memory",
        &[
            "many_sessions_fit_in_little_memory",
            "connections_half_open_are_counted",
            "a_flood_of_beginnings_is_counted_and_bounded",
            "a_flood_of_parts_stays_within_its_limit",
            "many_call_ids_cost_linear_time",
        ],
    ),
    ("keys that collide in hash tables", &["keys_made_to_collide_cost_linear_time"]),
    (
        "IP fragments",
        &[
            "fragments_with_another_response_make_the_attempt_ambiguous",
            "odd_fragments_that_say_the_same_are_read",
            "fragments_that_overlap_over_ipv6_are_dropped",
            "fragments_that_contradict_the_protocol_are_told",
            "a_header_that_is_sent_twice_is_not_read_as_both",
            "a_number_that_is_used_again_blends_nothing",
            "a_number_that_is_used_again_blends_nothing_whatever_one_clock_says",
            "a_wrong_time_between_two_fragments_is_its_own_loss",
            "fragments_cost_linear_time",
        ],
    ),
    (
        "compressed captures",
        &[
            "compressed_captures_that_are_damaged_behind_the_registration_are_told",
            "one_layer_of_compression_is_unpacked",
            "bombs_are_read_as_they_unpack",
            "zstd_is_unpacked_in_bounded_memory",
            "compressed_messages_without_end_are_bounded",
        ],
    ),
    (
        "capture files that lie",
        &[
            "pcap_lengths_that_lie_end_the_reading_and_are_told",
            "absurd_times_give_no_absurd_durations",
            "pcapng_blocks_that_lie_cost_themselves_where_their_framing_holds",
            "sixty_thousand_interfaces_cost_little",
        ],
    ),
    ("tunnels in tunnels", &["a_thousand_layers_cost_nothing", "tags_and_extension_headers_have_an_end"]),
    (
        "messages that are slow to read",
        &[
            "many_vias_cost_linear_time",
            "many_parameters_cost_linear_time",
            "quotes_and_backslashes_cost_linear_time",
            "bodies_within_bodies_cost_linear_time",
        ],
    ),
    ("filters that never end", &["expressions_cost_linear_time", "depth_and_length_have_bounds"]),
    (
        "text that acts on a terminal",
        &[
            "nothing_from_the_wire_acts_on_a_terminal",
            "no_character_acts_on_a_reader",
            "no_format_passes_control_characters_on",
            "names_cannot_act_on_the_terminal",
        ],
    ),
    ("markup and script", &["no_markup_from_the_wire_is_markup_in_a_report"]),
    ("formulas and broken tables", &["no_cell_is_a_formula", "tables_keep_their_shape", "no_value_begins_a_line"]),
    ("forged lines", &["no_value_begins_a_line", "no_character_acts_on_a_reader"]),
    ("bytes that are no text", &["bytes_that_are_no_text_are_hashed_as_sent_and_told_in_hex"]),
    ("output in the wrong place", &["output_is_never_put_over_something_by_mistake", "a_full_disk_is_said"]),
    (
        "passwords that leak",
        &[
            "secrets_come_from_files_options_and_pipes",
            "no_report_holds_a_password",
            "no_report_shows_a_tls_secret",
            "library_code_neither_panics_nor_talks_nor_looks_at_the_clock",
        ],
    ),
    (
        "reports that passwords can be tested on",
        &[
            "no_report_holds_what_a_guess_of_a_password_can_be_tested_on",
            "two_passwords_give_the_same_report",
            "reports_of_near_misses_hold_no_password_and_nothing_to_test_one_on",
        ],
    ),
    ("names of people", &["no_name_of_a_capture_stands_in_a_strict_report", "every_command_and_format_hides_names"]),
    ("use as a cracker", &["the_fourth_secret_of_a_user_and_realm_is_refused", "limits_hold_across_files"]),
];

fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            // A function without parameters behind the attribute.
            let tests = text.split("#[test]").skip(1).filter_map(|part| part.split_once("fn ")?.1.split_once("()"));
            found.extend(tests.map(|(name, _)| name.to_owned()));
        }
    }
}

#[test]
fn every_attack_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    tests_below(&root.join("tests"), &mut tests);
    tests_below(&root.join("src"), &mut tests);
    assert!(tests.len() > 500, "only {} tests were found", tests.len());
    for (attack, against) in ATTACKS {
        assert!(!against.is_empty(), "{attack}");
        for test in *against {
            assert!(tests.contains(*test), "{attack}: there is no test {test}");
        }
    }
}
