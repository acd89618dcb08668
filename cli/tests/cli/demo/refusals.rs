//! What is not answered, and in which words.

use std::io::Cursor;
use std::process::Command;

use image::{ImageFormat, RgbImage};

use super::client::{Demo, MAX_BYTES, face};
use crate::program::STARGAN;

/// One black pixel.
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\
    \x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";

/// The first bytes of a PNG that says it has so many pixels; there are none.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&chunk);
    png.extend(crc32fast::hash(&chunk).to_be_bytes());
    png.extend(b"\0\0\x10\0IDAT");
    png
}

#[test]
fn bad_and_oversized_files_are_refused() {
    let demo = Demo::start(&[]);
    for route in ["/prepare", "/translate?edit=Male", "/every", "/whole?edit=Male"] {
        demo.post(route, b"not an image").refuses(400, "expected a PNG, JPEG, ");
        demo.post(route, b"").refuses(400, "found an empty file");
        let whole = face("00000");
        demo.post(route, &whole[..whole.len() / 2]).refuses(400, "damaged or cut off");
        // 49 megapixels, and more pixels than there is memory for.
        demo.post(route, &png_header(7_000, 7_000)).refuses(413, "7000 x 7000 pixels");
        demo.post(route, &png_header(1 << 30, 1 << 30)).refuses(413, "scale it down");
        demo.post(route, &png_header(1_000_000, 1)).refuses(413, "16384 pixels a side");
    }
    let mut bomb = Cursor::new(Vec::new());
    RgbImage::new(7_000, 6_000).write_to(&mut bomb, ImageFormat::Png).unwrap();
    assert!(bomb.get_ref().len() < MAX_BYTES / 10);
    demo.post("/prepare", bomb.get_ref()).refuses(413, "7000 x 6000 pixels");

    // The decoders that are compiled in decide; a whole file is never called damaged.
    let gif = demo.post("/prepare", GIF);
    if ImageFormat::Gif.reading_enabled() {
        assert_eq!(gif.image().dimensions(), (1, 1));
    } else {
        gif.refuses(400, "this kind of image is not read");
    }

    let large = vec![0; MAX_BYTES + 1];
    demo.post("/prepare", &large).refuses(413, "larger than 10 MB");
    demo.post("/prepare", &large[..MAX_BYTES]).refuses(400, "expected a PNG");
    // The same in pieces, whose sum is not announced.
    let mut request =
        b"POST /prepare HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    request.extend(format!("{:x}\r\n", large.len()).bytes());
    request.extend(&large);
    request.extend(b"\r\n0\r\n\r\n");
    demo.raw(&request).refuses(413, "larger than 10 MB");
    assert_eq!(demo.get("/").status, 200, "it goes on");
}

#[test]
fn there_is_nothing_beside_the_routes() {
    let demo = Demo::start(&[]);
    for path in [
        "/../../etc/passwd",
        "/samples/../../../../etc/passwd",
        "/samples/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "/samples/",
        "/samples/0.png",
        "/samples/7.png",
        "/page.html",
        "/Cargo.toml",
        "/prepare/",
    ] {
        demo.get(path).refuses(404, "there is nothing here");
    }
    let wrong = demo.get("/translate");
    wrong.refuses(405, "/translate is asked for with POST");
    assert_eq!(wrong.header("allow"), Some("post"));
    demo.post("/page.js", b"").refuses(405, "/page.js is asked for with GET");
    demo.ask("DELETE", "/", "", b"").refuses(405, "/ is asked for with GET");
}

#[test]
fn other_sites_are_refused() {
    let demo = Demo::start(&[]);
    let ask_as = |host: &str| {
        let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        demo.raw(head.as_bytes())
    };
    for host in ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "10.0.0.1", "[::1]"]
    {
        ask_as(host).refuses(403, "the host asked for is not this page");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1"] {
        assert_eq!(ask_as(host).status, 200, "{host}");
    }
    // The host in the request line is the one that counts.
    demo.ask("GET", "http://evil.example/", "", b"").refuses(403, "the host asked for");
    for host in ["localhost:abc", "localhost:99999", "localhost:", "127.0.0.1:1,evil.example"] {
        ask_as(host).refuses(400, "host");
    }
    let face = face("00000");
    let post = |origin: &str| demo.ask("POST", "/prepare", &format!("origin: {origin}\r\n"), &face);
    post("https://evil.example").refuses(403, "the origin of the request is not this page");
    post("http://127.0.0.1:1").refuses(403, "the origin of the request is not this page");
    let own = format!("http://127.0.0.1:{}", demo.port);
    post(&format!("{own}\r\norigin: http://evil.example")).refuses(403, "the origin");
    post("null").refuses(403, "the origin of the request is not this page");
    assert_eq!(post(&own).status, 200);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let demo = Demo::start(&[]);
    let output =
        Command::new(STARGAN).args(["demo", "--port", &demo.port.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("is in use: choose another with --port"), "{message}");
}
