//! Reason phrases of SIP's status codes.

/// The phrases of the standards, by status: RFC 3261 §21, and those that came later (IANA, Session Initiation Protocol Parameters).
const PHRASES: &[(u16, &str)] = &[
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (199, "Early Dialog Terminated"),
    (200, "OK"),
    (202, "Accepted"),
    (204, "No Notification"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (412, "Conditional Request Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (417, "Unknown Resource-Priority"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (424, "Bad Location Information"),
    (425, "Bad Alert Message"),
    (428, "Use Identity Header"),
    (429, "Provide Referrer Identity"),
    (430, "Flow Failed"),
    (433, "Anonymity Disallowed"),
    (436, "Bad Identity-Info"),
    (437, "Unsupported Certificate"),
    (438, "Invalid Identity Header"),
    (439, "First Hop Lacks Outbound Support"),
    (440, "Max-Breadth Exceeded"),
    (469, "Bad Info Package"),
    (470, "Consent Needed"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (494, "Security Agreement Required"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (555, "Push Notification Service Not Supported"),
    (580, "Precondition Failure"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (604, "Does Not Exist Anywhere"),
    (606, "Not Acceptable"),
    (607, "Unwanted"),
    (608, "Rejected"),
];

/// What stacks write that means no more.
const VARIANTS: &[(u16, &str)] = &[
    (401, "Unauthorised"),
    (404, "Not Found Here"),
    (408, "Request Time-out"),
    (408, "Request Timed Out"),
    (481, "Call Leg/Transaction Does Not Exist"),
    (481, "Call does not exist"),
    (487, "Request Cancelled"),
    (500, "Internal Server Error"),
    (504, "Server Timeout"),
    (504, "Gateway Timeout"),
    (603, "Declined"),
];

/// Whether a reason phrase says nothing that the status does not: it is that of the standards, in any letter case, or none.
pub fn is_usual_phrase(status: u16, phrase: &[u8]) -> bool {
    let phrase = phrase.trim_ascii();
    let all = PHRASES.iter().chain(VARIANTS);
    phrase.is_empty()
        || all.filter(|(known, _)| *known == status).any(|(_, text)| text.as_bytes().eq_ignore_ascii_case(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_of_its_own_is_told_from_the_usual_one() {
        for usual in ["Forbidden", "FORBIDDEN ", ""] {
            assert!(is_usual_phrase(403, usual.as_bytes()), "{usual}");
        }
        for own in ["Forbidden (Bad auth)", "Not Found", "\u{1b}[31m"] {
            assert!(!is_usual_phrase(403, own.as_bytes()), "{own}");
        }
        assert!(!is_usual_phrase(699, b"Nobody knows"));
    }
}
