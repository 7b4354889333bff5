//! The language: what is read, what is refused and how that is said, and that nothing in it can be made to hang or fall.

use std::time::Duration;
use std::time::Instant;

use proptest::prelude::*;

use sipauth::filter::EXPRESSION_BYTES_MAX;
use sipauth::filter::Filter;
use sipauth::filter::NESTING_MAX;
use sipauth::filter::fields;
use sipauth::filter::page;
use sipauth::filter::parse;
use sipauth::filter::presets;

fn read(text: &str) -> (String, Vec<String>, Vec<String>) {
    let (filter, notes) = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    (filter.text(), notes.spelling, notes.warnings)
}

#[test]
fn what_is_taken_is_printed_as_wireshark_writes_it() {
    let check = |text: &str, expect: &str, said: &str| {
        let (printed, spelling, _) = read(text);
        assert_eq!(printed, expect, "{text}");
        assert!(spelling.join("|").contains(said) && spelling.is_empty() == said.is_empty(), "{text}: {spelling:?}");
    };
    check("sip.Method==INVITE&&sip.Status-Code", "sip.CSeq.method == INVITE and sip.Status-Code", "");
    check("sip.method == \"INVITE\"", "sip.Method == \"INVITE\"", "Wireshark spells it sip.Method, not sip.method");
    check("sip.www_authenticate", "sip.WWW-Authenticate", "spells it sip.WWW-Authenticate");
    check("sip.Method == 'INVITE'", "sip.Method == \"INVITE\"", "double quotes");
    check("sip.Status-Code == \"401\"", "sip.Status-Code == 401", "no quotes: 401");
    check("sip.Status-Code in {401 407}", "sip.Status-Code in {401, 407}", "commas");
    check("sip.Call-ID == a1b2@host", "sip.Call-ID == \"a1b2@host\"", "wants quotes: \"a1b2@host\"");
    check("sip.Method matches INV", "sip.Method matches \"INV\"", "regular expression in quotes");
    check("sip contains 70001", "sip contains \"70001\"", "bytes in hex");
    check("sip contains 63:61", "sip contains 63:61", "");
    check("sip and not sip.auth OR sip.To", "sip and not sip.auth or sip.To", "writes or, not OR");
    check("sip.To xor sip.From", "sip.To xor sip.From", "has no xor");
    check("sip or rtp", "sip or rtp", "sipauth reads SIP only");
    check(
        "sip.header.Authenticate",
        "sip.WWW-Authenticate or sip.Proxy-Authenticate",
        "write sip.WWW-Authenticate or sip.Proxy-Authenticate",
    );
    check(
        "sip.header.Authorization != \"x\"",
        "sip.Authorization != \"x\" and sip.Proxy-Authorization != \"x\"",
        "Wireshark has no sip.header.Authorization",
    );
    check(
        "(sip.To and (sip.From and sip.Via)) or not (sip or ip)",
        "sip.To and sip.From and sip.Via or not (sip or ip)",
        "",
    );
}

#[test]
fn what_can_never_match_is_told_with_the_cure() {
    let check = |text: &str, expect: &str| {
        let (_, _, warnings) = read(text);
        assert!(
            warnings.join("|").contains(expect) && warnings.is_empty() == expect.is_empty(),
            "{text}: {warnings:?}"
        );
    };
    check("sip.Method == \"INVITE\" && sip.Status-Code == 200", "read as sip.CSeq.method");
    check("sip.Status-Code >= 400 and (sip.Method == REGISTER or sip.Method == INVITE)", "read as sip.CSeq.method");
    check("sip.r-uri.user == \"a\" && sip.Status-Code == 200", "join the two with or");
    check("sip.Status-Code == 401 and sip.Status-Code == 407", "sip.Status-Code in {401, 407}");
    check("sip.Method == \"invite\"", "for INVITE, write sip.Method == \"INVITE\"");
    check("sip.Method == \"INVITE\" || sip.Status-Code == 200", "");
    check("sip.Method == \"INVITE\" && !(sip.Status-Code == 200)", "");
    check("sip.CSeq.seq == 1 and sip.CSeq.seq == 2", "");
}

/// Wireshark refuses them, and what is printed is to be pasted there.
#[test]
fn parts_that_wireshark_refuses_are_errors_and_one_byte_is_written_as_one() {
    for wrong in ["[3-1]", "[-2--4]", "[1--1]", "[-4-2]"] {
        let error = Filter::parse(&format!("sip.Method{wrong} == \"I\"")).expect_err(wrong);
        assert!(error.to_string().contains("no part of a field"), "{wrong}: {error}");
    }
    for (written, printed) in [("[0-0]", "[0]"), ("[-1--1]", "[-1]"), ("[-4--2]", "[-4--2]"), ("[0-2]", "[0-2]")] {
        let (filter, _) = Filter::parse(&format!("sip.Method{written} == \"I\"")).expect(written);
        assert_eq!(filter.text(), format!("sip.Method{printed} == \"I\""));
    }
}

#[test]
fn errors_show_the_place_and_the_way_out() {
    let check = |text: &str, place: &str, said: &str| {
        let error = Filter::parse(text).err().unwrap_or_else(|| panic!("{text} is read"));
        let marked = error.marked(text);
        let shown: String =
            marked[0].chars().zip(marked[1].chars()).filter(|(_, mark)| *mark == '^').map(|(c, _)| c).collect();
        assert_eq!(shown, place, "{text}: {error}");
        assert!(error.to_string().contains(said), "{text}: {error}");
    };
    check("sip.metod == \"x\"", "sip.metod", "did you mean sip.Method?");
    check("sip.auth.respons", "sip.auth.respons", "did you mean sip.auth.digest.response?");
    check("foo.username", "foo.username", "did you mean sip.auth.username?");
    check("sip.release-time", "sip.release-time", "Wireshark has sip.release-time, sipauth does not fill it, because");
    check("sip.Method == \"INVITE", "\"INVITE", "the quotes are not closed");
    check("(sip and sip.To", "(", "the bracket is not closed");
    check("sip)", ")", "no bracket is open here");
    check("sip.Method in {A, B", "{", "the brace is not closed");
    check("sip.Method in {}", "{}", "the set is empty");
    check("sip.Method in INVITE", "I", "a set stands in braces");
    check("sip.Status-Code == 4x1", "4x1", "no whole number");
    check("sip.Status-Code contains \"4\"", "\"4\"", "string() makes a text");
    check("ip.addr == sip.example.com", "sip.example.com", "names are not looked up");
    check("ip.addr == 10.0.0.0/33", "10.0.0.0/33", "no address");
    check("frame.time > yesterday", "yesterday", "no time like");
    check("sip.Status-Code + 1 == 2", "+", "arithmetic is not supported");
    check("sip.Status-Code & 1", "&", "bit masks are not supported");
    check("ip.addr#2 == 10.0.0.1", "#", "layers are not supported");
    check("@sip.Method == \"x\"", "@", "raw fields are not supported");
    check("${x}", "$", "macros are not supported");
    check("sip.Method = \"INVITE\"", "=", "write ==");
    check("sip.Status-Code => 400", "=>", "write >=");
    check("sip.Method <> \"INVITE\"", "<>", "write !=");
    check("sip.Method =~ \"INV\"", "=~", "write matches");
    check("\"INVITE\" == sip.Method", "\"INVITE\"", "write field == \"text\"");
    check("401 == sip.Status-Code", "401", "write field == number");
    check("foo(sip.Method) == 1", "foo", "there is no function foo");
    check("lenn(sip.Method) == 1", "lenn", "did you mean len?");
    check("len(sip.Status-Code) == 3", "len", "len() takes one text");
    check("len(sip.Method)", "len(sip.Method)", "has to be compared");
    check("any sip.Method", "", "any and all need a comparison");
    check("sip.Method matches \"(?=x)\"", "\"(?=x)\"", "look-around is not supported");
    check("sip.Method matches \"(a)\\\\1\"", "\"(a)\\\\1\"", "back references are not supported");
    check("sip.Method matches \"(\"", "\"(\"", "no regular expression");
    check("sip.Method[x] == 1", "x", "write [start:length]");
    check("sip.Method == \"\\q\"", "\\q", "is no escape");
    check("sip.Method == sip.Status-Code", "sip.Status-Code", "cannot be compared");
    check("sipauth.session == sip.Call-ID", "sip.Call-ID", "known when the session ends");
    check("sipauth.severity > \"bad\"", "\"bad\"", "no severity");
    check("sip.Method ==", "", "a value is missing");
    check("sip and", "", "the expression ends too early");
    check("", "", "the expression is empty");
}

#[test]
fn presets_are_expressions() {
    for preset in presets::PRESETS {
        let typed = match (preset.name, preset.value) {
            ("finding", _) => "finding=SA101".to_owned(),
            (name, Some(_)) => format!("{name}=a\"b\\c VALUE"),
            (name, None) => name.to_owned(),
        };
        let expression = presets::expression(&typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
        let (filter, notes) = Filter::parse(&expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!((notes.spelling, notes.warnings), (vec![], vec![]), "{expression}");
        assert!(!filter.text().is_empty() && !preset.meaning.is_empty());
    }
    let check = |typed: &str, expect: &str| match presets::expression(typed) {
        Ok(expression) => assert_eq!(expression, expect, "{typed}"),
        Err(error) => assert!(error.to_string().contains(expect), "{typed}: {error}"),
    };
    check("host=192.0.2.0/24", "ip.addr == 192.0.2.0/24");
    check("host=2001:db8::1", "ipv6.addr == 2001:db8::1");
    check("call=a\"b", "sip.Call-ID == \"a\\\"b\"");
    check("realm=r", "sip.auth.realm in {\"r\", \"\\\"r\\\"\"}");
    check("finding=SA101", "sipauth.finding == \"challenge-loop\"");
    check("finding=chalenge-loop", "did you mean challenge-loop?");
    check("finding=scanner-agent", "is found when the capture ends");
    check("user", "write user=USER");
    check("stale=1", "takes no value");
    check("failure", "did you mean failures?");
}

#[test]
fn depth_and_length_have_bounds() {
    let nested = |levels: usize| format!("{}sip{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Filter::parse(&nested(NESTING_MAX)).is_ok());
    assert!(Filter::parse(&nested(NESTING_MAX + 1)).unwrap_err().to_string().contains("levels"));
    assert!(Filter::parse(&format!("{}sip", "not ".repeat(NESTING_MAX + 1))).is_err());
    assert!(Filter::parse(&format!("{}sip", "!(".repeat(20_000))).is_err());
    assert!(Filter::parse(&"lower(".repeat(10_000)).is_err());
    assert!(Filter::parse(&" ".repeat(EXPRESSION_BYTES_MAX + 1)).is_err());
    assert!(
        Filter::parse("sip.Method matches \"(a{1000}){1000}\"").unwrap_err().to_string().contains("takes more than")
    );
    // As many tests as fit stay in one chain, and take no more than a moment.
    let begun = Instant::now();
    for (word, count) in [("sip or ", 9_000), ("sip and ", 8_000), ("sip xor ", 8_000)] {
        assert!(Filter::parse(&format!("{}sip", word.repeat(count))).is_ok(), "{word}");
    }
    let numbers: Vec<String> = (1..9_000).map(|number| number.to_string()).collect();
    assert!(Filter::parse(&format!("frame.number in {{{}}}", numbers.join(","))).is_ok());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn every_example_of_the_documentation_is_read() {
    for field in fields::filled() {
        let example = field.example();
        let (_, notes) = Filter::parse(&example).unwrap_or_else(|error| panic!("{example}: {error}"));
        assert_eq!((notes.spelling, notes.warnings), (vec![], vec![]), "{example}");
    }
    for field in fields::all().filter(|field| page::unfilled(field).is_some()) {
        assert!(Filter::parse(field.name).unwrap_err().to_string().contains("does not fill it, because"));
    }
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-zA-Z0-9_]{0,8}".prop_filter("no word of the language", |word| fields::named(word).is_none()),
        "\\PC{0,12}".prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        Just("\"\\x00\\xff\\r\\n\"".to_owned()),
    ]
}

fn test() -> impl Strategy<Value = String> {
    let field =
        prop::sample::select(vec!["sip.Method", "sip.Via.branch", "sip.auth.realm", "lower(sip.From)", "sip.To[0:4]"]);
    let relation = prop::sample::select(vec!["==", "!=", "===", "!==", "<", ">=", "ne", "~="]);
    let front = prop::sample::select(vec!["", "any ", "all "]);
    prop_oneof![
        prop::sample::select(vec!["sip", "sip.auth", "ip", "sip.header.Authorization", "sip.To[1-3]"])
            .prop_map(str::to_owned),
        (front, field.clone(), relation, literal())
            .prop_map(|(front, field, relation, value)| format!("{front}{field} {relation} {value}")),
        (field, prop::collection::vec(literal(), 1..4))
            .prop_map(|(field, values)| format!("{field} in {{{}}}", values.join(", "))),
        (0..700_u32, 0..700_u32).prop_map(|(a, b)| format!("sip.Status-Code in {{{a}, {a}..{b}}}")),
        Just("sipauth.outcome == \"refused\"".to_owned()),
        Just("ip.addr == 192.0.2.0/24 and frame.time > \"2023-11-14 22:13:20\"".to_owned()),
        Just("sip.from.user == sip.to.user".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    test().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 2..4), prop::sample::select(vec![" and ", " || ", " xor "]))
                .prop_map(|(parts, word)| format!("({})", parts.join(word))),
            inner.prop_map(|inner| format!("not {inner}")),
        ]
    })
}

proptest! {
    /// What is printed is read as what was printed.
    #[test]
    fn print_and_parse_are_inverse(text in expression()) {
        let Ok((expr, _)) = parse(&text) else { return Ok(()) };
        let printed = expr.to_string();
        let (again, notes) = parse(&printed).unwrap_or_else(|error| panic!("{text} -> {printed}: {error}"));
        prop_assert_eq!(&again, &expr, "{} -> {}", text, printed);
        prop_assert!(notes.spelling.iter().all(|note| note.contains("xor")), "{} {:?}", printed, notes);
    }

    /// No text makes the parser fall, and every error has a place in it.
    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,40}", words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..12)) {
        for text in [text, words.concat(), words.join(" ")] {
            if let Err(error) = Filter::parse(&text) {
                let [shown, marks] = error.marked(&text);
                prop_assert!(marks.chars().all(|c| c == ' ' || c == '^') && shown.lines().count() <= 1);
            }
        }
    }
}

/// What expressions are made of, and what could be mistaken for it.
const WORDS: [&str; 42] = [
    "sip",
    "sip.Method",
    "==",
    "!=",
    "!",
    "in",
    "{",
    "}",
    "..",
    ",",
    "(",
    ")",
    "[",
    "]",
    "0",
    ":",
    "-1",
    "\"x\"",
    "'",
    "\"",
    "\\",
    "and",
    "&&",
    "or",
    "||",
    "xor",
    "not",
    "any",
    "all",
    "contains",
    "matches",
    "len",
    "lower(",
    "count",
    "ip.addr",
    "10.0.0.0/8",
    "::",
    "frame.time",
    "sipauth.finding",
    "r\"",
    "ü",
    "sip.auth.realm",
];
