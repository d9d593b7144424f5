//! "STOMP Frames", "Augmented BNF", "Body", "Standard Headers": where frames begin and end.

use chat_stomp::Version;

use super::decoded;

#[test]
fn frames_are_found_in_the_stream() {
    decoded(
        &Version::ALL,
        &[
            (
                "1.2, STOMP Frames: command, headers, blank line, body, NUL",
                b"SEND\na:b\nc:d\n\nhi\0",
                r#"SEND[a=b,c=d]"hi""#,
            ),
            ("1.2, STOMP Frames: headers and body are optional", b"DISCONNECT\n\n\0", "DISCONNECT"),
            ("1.2, STOMP Frames: headers without body", b"CONNECT\nhost:x\n\n\0", "CONNECT[host=x]"),
            ("1.2, STOMP Frames: body without headers", b"SEND\n\nhi\0", r#"SEND"hi""#),
            ("1.2, STOMP Frames: each line may end with CRLF", b"SEND\r\na:b\r\n\r\nhi\0", r#"SEND[a=b]"hi""#),
            ("1.2, Augmented BNF: line ends may be mixed", b"SEND\na:b\r\n\nhi\0", r#"SEND[a=b]"hi""#),
            (
                "1.2, Augmented BNF: a body is any octets, line ends included",
                b"SEND\n\n\r\n\n\r\0",
                r#"SEND"\r\n\n\r""#,
            ),
            ("1.2, Augmented BNF: a body need not be UTF-8", b"SEND\n\n\xff\xfe\0", r#"SEND"\xff\xfe""#),
            ("1.2, Augmented BNF: frame after frame", b"SEND\n\na\0DISCONNECT\n\n\0", r#"SEND"a" | DISCONNECT"#),
            (
                "1.2, Augmented BNF: line ends after a frame",
                b"SEND\n\na\0\n\r\n\nSEND\n\nb\0",
                r#"SEND"a" | beat | beat | beat | SEND"b""#,
            ),
            (
                "1.2, Augmented BNF: line ends before the first frame, here",
                b"\n\r\nSEND\n\na\0",
                r#"beat | beat | SEND"a""#,
            ),
            ("1.2, Heart-beating: one line end is a heart-beat", b"\n", "beat"),
            ("1.2, STOMP Frames: commands are case-sensitive", b"send\n\n\0", "error: unknown command"),
            (
                "1.2, STOMP Frames: header names are case-sensitive",
                b"SEND\nContent-Length:9\n\nhi\0",
                r#"SEND[Content-Length=9]"hi""#,
            ),
            ("1.2, Augmented BNF: only these commands", b"PUBLISH\n\n\0", "error: unknown command"),
            ("1.2, Augmented BNF: no space before a command", b" SEND\n\n\0", "error: unknown command"),
            ("1.2, Augmented BNF: no space after a command", b"SEND \n\n\0", "error: unknown command"),
            ("1.2, Augmented BNF: no byte order mark", b"\xef\xbb\xbfSEND\n\n\0", "error: unknown command"),
            ("1.2, Augmented BNF: a header has a colon", b"SEND\nab\n\n\0", "error: header without colon"),
            ("1.2, Augmented BNF: a header has a name", b"SEND\n:b\n\n\0", "error: header without name"),
            ("1.2, Augmented BNF: a header may have no value", b"SEND\na:\n\n\0", "SEND[a=]"),
            ("1.2, Augmented BNF: no colon in a value; here it counts as text", b"SEND\na:b:c\n\n\0", "SEND[a=b:c]"),
            (
                "1.2, Augmented BNF: CR is no text of a header",
                b"SEND\na:b\rc\n\n\0",
                "error: carriage return without line feed",
            ),
            ("1.2, Augmented BNF: CR is no line end", b"SEND\ra:b\n\n\0", "error: carriage return without line feed"),
            ("1.2, Augmented BNF: CR between frames", b"\rSEND\n\n\0", "error: carriage return without line feed"),
            (
                "1.2, STOMP Frames: the blank line comes before the NUL",
                b"SEND\na:b\n\0",
                "error: frame ends before the blank line after its headers",
            ),
            (
                "1.2, STOMP Frames: nothing but a NUL is no frame",
                b"\0",
                "error: frame ends before the blank line after its headers",
            ),
            ("1.2, Value Encoding: commands are UTF-8", b"S\xff\n\n\0", "error: command or headers are not UTF-8"),
        ],
    );
}

#[test]
fn an_unfinished_frame_is_waited_for() {
    const NOTHING: &str = "";
    decoded(
        &Version::ALL,
        &[
            ("1.2, STOMP Frames: in the command", b"SUBSCRI", NOTHING),
            ("1.2, STOMP Frames: after the command", b"SEND\n", NOTHING),
            ("1.2, STOMP Frames: after a CR", b"SEND\r", NOTHING),
            ("1.2, STOMP Frames: in a header's name", b"SEND\ndestin", NOTHING),
            ("1.2, STOMP Frames: before a header's value", b"SEND\ndestination:", NOTHING),
            ("1.2, STOMP Frames: in a header's value", b"SEND\ndestination:/a", NOTHING),
            ("1.2, STOMP Frames: in an escape", b"SEND\ndestination:\\", NOTHING),
            ("1.2, STOMP Frames: before the blank line", b"SEND\ndestination:/a\n", NOTHING),
            ("1.2, STOMP Frames: before the body", b"SEND\ndestination:/a\n\n", NOTHING),
            ("1.2, STOMP Frames: in the body", b"SEND\ndestination:/a\n\nhel", NOTHING),
            ("1.2, Header content-length: in a counted body", b"SEND\ncontent-length:5\n\nhel", NOTHING),
            ("1.2, Header content-length: before the NUL", b"SEND\ncontent-length:5\n\nhello", NOTHING),
        ],
    );
}

#[test]
fn a_body_is_as_long_as_it_says() {
    decoded(
        &Version::ALL,
        &[
            (
                "1.2, Header content-length: so many octets",
                b"SEND\ncontent-length:2\n\nhi\0",
                r#"SEND[content-length=2]"hi""#,
            ),
            (
                "1.2, Header content-length: NULs are read",
                b"SEND\ncontent-length:4\n\n\0h\0i\0",
                r#"SEND[content-length=4]"\x00h\x00i""#,
            ),
            (
                "1.2, Header content-length: octets, not characters",
                "SEND\ncontent-length:2\n\né\0".as_bytes(),
                r#"SEND[content-length=2]"\xc3\xa9""#,
            ),
            ("1.2, Header content-length: zero", b"SEND\ncontent-length:0\n\n\0", "SEND[content-length=0]"),
            (
                "1.2, Header content-length: leading zeros, here",
                b"SEND\ncontent-length:002\n\nhi\0",
                r#"SEND[content-length=002]"hi""#,
            ),
            (
                "1.2, Header content-length: absent, the first NUL ends the body",
                b"SEND\n\nhi\0\n",
                r#"SEND"hi" | beat"#,
            ),
            (
                "1.2, Header content-length: the NUL is still needed",
                b"SEND\ncontent-length:2\n\nhi!",
                "error: no NUL after content-length bytes of body",
            ),
            (
                "1.2, Header content-length: shorter than the body",
                b"SEND\ncontent-length:1\n\nhi\0",
                "error: no NUL after content-length bytes of body",
            ),
            (
                "1.2, Header content-length: zero with a body",
                b"SEND\ncontent-length:0\n\nhi\0",
                "error: no NUL after content-length bytes of body",
            ),
            (
                "1.2, Header content-length: a count, not negative",
                b"SEND\ncontent-length:-1\n\nhi\0",
                "error: content-length is not a number",
            ),
            (
                "1.2, Header content-length: no sign",
                b"SEND\ncontent-length:+2\n\nhi\0",
                "error: content-length is not a number",
            ),
            (
                "1.2, Header content-length: no space",
                b"SEND\ncontent-length: 2\n\nhi\0",
                "error: content-length is not a number",
            ),
            (
                "1.2, Header content-length: no other digits",
                "SEND\ncontent-length:２\n\nhi\0".as_bytes(),
                "error: content-length is not a number",
            ),
            (
                "1.2, Header content-length: not empty",
                b"SEND\ncontent-length:\n\n\0",
                "error: content-length is not a number",
            ),
            (
                "1.2, Repeated Header Entries: the first content-length",
                b"SEND\ncontent-length:2\ncontent-length:9\n\nhi\0",
                r#"SEND[content-length=2,content-length=9]"hi""#,
            ),
            (
                "1.2, Header content-type: not looked at",
                b"SEND\ncontent-type:text/plain;charset=U\n\nhi\0",
                r#"SEND[content-type=text/plain;charset=U]"hi""#,
            ),
        ],
    );
}

#[test]
fn only_send_message_and_error_have_a_body() {
    let none = "error: this command cannot have a body";
    for command in ["SEND", "MESSAGE", "ERROR"] {
        let input = format!("{command}\n\nhi\0").leak();
        decoded(&Version::ALL, &[("1.2, Body", input.as_bytes(), format!("{command}\"hi\"").leak())]);
    }
    for command in
        ["CONNECT", "STOMP", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT", "RECEIPT"]
    {
        let input = format!("{command}\n\nhi\0").leak();
        decoded(&Version::ALL, &[("1.2, Body", input.as_bytes(), none)]);
        let input = format!("{command}\ncontent-length:2\n\n").leak();
        decoded(&Version::ALL, &[("1.2, Body: refused from its announcement", input.as_bytes(), none)]);
    }
    let later = [Version::V1_1, Version::V1_2];
    decoded(&later, &[("1.2, Body", b"SUBSCRIBE\nid:1\n\nhi\0", none)]);
    decoded(
        &[Version::V1_0],
        &[
            ("1.0, SUBSCRIBE: its body is ignored", b"SUBSCRIBE\na:b\n\nhi\0\n", "SUBSCRIBE[a=b] | beat"),
            (
                "1.0, SUBSCRIBE: a counted one too",
                b"SUBSCRIBE\ncontent-length:2\n\n\0i\0\n",
                "SUBSCRIBE[content-length=2] | beat",
            ),
        ],
    );
}
