//! The only room with a terminal. It sees the library's public API and nothing else.

mod analyze;
mod args;
mod compare;
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
mod output;
mod pages;
mod printer;
mod ring;
mod second_pass;
mod secrets;
mod verify;

use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::Arguments;
use crate::cli::args::Command;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;

/// Runs the command that was typed.
pub fn run() -> ExitCode {
    // A panic text could show wire bytes or a secret: only its place is printed.
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("sipauth: internal fault at {place}; please report it, with the capture if you may");
    }));
    let arguments = Arguments::parse();
    let outcome = catch_unwind(|| match arguments.command {
        Command::Analyze(options) => analyze::run(*options),
        Command::Compare(options) => compare::run(&options),
        Command::Flow(options) => flow::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::List(options) => list::run(&options),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(command.as_deref()),
        Command::Schema => output::print(&sipauth::report::schema::schema()),
    });
    match outcome {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => {
            eprintln!("sipauth: {}", output::one_line(&format!("{error:#}")));
            let details = error.downcast_ref::<Failure>().map(|failure| failure.details.as_slice());
            details.unwrap_or_default().iter().for_each(|line| eprintln!("{}", output::one_line(line)));
            Exit::of(&error).into()
        }
        Err(_) => Exit::InternalFault.into(),
    }
}
