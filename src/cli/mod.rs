//! The only room with a terminal. It sees the library's public API and nothing else.

mod analyze;
mod args;
mod compare;
mod copying;
mod draft;
mod exit;
mod explain;
mod filters;
mod flow;
mod folders;
mod input_options;
mod inputs;
mod limit_options;
mod list;
mod live;
mod name_options;
mod output;
mod pages;
mod printer;
mod progress;
mod ring;
mod second_pass;
mod secret_options;
mod secrets;
mod show_options;
mod verify;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::cli::args::Arguments;
use crate::cli::args::Command;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;

/// Runs the command that was typed.
pub fn run() -> ExitCode {
    hide_panic_texts();
    match Arguments::try_parse() {
        Ok(arguments) => guarded(|| dispatch(arguments)).into(),
        Err(error) => refuse(&error),
    }
}

fn dispatch(arguments: Arguments) -> Result<Exit> {
    match arguments.command {
        Command::Analyze(options) => analyze::run(*options),
        Command::Compare(options) => compare::run(&options),
        Command::Flow(options) => flow::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::List(options) => list::run(&options),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(command.as_deref()),
        Command::Schema => output::print(&sipauth::report::schema::schema()),
    }
}

/// A panic text could show wire bytes or a secret: only its place is printed.
fn hide_panic_texts() {
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        output::tell(&format!("internal fault at {place}; please report it, with the capture if you may"));
    }));
}

/// Runs a command; says how it ended, and why it failed if it did.
fn guarded(command: impl FnOnce() -> Result<Exit>) -> Exit {
    match catch_unwind(AssertUnwindSafe(command)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            output::tell(&format!("{error:#}"));
            let details = error.downcast_ref::<Failure>().map(|failure| failure.details.as_slice());
            details.unwrap_or_default().iter().for_each(|line| output::tell_more(line));
            Exit::of(&error)
        }
        Err(_) => Exit::InternalFault,
    }
}

/// Says what is wrong with what was typed, or gives the help that it asks for. File names may stand where options are expected:
/// what they hold must not reach the terminal.
fn refuse(error: &clap::Error) -> ExitCode {
    let mut typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    if !error.use_stderr() || typed.all(|word| output::one_line(&word) == word) {
        // Nobody is left to tell where that fails.
        let _ = error.print();
    } else {
        error.render().to_string().lines().for_each(output::tell_more);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "SIPAUTH_TEST_PANICS";

    #[test]
    fn a_fault_of_our_own_shows_its_place_and_no_data() {
        let name = "cli::tests::a_fault_of_our_own_shows_its_place_and_no_data";
        if std::env::var_os(CHILD).is_some() {
            hide_panic_texts();
            let exit = guarded(|| panic!("the password is {}", "tulip-42"));
            assert_eq!(exit, Exit::InternalFault);
            std::process::exit(17);
        }
        let test = std::env::current_exe().expect("the test has a file");
        let output = std::process::Command::new(test)
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, "yes")
            .env("RUST_BACKTRACE", "full")
            .output()
            .expect("it starts");
        let told = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(17), "{told}");
        assert!(told.contains("sipauth: internal fault at src/cli/mod.rs:"), "{told}");
        assert!(!told.contains("tulip-42") && !told.contains("password"), "{told}");
    }
}
