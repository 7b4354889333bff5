//! A capture written as text: what was said, by whom, and when, turned into the bytes of a pcap file (Ethernet, IPv4,
//! UDP). It builds the samples that were not recorded and the small captures of the rule tests. The language is
//! described in `samples/README.md`. It shares no code with the library: what it signs, the library has to verify.

pub mod digest;
mod message;
mod pcap;
mod player;
mod samples;
mod script;
#[cfg(test)]
mod tests;

/// The capture that a scenario describes, as the bytes of a classic pcap file.
///
/// # Panics
///
/// When the text is not a scenario; the message names the line.
pub fn pcap(text: &str) -> Vec<u8> {
    let mut player = player::Player::default();
    for entry in script::parse(text) {
        player.play(entry);
    }
    player.finish()
}
