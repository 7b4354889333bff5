//! Display filters: what they select, held against tshark; what is said of them; what a report makes of them.

mod language;
mod oracle;
mod reports;
