//! Manual pages and completions: man and the shells can read them, and they hold every command and option.

use std::path::Path;

use crate::formats::piped;
use crate::run::ROOT;
use crate::run::run;
use crate::run::sipauth;

fn printed(words: &[&str]) -> String {
    let run = run(sipauth(Path::new(ROOT)).args(words));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{words:?}");
    run.stdout
}

#[test]
fn the_manual_names_what_the_help_names() {
    let page = printed(&["man"]);
    assert!(page.starts_with(".ie") && page.contains(".TH sipauth 1"), "{}", &page[..200]);
    let commands = printed(&["--help"]);
    let names = commands.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for name in names
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split_whitespace().next())
    {
        assert!(page.contains(name), "{name}");
        if name != "help" {
            assert!(printed(&["man", name]).contains(".SH OPTIONS"), "{name}");
        }
    }
    let analyze = printed(&["man", "analyze"]);
    for option in ["format", "write", "redact", "credentials"] {
        assert!(analyze.contains(&format!("\\-\\-{option}")), "{option}");
    }
    let missing = run(sipauth(Path::new(ROOT)).args(["man", "cook"]));
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

#[test]
fn completions_are_for_their_shells() {
    let bash = printed(&["completions", "bash"]);
    assert!(bash.contains("--pseudonym-key"));
    piped("bash", &["-n"], &bash);
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(printed(&["completions", shell]).contains("pseudonym-key"), "{shell}");
    }
}

#[test]
fn each_option_stands_under_the_heading_of_its_kind() {
    let check = |command: &str, option: &str, expected: &str| {
        let help = printed(&[command, "--help"]);
        let mut heading = "";
        for line in help.lines() {
            if !line.starts_with(' ') && line.ends_with(':') {
                heading = line;
            }
            if line.trim_start().split([' ', ',']).any(|word| word == option) && line.starts_with("  ") {
                break;
            }
        }
        assert!(heading.starts_with(expected), "{command} {option} stands under {heading:?}");
    };
    for command in ["analyze", "flow", "compare"] {
        check(command, "--quiet", "Options:");
        check(command, "--format", "Options:");
        check(command, "--tls-keylog", "Input:");
        check(command, "--credentials", "Secrets:");
        check(command, "--memory", "Limits:");
    }
    for option in ["--fail-on", "--redact", "--strict", "--color", "--limit-sessions"] {
        check("analyze", option, "Options:");
    }
    check("analyze", "--follow", "Input:");
    check("analyze", "--time", "Showing:");
    check("verify", "--format", "Options:");
    check("verify", "--credentials", "Secrets:");
}
