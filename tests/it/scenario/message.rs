//! A SIP message as the builder holds it: a first line, headers in order, a body.

/// A message before it is bytes.
#[derive(Clone, Default)]
pub struct Message {
    pub first: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// The method of a request; None for a response.
    pub fn method(&self) -> Option<&str> {
        self.first.split(' ').next().filter(|word| !word.starts_with("SIP/"))
    }

    pub fn request_uri(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or("")
    }

    /// The status code of a response; None for a request.
    pub fn status(&self) -> Option<u16> {
        self.first.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The first header of this name, in its long or its compact form; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| same_header(other, name)).map_or("", |(_, value)| value)
    }

    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Puts the headers that were written in the place of those filled in, and new ones before Content-Length; `-` takes
    /// one away.
    pub fn overlay(&mut self, mut written: Vec<(String, String)>) {
        let defaults = std::mem::take(&mut self.headers);
        let known = |name: &str| defaults.iter().any(|(other, _)| same_header(other, name));
        let mut new: Vec<_> = written.extract_if(.., |(name, _)| !known(name)).collect();
        let mut replaced: Vec<&str> = Vec::new();
        for (name, value) in &defaults {
            if same_header(name, "Content-Length") {
                self.headers.append(&mut new);
            }
            let mut mine: Vec<_> = written.extract_if(.., |(other, _)| same_header(other, name)).collect();
            match mine.is_empty() {
                false => replaced.push(name),
                true if replaced.contains(&name.as_str()) => continue,
                true => mine.push((name.clone(), value.clone())),
            }
            self.headers.append(&mut mine);
        }
        self.headers.append(&mut new);
        self.headers.retain(|(_, value)| value != "-");
    }

    /// Reads what was given as bytes, so that an answer can copy from it; None when it is no SIP message.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (first, headers) = head.split_once("\r\n")?;
        let mut message = Message { first: first.to_owned(), headers: Vec::new(), body: body.as_bytes().to_vec() };
        for line in headers.split("\r\n") {
            match (line.split_once(':'), message.headers.last_mut()) {
                (_, Some((_, value))) if line.starts_with([' ', '\t']) => *value += line,
                (Some((name, value)), _) => message.add(name.trim(), value.trim()),
                _ => {}
            }
        }
        first.contains("SIP/2.0").then_some(message)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!("{}\r\n{}\r\n", self.first, headers.collect::<String>());
        [head.into_bytes(), self.body.clone()].concat()
    }
}

fn same_header(one: &str, other: &str) -> bool {
    long_form(one).eq_ignore_ascii_case(long_form(other))
}

/// RFC 3261 §7.3.3.
fn long_form(name: &str) -> &str {
    match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        name => name,
    }
}

/// What a status code is called (RFC 3261 §21).
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        486 => "Busy Here",
        487 => "Request Terminated",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
