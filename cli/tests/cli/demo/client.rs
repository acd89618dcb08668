//! A demo of its own for each test, and answers as its clients see them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use image::{ImageFormat, RgbImage};

use crate::program::{FACES, STARGAN};

/// The largest file that the demo takes, in bytes.
pub const MAX_BYTES: usize = 10_000_000;

/// A demo on a port of its own, until it is dropped.
pub struct Demo {
    pub process: Child,
    pub port: u16,
}

impl Demo {
    pub fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(STARGAN)
            .args(["demo", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("the address");
        let port = line.trim().strip_prefix("http://127.0.0.1:").expect("the address");
        Self { port: port.parse().expect("a port"), process }
    }

    /// A connection on which nothing has been said; one that stays silent fails the test.
    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        Connection(BufReader::new(stream))
    }

    /// The answer to these very bytes, after which the connection must end.
    pub fn raw(&self, request: &[u8]) -> Answer {
        let mut connection = self.connect();
        connection.send(request);
        let answer = connection.answer();
        connection.ends();
        answer
    }

    /// A request as bytes; `headers` are whole lines.
    pub fn request(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let (port, length) = (self.port, body.len());
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{headers}\
             content-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    pub fn ask(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        let headers = format!("connection: close\r\n{headers}");
        self.raw(&self.request(method, target, &headers, body))
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "", b"")
    }

    pub fn post(&self, target: &str, body: &[u8]) -> Answer {
        self.ask("POST", target, "", body)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A connection to a demo.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    pub fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).expect("it is taken");
    }

    /// Whether the next answer has begun to arrive.
    pub fn has_answer(&self) -> bool {
        self.stream().set_nonblocking(true).expect("a mode");
        let arrived = self.stream().peek(&mut [0]);
        self.stream().set_nonblocking(false).expect("a mode");
        arrived.is_ok_and(|bytes| bytes > 0)
    }

    /// The next answer.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let length = answer.header("content-length").expect("a length");
        answer.body = vec![0; length.parse().expect("a number")];
        self.0.read_exact(&mut answer.body).expect("a whole body");
        answer
    }

    /// The head of the next answer, which has no body.
    #[track_caller]
    pub fn head(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).expect("an answer");
            assert!(read > 0, "the connection has ended after {head:?}");
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.expect("a status");
        Answer { status, head: head.trim_end().to_lowercase(), body: Vec::new() }
    }

    /// The other side closes the connection and says nothing more.
    #[track_caller]
    pub fn ends(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("an orderly end");
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn image(&self) -> RgbImage {
        assert_eq!(
            (self.status, self.header("content-type")),
            (200, Some("image/png")),
            "{}",
            self.text()
        );
        image::load_from_memory_with_format(&self.body, ImageFormat::Png).expect("a PNG").to_rgb8()
    }

    #[track_caller]
    pub fn refuses(&self, status: u16, words: &str) {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert!(text.contains(words), "expected {words:?}, found {text:?}");
        assert_eq!(self.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

/// A bundled face, as PNG.
pub fn face(name: &str) -> Vec<u8> {
    fs::read(format!("{FACES}/test/images/{name}.png")).expect("a bundled face")
}
