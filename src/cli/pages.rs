//! `sipauth man` and `sipauth completions`: what the arguments say of themselves, for manuals and shells.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::Arguments;
use crate::cli::exit::Exit;
use crate::cli::exit::unwritable;
use crate::cli::exit::usage;
use crate::cli::output;

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "sipauth", &mut text);
    output::print(&String::from_utf8_lossy(&text))
}

/// Prints a manual page in roff.
pub fn man(name: Option<&str>) -> Result<Exit> {
    let mut command = Arguments::command();
    command.build();
    let command = match name {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| usage(format!("man: there is no command {name}; sipauth --help lists them")))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| unwritable(format!("the page: {error}")))?;
    output::print(&String::from_utf8_lossy(&page))
}
