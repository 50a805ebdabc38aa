//! The canonical forms of a request: what both ends must write alike before they hash it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Everything that RFC 3986 does not call unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The parts of a request that a signature covers, as they stand on the wire.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The path as it was sent, percent-encoded.
    pub path: &'a str,
    /// The query as it was sent, without the question mark; empty when there is none.
    pub query: &'a str,
    /// All headers, in the order in which they were sent, names in any case. With HTTP/2 the caller gives
    /// `:authority` as `host`.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl RequestParts<'_> {
    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        let text = std::str::from_utf8(value).ok()?;
        Some(text.trim_matches(super::BLANKS))
    }
}

/// Which canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What official SDKs and this suite sign: empty segments kept, a blank is `%20`, the query sorted by decoded key,
    /// then by decoded value.
    Sdk,
    /// What MEP-auth computes: empty, `.` and `..` segments dropped, a blank is `+`, the query's encoded pairs sorted as
    /// whole texts.
    MepAuth,
}

impl Form {
    /// Both, in the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::Sdk, Self::MepAuth];

    fn encode(self, text: &[u8], out: &mut Vec<u8>) {
        for piece in percent_encode(text, RESERVED) {
            match (self, piece) {
                (Self::MepAuth, "%20") => out.push(b'+'),
                _ => out.extend_from_slice(piece.as_bytes()),
            }
        }
    }
}

/// The canonical request in the given form, for a body with the given hash.
///
/// `None` when one of the signed headers is not there.
pub fn canonical_request(
    parts: &RequestParts<'_>,
    signed_headers: &[String],
    body_hash: &str,
    form: Form,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(parts.method.as_bytes());
    out.push(b'\n');
    write_path(parts.path, form, &mut out);
    out.push(b'\n');
    write_query(parts.query, form, &mut out);
    out.push(b'\n');
    write_headers(parts, signed_headers, &mut out)?;
    out.push(b'\n');
    join(signed_headers.iter().map(String::as_bytes), b';', &mut out);
    out.push(b'\n');
    out.extend_from_slice(body_hash.as_bytes());
    Some(out)
}

/// The path is decoded as a whole, so that `%2F` separates like `/`, then encoded by segment. Ends in `/`.
fn write_path(path: &str, form: Form, out: &mut Vec<u8>) {
    let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
    let start = out.len();
    let segments = decoded.split(|byte| *byte == b'/');
    match form {
        Form::Sdk => {
            for (index, segment) in segments.enumerate() {
                if index > 0 {
                    out.push(b'/');
                }
                form.encode(segment, out);
            }
        }
        Form::MepAuth => {
            for segment in segments.filter(|segment| !matches!(*segment, b"" | b"." | b"..")) {
                out.push(b'/');
                form.encode(segment, out);
            }
        }
    }
    if out.len() == start || out.last() != Some(&b'/') {
        out.push(b'/');
    }
}

fn write_query(query: &str, form: Form, out: &mut Vec<u8>) {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_query(key), decode_query(value))
        })
        .collect();
    if form == Form::Sdk {
        match cfg!(planted_bug) {
            true => pairs.sort_by(|a, b| a.0.cmp(&b.0)),
            false => pairs.sort(),
        }
    }
    let mut written: Vec<Vec<u8>> = pairs
        .iter()
        .map(|(key, value)| {
            let mut pair = Vec::with_capacity(key.len() + value.len() + 1);
            form.encode(key, &mut pair);
            pair.push(b'=');
            form.encode(value, &mut pair);
            pair
        })
        .collect();
    if form == Form::MepAuth {
        written.sort();
    }
    join(written.iter().map(Vec::as_slice), b'&', out);
}

/// A key or value of a query: `+` is a blank, then `%XX`.
fn decode_query(text: &str) -> Vec<u8> {
    let blanks: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decode(&blanks).collect()
}

/// Each signed header as `name:value` and a line feed; several values of one name joined by commas.
fn write_headers(parts: &RequestParts<'_>, signed_headers: &[String], out: &mut Vec<u8>) -> Option<()> {
    for name in signed_headers {
        let mut values = parts
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii())
            .peekable();
        values.peek()?;
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        join(values, b',', out);
        out.push(b'\n');
    }
    Some(())
}

fn join<'a>(pieces: impl Iterator<Item = &'a [u8]>, separator: u8, out: &mut Vec<u8>) {
    for (index, piece) in pieces.enumerate() {
        if index > 0 {
            out.push(separator);
        }
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(form: Form, path: &str) -> String {
        let mut out = Vec::new();
        write_path(path, form, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn query(form: Form, query: &str) -> String {
        let mut out = Vec::new();
        write_query(query, form, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths_are_written_as_each_form_wants() {
        for (sent, sdk, mep) in [
            ("/a/b", "/a/b/", "/a/b/"),
            ("/a/b/", "/a/b/", "/a/b/"),
            ("/", "/", "/"),
            ("", "/", "/"),
            ("/a//b", "/a//b/", "/a/b/"),
            ("/a//", "/a//", "/a/"),
            ("/a%2Fb", "/a/b/", "/a/b/"),
            ("/a%20b", "/a%20b/", "/a+b/"),
            ("/a+b", "/a%2Bb/", "/a%2Bb/"),
            ("/a/./b/../c", "/a/./b/../c/", "/a/b/c/"),
            ("/%c3%a4", "/%C3%A4/", "/%C3%A4/"),
            ("/~a-b_c.d!", "/~a-b_c.d%21/", "/~a-b_c.d%21/"),
            ("/100%", "/100%25/", "/100%25/"),
        ] {
            assert_eq!(path(Form::Sdk, sent), sdk, "{sent}");
            assert_eq!(path(Form::MepAuth, sent), mep, "{sent}");
        }
    }

    #[test]
    fn queries_are_sorted_and_written_as_each_form_wants() {
        for (sent, sdk, mep) in [
            ("", "", ""),
            ("b=2&a=1", "a=1&b=2", "a=1&b=2"),
            ("a=2&a=10", "a=10&a=2", "a=10&a=2"),
            ("flag", "flag=", "flag="),
            ("a=b=c", "a=b%3Dc", "a=b%3Dc"),
            ("a+b=c+d", "a%20b=c%20d", "a+b=c+d"),
            ("a%20b=c%2Bd", "a%20b=c%2Bd", "a+b=c%2Bd"),
            ("a=1&&b=2&", "a=1&b=2", "a=1&b=2"),
            ("=v", "=v", "=v"),
            // Decoded, ':' stands after '9'; encoded, '%3A' stands before it.
            ("a:=1&a9=2", "a9=2&a%3A=1", "a%3A=1&a9=2"),
            // Decoded keys: "a" before "a-"; as whole texts "a-=1" before "a=2".
            ("a-=1&a=2", "a=2&a-=1", "a-=1&a=2"),
            ("k=%C3%A4&k=z", "k=z&k=%C3%A4", "k=%C3%A4&k=z"),
        ] {
            assert_eq!(query(Form::Sdk, sent), sdk, "{sent}");
            assert_eq!(query(Form::MepAuth, sent), mep, "{sent}");
        }
    }

    #[test]
    fn headers_stand_in_the_signed_order_trimmed_and_joined() {
        let headers: &[(&str, &[u8])] = &[
            ("X-B", b" 2 "),
            ("Host", b"h:1"),
            ("x-b", b"\t3"),
            ("Other", b"not signed"),
        ];
        let parts = RequestParts {
            method: "GET",
            path: "/p",
            query: "",
            headers,
        };
        let names = ["host".to_owned(), "x-b".to_owned()];
        let text = canonical_request(&parts, &names, "HASH", Form::Sdk).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "GET\n/p/\n\nhost:h:1\nx-b:2,3\n\nhost;x-b\nHASH"
        );
        assert_eq!(
            canonical_request(&parts, &["absent".to_owned()], "HASH", Form::Sdk),
            None
        );
    }
}
