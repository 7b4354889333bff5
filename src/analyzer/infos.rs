//! What a server says when it accepts credentials: Authentication-Info and Proxy-Authentication-Info of a 2xx (RFC 7616 §3.5).
//! Read once the response has found its request, whose credentials it speaks of.

use crate::analyzer::messages::Messages;
use crate::analyzer::messages::Users;
use crate::analyzer::messages::beyond;
use crate::analyzer::messages::count;
use crate::analyzer::messages::purpose_of;
use crate::auth::AuthenticationInfo;
use crate::auth::parse_credentials;
use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::digest::Proof;
use crate::digest::rspauth::Exchange;
use crate::history::nonce::Issue;
use crate::session::HeaderKind;
use crate::session::InfoRow;
use crate::sip::HeaderName;
use crate::sip::Message;

/// Rows of one response that are looked at: there is one for each kind.
const ROWS_MAX: usize = 8;

/// Rows of credentials of a request that an rspauth is held against.
const CREDENTIALS_MAX: usize = 8;

const INFOS: [HeaderName; 2] = [HeaderName::AuthenticationInfo, HeaderName::ProxyAuthenticationInfo];

fn kind(name: HeaderName) -> Option<HeaderKind> {
    match name {
        HeaderName::AuthenticationInfo => Some(HeaderKind::Www),
        HeaderName::ProxyAuthenticationInfo => Some(HeaderKind::Proxy),
        _ => None,
    }
}

impl Messages {
    /// Notes the nonces that a 2xx announces, and checks what it proves.
    pub(super) fn note_infos(&mut self, message: &Message<'_>, at: FrameRef, time: CaptureTime, flow: Flow) {
        if !matches!(message.status(), Some(200..300)) || !INFOS.iter().any(|name| message.headers.has(*name)) {
            return;
        }
        self.auth_rows_dropped += beyond(count(message, &INFOS), ROWS_MAX);
        let users = Users::of(message);
        let purpose = purpose_of(&self.nonces, message, &users);
        let user = self.nonces.user(users.from);
        let issue = Issue { at, time, flow, purpose, is_aka: false, user };
        let Some(transaction) = self.tracker.answered_by(message, at) else { return };
        let method = transaction.method.as_bytes();
        let body = message.has_whole_body.then(|| message.body());
        let sent = transaction.request.as_ref().map(|request| &*request.credentials).unwrap_or_default();
        let headers =
            message.headers.iter().filter_map(|header| Some((kind(header.name)?, message.text(header.value_at))));
        let mut rows = Vec::new();
        for (header, value) in headers.take(ROWS_MAX) {
            let info = AuthenticationInfo::parse(value);
            let mut proof = None;
            let mut nextnonce = None;
            for row in sent.iter().filter(|row| row.header == header).take(CREDENTIALS_MAX) {
                let credentials = parse_credentials(&row.value);
                let Some(first) = credentials.first() else { continue };
                let challenge_realm = first.nonce().and_then(|nonce| self.nonces.issuing_realm(&nonce));
                if proof != Some(Proof::Match) {
                    let exchange = Exchange { credentials: &row.value, method, body, challenge_realm };
                    proof = self.verifier.check_rspauth(&info, exchange).or(proof);
                }
                if let Some(next) = info.nextnonce() {
                    self.verifier.go_on(first, &next);
                }
                // Without a scheme before it the row names no realm: it is that of the credentials.
                if nextnonce.is_none() {
                    let realm = challenge_realm.map(<[u8]>::to_vec).or(first.realm().map(|realm| realm.into_owned()));
                    nextnonce = info.nextnonce().and_then(|nonce| self.nonces.id(&realm.unwrap_or_default(), &nonce));
                }
            }
            if let Some((id, nonce)) = nextnonce.zip(info.nextnonce()) {
                self.nonces.issued(id, &nonce, issue);
            }
            rows.push(InfoRow { header, value: value.into(), nextnonce, proof });
        }
        if let Some(answer) = &mut transaction.answer {
            answer.rare.get_or_insert_default().infos = rows;
        }
    }
}
