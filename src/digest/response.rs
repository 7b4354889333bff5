//! A1, A2 and the response (RFC 2069 §2.1.2, RFC 2617 §3.2.2, RFC 7616 §3.4.1–3.4.3), over bytes as sent: quoted values
//! unescaped (`unq()` of RFC 7616 §3.4), tokens as they stand.

use zeroize::Zeroizing;

use crate::auth::HashName;
use crate::digest::hash::Hex;
use crate::digest::hash::hash_joined;

/// `H(username:realm:password)`. A user name may hold colons: nothing is split here.
pub fn ha1(hash: HashName, account: Account<'_>, password: &[u8]) -> Zeroizing<Hex> {
    Zeroizing::new(hash_joined(hash, &[account.username, account.realm, password]))
}

/// Whose A1 it is: both as sent, unescaped.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The user name.
    pub username: &'a [u8],
    /// The realm.
    pub realm: &'a [u8],
}

/// The A1 of `-sess`: `H(HA1:nonce:cnonce)` over the hex of HA1, with the values of the session's first request
/// (RFC 7616 §3.4.2).
pub fn ha1_sess(hash: HashName, ha1: &[u8], nonce: &[u8], cnonce: &[u8]) -> Zeroizing<Hex> {
    Zeroizing::new(hash_joined(hash, &[ha1, nonce, cnonce]))
}

/// `H(method:uri)`; with `auth-int` `H(method:uri:H(body))` (RFC 7616 §3.4.3). An absent body is the empty one
/// (RFC 3261 §22.4). `rspauth` has an empty method (RFC 7616 §3.5).
pub fn ha2(hash: HashName, method: &[u8], uri: &[u8], auth_int_body: Option<&[u8]>) -> Hex {
    match auth_int_body {
        None => hash_joined(hash, &[method, uri]),
        Some(body) => hash_joined(hash, &[method, uri, hash_joined(hash, &[body]).as_bytes()]),
    }
}

/// What a response covers besides A1 and A2 where there is a qop: the text as sent.
#[derive(Clone, Copy)]
pub struct Protection<'a> {
    /// The nonce count.
    pub nonce_count: &'a [u8],
    /// The client's nonce, unescaped.
    pub cnonce: &'a [u8],
    /// The qop as the client wrote it.
    pub qop: &'a [u8],
}

/// The response: `H(HA1:nonce:nc:cnonce:qop:HA2)`; without a qop `H(HA1:nonce:HA2)`, the form of RFC 2069.
pub fn response(hash: HashName, ha1: &[u8], nonce: &[u8], protection: Option<Protection<'_>>, ha2: &Hex) -> Hex {
    match protection {
        Some(Protection { nonce_count, cnonce, qop }) => {
            hash_joined(hash, &[ha1, nonce, nonce_count, cnonce, qop, ha2.as_bytes()])
        }
        None => hash_joined(hash, &[ha1, nonce, ha2.as_bytes()]),
    }
}
