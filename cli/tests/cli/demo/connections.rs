//! Connections: many requests on one, requests without an end, and how both end.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::client::{Demo, MAX_BYTES, face};

/// The head of a request whose body, of 10 GB, nobody sends.
fn endless(demo: &Demo, line: &str, host: &str) -> Vec<u8> {
    let host = if host.is_empty() { format!("127.0.0.1:{}", demo.port) } else { host.to_owned() };
    format!("{line} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 10000000000\r\n\r\n").into_bytes()
}

#[test]
fn requests_that_do_not_wait_are_answered_in_order() {
    let demo = Demo::start(&[]);
    let face = face("00001");
    let edit = "/translate?edit=Male";
    let alone = [demo.get("/"), demo.post(edit, &face), demo.get("/nothing"), demo.get("/page.js")];
    let requests = [
        demo.request("GET", "/", "", b""),
        demo.request("POST", edit, "", &face),
        demo.request("GET", "/nothing", "", b""),
        demo.request("GET", "/page.js", "", b""),
    ];
    let mut connection = demo.connect();
    connection.send(&requests.concat());
    for alone in alone {
        let answer = connection.answer();
        assert_eq!((answer.status, answer.text()), (alone.status, alone.text()));
    }
    connection.stream().shutdown(Shutdown::Write).unwrap();
    connection.ends();
}

#[test]
fn a_connection_serves_until_its_client_ends_it() {
    let demo = Demo::start(&[]);
    let mut connection = demo.connect();
    for _ in 0..3 {
        connection.send(&demo.request("GET", "/icon.svg", "", b""));
        assert_eq!(connection.answer().status, 200);
        // What was wrong with an image is no reason to end the connection.
        connection.send(&demo.request("POST", "/prepare", "", b"not an image"));
        connection.answer().refuses(400, "expected a PNG");
    }
    connection.stream().shutdown(Shutdown::Write).unwrap();
    connection.ends();
}

#[test]
fn head_is_get_without_the_body() {
    let demo = Demo::start(&[]);
    for target in ["/", "/model.json", "/samples/1.png", "/nothing"] {
        let get = demo.get(target);
        let mut connection = demo.connect();
        connection.send(&demo.request("HEAD", target, "connection: close\r\n", b""));
        let head = connection.head();
        connection.ends();
        let dateless = |head: &str| {
            let lines = head.lines().filter(|line| !line.starts_with("date: "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(dateless(&head.head), dateless(&get.head));
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    }
}

#[test]
fn what_is_refused_is_not_read() {
    let demo = Demo::start(&[]);
    let requests = [
        (endless(&demo, "POST /prepare", ""), 413, "larger than 10 MB"),
        (endless(&demo, "POST /nothing", ""), 404, "there is nothing here"),
        (endless(&demo, "GET /translate", ""), 405, "is asked for with POST"),
        (endless(&demo, "GET /", ""), 400, "nothing to do with a body here"),
        (endless(&demo, "POST /prepare", "evil.example"), 403, "the host asked for"),
        (endless(&demo, "GET /", "evil.example"), 403, "the host asked for"),
    ];
    for (request, status, words) in requests {
        let began = Instant::now();
        let mut connection = demo.connect();
        connection.send(&request);
        let answer = connection.answer();
        answer.refuses(status, words);
        assert_eq!(answer.header("connection"), Some("close"));
        connection.ends();
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        // A client that sends on soon finds nobody there.
        let piece = vec![0; 1 << 20];
        let taken = (0..100).take_while(|_| connection.stream().write_all(&piece).is_ok()).count();
        assert!(taken < 100, "{taken} MiB");
    }
}

#[test]
fn a_client_hears_of_a_refusal_before_it_has_sent_anything() {
    let demo = Demo::start(&[]);
    let face = face("00000");
    let expecting = "expect: 100-continue\r\nconnection: close\r\n";
    let head = |length: usize| {
        let head = demo.request("POST", "/prepare", expecting, b"");
        let length = format!("content-length: {length}\r\n");
        String::from_utf8(head).unwrap().replace("content-length: 0\r\n", &length)
    };
    demo.raw(head(MAX_BYTES + 1).as_bytes()).refuses(413, "larger than 10 MB");
    let mut connection = demo.connect();
    connection.send(head(face.len()).as_bytes());
    assert_eq!(connection.head().status, 100);
    connection.send(&face);
    connection.answer().image();
    connection.ends();
}

#[test]
fn bodies_of_every_size_are_read_whole() {
    let demo = Demo::start(&[]);
    let mut connection = demo.connect();
    // What follows an image does not change it.
    let mut bytes = face("00002");
    let small = bytes.len();
    let prepared = demo.post("/prepare", &bytes).body;
    bytes.resize(MAX_BYTES, 0);
    for size in [small, 65_535, 65_536, 65_537, 1_000_000, MAX_BYTES - 1, MAX_BYTES] {
        let body = &bytes[..size];
        connection.send(&demo.request("POST", "/prepare", "", body));
        let answer = connection.answer();
        assert_eq!((answer.status, answer.body == prepared), (200, true), "{size} bytes");
        // In pieces, too.
        let mut request = demo.request("POST", "/prepare", "transfer-encoding: chunked\r\n", b"");
        let text = String::from_utf8_lossy(&request).replace("content-length: 0\r\n", "");
        request = text.into_bytes();
        for piece in body.chunks(50_001) {
            request.extend(format!("{:x}\r\n", piece.len()).bytes());
            request.extend(piece);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
        connection.send(&request);
        let answer = connection.answer();
        assert_eq!((answer.status, answer.body == prepared), (200, true), "{size} bytes in pieces");
    }
    for size in [0, 1, 10] {
        connection.send(&demo.request("POST", "/prepare", "", &vec![b'x'; size]));
        connection.answer().refuses(400, "expected");
    }
    // Cut short by a client that goes on to listen.
    let whole = demo.request("POST", "/prepare", "", &bytes[..small]);
    connection.send(&whole[..whole.len() - 1]);
    connection.stream().shutdown(Shutdown::Write).unwrap();
    connection.answer().refuses(400, "the file did not arrive whole");
    connection.ends();
}

#[test]
fn heads_are_bounded() {
    let demo = Demo::start(&[]);
    let with = |length: usize| {
        let long = format!("connection: close\r\nlong: {}\r\n", "x".repeat(length));
        demo.raw(&demo.request("GET", "/", &long, b"")).status
    };
    assert_eq!(with(7_900), 200);
    assert_eq!(with(8_200), 431);
    assert_eq!(with(1_000_000), 431);
    assert_eq!(demo.raw(b"\x16\x03\x01 is not HTTP\r\n\r\n").status, 400);
    for hosts in ["host: localhost\r\nhost: evil.example", "host: x@localhost", "accept: */*"] {
        let head = format!("GET / HTTP/1.1\r\n{hosts}\r\nconnection: close\r\n\r\n");
        demo.raw(head.as_bytes()).refuses(400, "no valid host");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    let mut demo = Demo::start(&[]);
    let _connection = demo.connect();
    let id = demo.process.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(demo.process.wait().unwrap().code(), Some(130));
}
