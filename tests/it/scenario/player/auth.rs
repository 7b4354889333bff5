//! The auth headers of a scenario: which challenge is answered, and with what (RFC 3261 §22).

use super::Player;
use super::Received;
use crate::scenario::digest;
use crate::scenario::digest::Params;
use crate::scenario::message::Message;

impl Player {
    /// The headers as written, with the shorthands of the auth headers worked out.
    pub(super) fn written_headers(
        &self,
        written: Vec<String>,
        call: &str,
        from: &str,
        message: &Message,
    ) -> Vec<(String, String)> {
        let header = |text: String| {
            let (name, value) = text.split_once(':').unwrap_or_else(|| panic!("scenario: no header line: {text}"));
            let value = value.strip_prefix(' ').unwrap_or(value);
            let short = Params::parse(value.split_once(' ').map_or("", |(_, rest)| rest));
            let value = match value.split(' ').next() {
                Some("digest") => self.credentials(&short, name, call, from, message),
                Some("challenge") => digest::challenge_value(
                    &short,
                    &self.domain,
                    &self.token(&["nonce", &self.sent.len().to_string()], 32),
                ),
                Some("again") => self.last_sent(call, from, name),
                _ => value.to_owned(),
            };
            (name.to_owned(), value)
        };
        written.into_iter().map(header).collect()
    }

    fn credentials(&self, written: &Params, header: &str, call: &str, from: &str, message: &Message) -> String {
        let mut written = written.clone();
        let challenge = self.challenge(&mut written, header, call, from);
        let nonce = written.find("nonce").or(challenge.find("nonce")).unwrap_or_default();
        let uses = self.nonce_uses.get(&(from.to_owned(), nonce.to_owned())).copied().unwrap_or(0);
        let request = digest::Request {
            // The credentials of an ACK are those of its INVITE.
            method: message.method().map_or("", |method| if method == "ACK" { "INVITE" } else { method }),
            uri: message.request_uri(),
            body: &message.body,
            cnonce: &self.token(&["cnonce", &self.sent.len().to_string()], 16),
            nonce_count: uses + 1,
        };
        digest::credentials_value(&written, &challenge, &request)
    }

    /// The challenge that is answered: the last one that `from` got on this call, else on any; of several in one message, the
    /// one whose header, realm and algorithm fit. `nonce=first` and `nonce=previous` take an older one.
    fn challenge(&self, written: &mut Params, header: &str, call: &str, from: &str) -> Params {
        let mine =
            |on_call: bool| self.challenges.iter().filter(move |got| got.by == from && (!on_call || got.call == call));
        let mut got: Vec<&Received> = mine(true).collect();
        if got.is_empty() {
            got = mine(false).collect();
        }
        for name in ["realm", "algorithm"] {
            let fits = |received: &&Received| {
                written.find(name).is_some_and(|value| received.challenge.params.find(name) == Some(value))
            };
            if got.iter().any(fits) {
                got.retain(fits);
            }
        }
        let last_nonce =
            |got: &[&Received]| got.last().and_then(|last| last.challenge.params.find("nonce")).map(str::to_owned);
        let which = written.find("nonce").unwrap_or("last").to_owned();
        if matches!(which.as_str(), "last" | "first" | "previous") {
            written.0.retain(|(name, _)| name != "nonce");
        }
        match which.as_str() {
            "first" => got.truncate(got.len().min(1)),
            "previous" => {
                let newest = last_nonce(&got);
                got.retain(|received| received.challenge.params.find("nonce") != newest.as_deref());
            }
            _ => {}
        }
        let Some(in_message) = got.last().map(|last| last.in_message) else { return Params::default() };
        got.retain(|received| received.in_message == in_message);
        let fits = |received: &&&Received| received.challenge.answered_in.eq_ignore_ascii_case(header);
        got.iter().find(fits).or(got.first()).map(|received| received.challenge.params.clone()).unwrap_or_default()
    }

    pub(super) fn count_nonces(&mut self, from: &str, written: &[(String, String)]) {
        for (_, value) in written.iter().filter(|(name, _)| name.ends_with("Authorization")) {
            let nonce =
                Params::parse(value.split_once(' ').map_or("", |(_, params)| params)).find("nonce").map(str::to_owned);
            *self.nonce_uses.entry((from.to_owned(), nonce.unwrap_or_default())).or_default() += 1;
        }
    }

    fn last_sent(&self, call: &str, from: &str, header: &str) -> String {
        let mine = self.sent.iter().rev().filter(|sent| sent.call == call && sent.from == from);
        mine.filter_map(|sent| sent.message.as_ref())
            .map(|message| message.header(header))
            .find(|value| !value.is_empty())
            .unwrap_or("")
            .to_owned()
    }
}
