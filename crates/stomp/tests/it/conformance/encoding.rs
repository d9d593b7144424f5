//! "Value Encoding", "Repeated Header Entries": what the text of a header means.

use chat_stomp::{Command, Frame, Version, encode};

use super::{Row, decoded};

const LATER: [Version; 2] = [Version::V1_1, Version::V1_2];

#[test]
fn escapes_mean_what_the_version_says() {
    decoded(
        &LATER,
        &plain(&[
            (r"1.1, Value Encoding: \n", br"SEND~a:1\n2~~@", "SEND[a=1\\n2]"),
            (r"1.1, Value Encoding: \c", br"SEND~a:1\c2~~@", "SEND[a=1:2]"),
            (r"1.1, Value Encoding: \\", br"SEND~a:1\\2~~@", r"SEND[a=1\\2]"),
            (r"1.1, Value Encoding: names too", br"SEND~a\cb\\:1~~@", r"SEND[a:b\\=1]"),
            (r"1.1, Value Encoding: from left to right", br"SEND~a:\\n\\\c~~@", r"SEND[a=\\n\\:]"),
            (r"1.1, Value Encoding: \t is undefined", br"SEND~a:\t~~@", "error: undefined escape sequence in a header"),
            (r"1.1, Value Encoding: \0 is undefined", br"SEND~a:\0~~@", "error: undefined escape sequence in a header"),
            (r"1.1, Value Encoding: \N is undefined", br"SEND~a:\N~~@", "error: undefined escape sequence in a header"),
            (r"1.1, Value Encoding: \ at the end", br"SEND~a:b\~~@", "error: undefined escape sequence in a header"),
            (
                r"1.1, Value Encoding: \ at the end of a name",
                br"SEND~a\:b~~@",
                "error: undefined escape sequence in a header",
            ),
            ("1.1, Value Encoding: a server's frames too", br"MESSAGE~a:\c~~@", "MESSAGE[a=:]"),
        ]),
    );
    decoded(&[Version::V1_2], &plain(&[(r"1.2, Value Encoding: \r", br"SEND~a:1\r2~~@", "SEND[a=1\\r2]")]));
    decoded(
        &[Version::V1_1],
        &plain(&[(
            r"1.1, Value Encoding: \r is undefined",
            br"SEND~a:\r~~@",
            "error: undefined escape sequence in a header",
        )]),
    );
    decoded(&[Version::V1_0], &plain(&[("1.0: has no escapes", br"SEND~a\c:\n\t\\\~~@", r"SEND[a\\c=\\n\\t\\\\\\]")]));
}

#[test]
fn connect_and_connected_are_not_escaped() {
    decoded(
        &Version::ALL,
        &plain(&[
            ("1.2, Value Encoding: CONNECT", br"CONNECT~passcode:a\c\n\t~~@", r"CONNECT[passcode=a\\c\\n\\t]"),
            ("1.2, Value Encoding: a colon in its value", br"CONNECT~passcode:a:b~~@", "CONNECT[passcode=a:b]"),
            ("1.2, Value Encoding: CONNECTED", br"CONNECTED~session:a\c~~@", r"CONNECTED[session=a\\c]"),
            ("1.2, CONNECT or STOMP Frame: the same manner", br"STOMP~passcode:a\c~~@", r"STOMP[passcode=a\\c]"),
        ]),
    );
}

#[test]
fn header_text_is_kept_as_it_is() {
    decoded(
        &Version::ALL,
        &[
            ("1.2, Value Encoding: never trimmed", b"SEND\n a : b \n\n\0", "SEND[ a = b ]"),
            ("1.0: padding is kept too, here", b"SUBSCRIBE\ndestination: /a\n\n\0", "SUBSCRIBE[destination= /a]"),
            ("1.2, Value Encoding: a tab is text", b"SEND\na:\tb\n\n\0", "SEND[a=\\tb]"),
            ("1.2, Value Encoding: headers are UTF-8", "SEND\né:😀\n\n\0".as_bytes(), "SEND[é=😀]"),
            ("1.2, Value Encoding: not UTF-8", b"SEND\na:\xc3\n\n\0", "error: command or headers are not UTF-8"),
            (
                "1.2, Value Encoding: an overlong form is not UTF-8",
                b"SEND\na:\xc0\xaf\n\n\0",
                "error: command or headers are not UTF-8",
            ),
            (
                "1.2, Value Encoding: a surrogate is not UTF-8",
                b"SEND\na:\xed\xa0\x80\n\n\0",
                "error: command or headers are not UTF-8",
            ),
        ],
    );
}

#[test]
fn of_repeated_headers_the_first_counts() {
    let (items, result) = crate::decode(b"MESSAGE\nfoo:World\nfoo:Hello\n\n\0", Version::V1_2);
    assert_eq!(result, Ok(()));
    let [chat_stomp::Item::Frame(frame)] = &items[..] else { panic!("one frame: {items:?}") };
    assert_eq!(frame.header("foo"), Some("World"), "1.2, Repeated Header Entries");
    assert_eq!(frame.headers.len(), 2, "the others are history");
}

/// What is written for `\ : LF CR NUL` in name and value, by command and version.
#[test]
fn what_is_written_is_escaped_as_the_version_says() {
    let rows = [
        ("1.0: no escapes, what has no form is a space", Command::Message, Version::V1_0, r"\    :\:   "),
        ("1.1, Value Encoding", Command::Message, Version::V1_1, r"\\\c\n  :\\\c\n  "),
        ("1.2, Value Encoding", Command::Message, Version::V1_2, r"\\\c\n\r :\\\c\n\r "),
        ("1.2, Value Encoding: RECEIPT", Command::Receipt, Version::V1_2, r"\\\c\n\r :\\\c\n\r "),
        ("1.2, Value Encoding: ERROR", Command::Error, Version::V1_2, r"\\\c\n\r :\\\c\n\r "),
        ("1.2, Value Encoding: not CONNECTED", Command::Connected, Version::V1_2, r"\    :\:   "),
        ("1.2, Value Encoding: not CONNECT", Command::Connect, Version::V1_1, r"\    :\:   "),
    ];
    for (rule, command, version, expected) in rows {
        let frame = Frame::new(command).with("\\:\n\r\0", "\\:\n\r\0");
        let bytes = encode(&frame, version);
        let line = bytes.split(|octet| *octet == b'\n').nth(1).expect("a header");
        assert_eq!(line.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string(), "{rule}");
    }
}

/// Rows are written with `~` for a line end and `@` for NUL, so that their backslashes can be raw.
fn plain(rows: &[Row]) -> Vec<Row> {
    let octet = |octet: &u8| match octet {
        b'~' => b'\n',
        b'@' => 0,
        octet => *octet,
    };
    let row = |(rule, input, expected): &Row| -> Row {
        (rule, input.iter().map(octet).collect::<Vec<u8>>().leak(), expected)
    };
    rows.iter().map(row).collect()
}
