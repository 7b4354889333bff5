//! Forms in which one side may have taken the password that the other side knows. Each is wiped on drop.

use zeroize::Zeroizing;

use crate::auth::HashName;
use crate::base::encoding::percent_decoded;
use crate::digest::near_miss::variant::Variant;

/// A form of a password.
pub(super) type Form = (Variant, Zeroizing<Vec<u8>>);

/// Every form of a password that is tried, but for those that an HA1 takes part in.
pub(super) fn forms(password: &[u8]) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::with_capacity(64);
    let mut add = |variant, form: Vec<u8>| {
        let form = Zeroizing::new(form);
        // Nobody is without a password by mistake of a character: an empty one proves nothing.
        if !form.is_empty() && form.as_slice() != password {
            forms.push((variant, form));
        }
    };
    for blank in [&b" "[..], b"\t"] {
        add(Variant::PasswordTrimmed, [password, blank].concat());
        add(Variant::PasswordTrimmed, [blank, password].concat());
    }
    add(Variant::PasswordTrimmed, trimmed(password, true, true).to_vec());
    add(Variant::PasswordTrimmed, trimmed(password, true, false).to_vec());
    add(Variant::PasswordTrimmed, trimmed(password, false, true).to_vec());
    for end in [&b"\n"[..], b"\r\n", b"\r"] {
        add(Variant::PasswordNewline, [password, end].concat());
    }
    let lines_end = password.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    add(Variant::PasswordNewline, password.get(..lines_end).unwrap_or_default().to_vec());
    add(Variant::PasswordUrlDecoded, percent_decoded(password));
    add(Variant::PasswordUrlDecoded, percent_decoded(&replaced(password, b"+", b" ")));
    add(Variant::PasswordUrlDecoded, percent_encoded(password, b"0123456789ABCDEF"));
    add(Variant::PasswordUrlDecoded, percent_encoded(password, b"0123456789abcdef"));
    add(Variant::PasswordUrlDecoded, entities(password, false));
    add(Variant::PasswordUrlDecoded, entities(password, true));
    add_charsets(password, &mut add);
    add_cuts(password, &mut add);
    add(Variant::QuotesKept, [b"\"", password, b"\""].concat());
    add(Variant::QuotesKept, [b"'", password, b"'"].concat());
    for quote in [b"\"", b"'"] {
        let inside = password.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        add(Variant::QuotesKept, inside.unwrap_or_default().to_vec());
    }
    add(Variant::EscapeKept, escaped(password));
    add(Variant::EscapeKept, unescaped(password));
    forms
}

/// The given password as the HA1 that it looks like.
pub(super) fn as_ha1(password: &[u8], hash: HashName) -> Option<Zeroizing<Vec<u8>>> {
    let is_ha1 = password.len() == hash.hex_len() && password.iter().all(u8::is_ascii_hexdigit);
    is_ha1.then(|| Zeroizing::new(password.to_ascii_lowercase()))
}

fn trimmed(text: &[u8], start: bool, end: bool) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = if start { text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len()) } else { 0 };
    let until = if end { text.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last + 1) } else { text.len() };
    text.get(from..until).unwrap_or_default()
}

/// Everything but the unreserved characters of RFC 3986 §2.3 as `%41`.
fn percent_encoded(text: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let mut encoded = Vec::with_capacity(text.len() * 3);
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(*byte),
            _ => encoded.extend([b'%', digit(byte >> 4), digit(byte & 0x0f)]),
        }
    }
    encoded
}

/// The characters that XML writes as entities. `&` stands first: it is encoded first and decoded last.
const ENTITIES: [(&[u8], &[u8]); 6] =
    [(b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b"\"", b"&quot;"), (b"'", b"&#39;"), (b"'", b"&apos;")];

fn entities(text: &[u8], encode: bool) -> Vec<u8> {
    let mut result = text.to_vec();
    if encode {
        ENTITIES.iter().for_each(|(character, entity)| result = replaced(&result, character, entity));
    } else {
        ENTITIES.iter().rev().for_each(|(character, entity)| result = replaced(&result, entity, character));
    }
    result
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(behind) => {
                result.extend_from_slice(to);
                rest = behind;
            }
            None => {
                result.push(*byte);
                rest = behind;
            }
        }
    }
    result
}

/// Windows-1252 where it differs from Latin-1: the characters of 0x80 to 0x9f that people type.
const WINDOWS: [(char, u8); 8] =
    [('€', 0x80), ('‚', 0x82), ('„', 0x84), ('…', 0x85), ('‘', 0x91), ('’', 0x92), ('“', 0x93), ('”', 0x94)];

fn add_charsets(password: &[u8], add: &mut impl FnMut(Variant, Vec<u8>)) {
    if password.is_ascii() {
        return;
    }
    // The bytes of one set taken for Latin-1 and written as UTF-8: also what a UTF-8 password becomes when encoded twice.
    let again: String = password.iter().map(|byte| char::from(*byte)).collect();
    add(Variant::PasswordCharset, again.into_bytes());
    let Ok(text) = std::str::from_utf8(password) else { return };
    let narrow = |character: char| {
        let windows = WINDOWS.iter().find(|(known, _)| *known == character).map(|(_, byte)| *byte);
        u8::try_from(u32::from(character)).ok().or(windows)
    };
    if let Some(latin) = text.chars().map(narrow).collect::<Option<Vec<u8>>>() {
        add(Variant::PasswordCharset, latin);
    }
    let plain = |character: char| if character.is_ascii() { character } else { '?' };
    add(Variant::PasswordCharset, text.chars().map(plain).collect::<String>().into_bytes());
}

/// Characters that end a value in configuration files, URIs and headers.
const ENDS: &[u8] = b";#%@\"'&,:?\\$!=/ ";

/// Lengths that fields of phones and databases have.
const LENGTHS: [usize; 13] = [8, 10, 12, 15, 16, 20, 24, 25, 31, 32, 40, 63, 64];

fn add_cuts(password: &[u8], add: &mut impl FnMut(Variant, Vec<u8>)) {
    let mut cut = |at: usize| {
        if at < password.len() {
            add(Variant::PasswordCut, password.get(..at).unwrap_or_default().to_vec());
        }
    };
    ENDS.iter().filter_map(|end| password.iter().position(|byte| byte == end)).for_each(&mut cut);
    LENGTHS.into_iter().for_each(&mut cut);
}

/// With a backslash before each character that a quoted string escapes.
fn escaped(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| matches!(byte, b'"' | b'\\').then_some(b'\\').into_iter().chain([*byte])).collect()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter().copied();
    let mut result = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        result.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(password: &str, variant: Variant, expected: &[&[u8]]) {
        let forms = forms(password.as_bytes());
        let forms: Vec<&[u8]> =
            forms.iter().filter(|(of, _)| *of == variant).map(|(_, form)| form.as_slice()).collect();
        for form in expected {
            assert!(forms.contains(form), "{form:?} is not among {forms:?}");
        }
    }

    #[test]
    fn passwords_are_tried_in_the_forms_that_systems_make_of_them() {
        check(" a b ", Variant::PasswordTrimmed, &[b"a b", b"a b ", b" a b", b" a b  "]);
        check("a\r\n", Variant::PasswordNewline, &[b"a"]);
        check("a%20b+c", Variant::PasswordUrlDecoded, &[b"a b+c", b"a b c", b"a%2520b%2Bc"]);
        check("a&amp;b", Variant::PasswordUrlDecoded, &[b"a&b", b"a&amp;amp;b"]);
        check("ä€", Variant::PasswordCharset, &[b"\xe4\x80", b"??"]);
        check("s3cret;x#y", Variant::PasswordCut, &[b"s3cret", b"s3cret;x"]);
        check("\"a\"", Variant::QuotesKept, &[b"a", b"\"\"a\"\""]);
        check("a\\\"b", Variant::EscapeKept, &[b"a\\\\\\\"b", b"a\"b"]);
    }

    #[test]
    fn a_plain_password_has_few_forms_and_none_is_empty_or_itself() {
        for password in ["", "a", ";", "correct-horse", "\"\"", "%%%", "\\"] {
            let forms = forms(password.as_bytes());
            assert!(forms.len() < 48, "{password}: {}", forms.len());
            assert!(forms.iter().all(|(_, form)| !form.is_empty() && form.as_slice() != password.as_bytes()));
        }
    }
}
