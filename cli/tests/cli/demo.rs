//! The demo's server, asked over plain sockets as its page, and as nobody should, would ask it.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use image::{ImageFormat, RgbImage};

use crate::program::{EXPRESSIONS, FACES, MODEL, STARGAN, TINY, faces, succeeds};

/// The largest file that the demo takes, in bytes.
const MAX_BYTES: usize = 10_000_000;

/// A demo on a port of its own, until it is dropped.
struct Demo {
    process: Child,
    port: u16,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
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

    /// The answer to these very bytes, after which the connection must end.
    fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(request).expect("the request is taken");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        Answer::parse(&bytes)
    }

    fn ask(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        let host = format!("127.0.0.1:{}", self.port);
        self.ask_as(&host, method, target, headers, body)
    }

    fn ask_as(&self, host: &str, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n"
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "", b"")
    }

    fn post(&self, target: &str, body: &[u8]) -> Answer {
        self.ask("POST", target, "", body)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.expect("a status"), head, body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    fn image(&self) -> RgbImage {
        assert_eq!(
            (self.status, self.header("content-type")),
            (200, Some("image/png")),
            "{self:?}"
        );
        image::load_from_memory_with_format(&self.body, ImageFormat::Png).expect("a PNG").to_rgb8()
    }

    #[track_caller]
    fn refuses(&self, status: u16, words: &str) {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert!(text.contains(words), "expected {words:?}, found {text:?}");
        assert_eq!(self.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

fn face(name: &str) -> Vec<u8> {
    fs::read(format!("{FACES}/test/images/{name}.png")).expect("a bundled face")
}

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
fn the_page_and_its_parts_load() {
    let demo = Demo::start(&[]);
    let page = demo.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = page.text();
    // Everything the page names is there, and nothing is elsewhere.
    let parts: Vec<_> = text
        .split(['"', '\''])
        .filter(|part| part.starts_with('/') || part.contains("://"))
        .collect();
    assert!(parts.contains(&"/page.js") && parts.contains(&"/page.css"), "{parts:?}");
    for part in parts {
        assert_eq!(demo.get(part).status, 200, "{part}");
    }
    for answer in [page, demo.get("/controls.js"), demo.get("/nothing")] {
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'self'; "), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["model"]["datasets"][0]["exclusive"], serde_json::json!([[0, 1, 2]]));
    assert_eq!(known["limits"]["bytes"], MAX_BYTES);
    assert_eq!(known["name"], "faces64.safetensors", "not its folder");
    let samples = known["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 6);
    for sample in samples {
        assert_eq!(demo.get(sample["path"].as_str().unwrap()).image().width(), 64);
    }
}

#[test]
fn faces_are_translated() {
    let demo = Demo::start(&[]);
    let bytes = demo.get("/samples/1.png").body;
    let prepared = demo.post("/prepare", &bytes);
    assert_eq!(prepared.image().dimensions(), (64, 64));
    let own: Vec<Vec<f32>> = serde_json::from_str(prepared.header("own-labels").unwrap()).unwrap();
    assert_eq!(own[0][..3], [0.0, 0.0, 1.0], "exactly one hair colour: brown");
    assert_eq!(demo.post("/prepare", &prepared.body).body, prepared.body, "it is prepared once");

    let translate = |edit: &str| demo.post(&format!("/translate?edit={edit}"), &prepared.body);
    let blond = translate("Blond_Hair");
    assert_eq!(blond.image().dimensions(), (64, 64));
    assert!(blond.header("server-timing").unwrap().starts_with("model;dur="));
    assert_eq!(demo.post("/translate?edit=Blond_Hair", &bytes).body, blond.body);
    let copy = translate("");
    assert_ne!(copy.body, blond.body);
    // Setting a colour clears the others; clearing them by name as well changes nothing.
    assert_eq!(translate("Blond_Hair,-Brown_Hair,-Black_Hair").body, blond.body);
    // The strengths between the image's own label and the edit.
    assert_eq!(translate("Blond_Hair%3D0").body, copy.body);
    assert_eq!(translate("Blond_Hair=1").body, blond.body);
    assert_ne!(translate("Blond_Hair%3D0.5").body, blond.body);
    assert_ne!(translate("Blond_Hair%3D1.5").body, blond.body);

    let row = demo.post("/every", &prepared.body).image();
    assert_eq!(row.dimensions(), (8 * 64, 64));
    let cell = image::imageops::crop_imm(&row, 2 * 64, 0, 64, 64).to_image();
    assert_eq!(cell, blond.image(), "the second label is Blond_Hair");

    translate("Black_Hair,Blond_Hair").refuses(400, "exclude each other");
    translate("Blonde_Hair").refuses(400, "did you mean \"Blond_Hair\"?");
    translate("Male=3").refuses(400, "a strength from 0 to 2");
    translate("%FF%00%").refuses(400, "unknown label");
}

#[test]
fn a_joint_model_has_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "--data {} --labels Male,Young --data folder:{EXPRESSIONS}/train {TINY} \
         --iterations 1 --out run",
        faces("train")
    );
    succeeds("train", folder.path(), &line);

    let demo = Demo::start(&["--model", folder.path().join("run").to_str().unwrap()]);
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["name"], "run");
    let kinds: Vec<_> = (0..2).map(|n| &known["model"]["datasets"][n]["kind"]).collect();
    assert_eq!(kinds, ["attributes", "classes"]);
    let samples = known["samples"].as_array().unwrap();
    assert_eq!(samples.last().unwrap()["name"], "Expression 2");
    let sample = demo.get(samples.last().unwrap()["path"].as_str().unwrap()).body;

    let prepared = demo.post("/prepare", &sample);
    let own: Vec<Vec<f32>> = serde_json::from_str(prepared.header("own-labels").unwrap()).unwrap();
    assert_eq!((own[0].len(), own[1].iter().sum::<f32>()), (2, 1.0), "one class");
    let both = demo.post("/translate?edit=faces:Male,expressions:happy%3D0.5", &sample);
    assert_eq!(both.image().dimensions(), (16, 16));
    assert_eq!(demo.post("/every", &sample).image().dimensions(), (8 * 16, 16));
}

#[test]
fn a_model_without_discriminator_translates_to_whole_labels() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("generator.safetensors");
    let line = format!("--model {MODEL} --out-generator G.safetensors");
    succeeds("export", folder.path(), &line);
    let labels = "Black_Hair,Blond_Hair,Brown_Hair,Male,Young,Eyeglasses,Beard";
    let line =
        format!("--generator G.safetensors --labels {labels} --size 64 --out {}", file.display());
    succeeds("import", folder.path(), &line);

    let demo = Demo::start(&["--model", file.to_str().unwrap()]);
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["model"]["reads_labels"], false);
    let face = face("00001");
    assert_eq!(demo.post("/prepare", &face).header("own-labels"), Some("null"));
    let edit = "Blond_Hair,-Male,Young,-Eyeglasses,-Beard";
    let blond = demo.post(&format!("/translate?edit={edit}"), &face).image();
    let line = format!("--edit {edit} --out blond.png {FACES}/test/images/00001.png");
    succeeds("translate", folder.path(), &line);
    let by_the_whole = image::open(folder.path().join("blond.png")).unwrap();
    assert_eq!(blond, by_the_whole.to_rgb8());
    demo.post("/translate?edit=Male", &face).refuses(400, "this model has no discriminator");
    demo.post("/every", &face).refuses(400, "this model has no discriminator");
}

#[test]
fn large_and_oblong_photos_are_squared() {
    let demo = Demo::start(&[]);
    let face = image::load_from_memory(&face("00003")).unwrap();
    let large = face.resize_exact(640, 640, image::imageops::FilterType::Nearest);
    let mut wide = RgbImage::new(900, 640);
    image::imageops::replace(&mut wide, &large.to_rgb8(), 130, 0);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        let mut bytes = Cursor::new(Vec::new());
        wide.write_to(&mut bytes, format).unwrap();
        let prepared = demo.post("/prepare", bytes.get_ref());
        // What the model's crop takes, of which no border of the wide image is left.
        let square = prepared.image();
        assert_eq!(square.dimensions(), (178, 178), "{format:?}");
        assert!(square.get_pixel(1, 100).0.iter().all(|&value| value > 100), "{format:?}");
        assert_eq!(demo.post("/prepare", &prepared.body).body, prepared.body, "{format:?}");
        assert_eq!(demo.post("/translate?edit=Male", &prepared.body).image().width(), 64);
    }
    let mut pixel = Cursor::new(Vec::new());
    RgbImage::new(1, 1).write_to(&mut pixel, ImageFormat::Png).unwrap();
    assert_eq!(demo.post("/translate?edit=Male", pixel.get_ref()).image().width(), 64);
}

#[test]
fn bad_and_oversized_files_are_refused() {
    let demo = Demo::start(&[]);
    for route in ["/prepare", "/translate?edit=Male", "/every"] {
        demo.post(route, b"not an image")
            .refuses(400, "expected a PNG, JPEG, GIF, TIFF, BMP or WebP image");
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
    demo.get("/translate").refuses(405, "/translate is asked for with POST");
    demo.post("/page.js", b"").refuses(405, "/page.js is asked for with GET");
    demo.ask("DELETE", "/", "", b"").refuses(405, "/ is asked for with GET");
}

#[test]
fn other_sites_are_refused() {
    let demo = Demo::start(&[]);
    for host in ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "10.0.0.1", "[::1]"]
    {
        demo.ask_as(host, "GET", "/", "", b"").refuses(403, "the host asked for is not this page");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1"] {
        assert_eq!(demo.ask_as(host, "GET", "/", "", b"").status, 200, "{host}");
    }
    // The host in the request line is the one that counts.
    demo.ask("GET", "http://evil.example/", "", b"").refuses(403, "the host asked for");
    demo.raw(b"GET / HTTP/1.1\r\n\r\n").refuses(400, "host");
    let face = face("00000");
    let post = |origin: &str| demo.ask("POST", "/prepare", &format!("origin: {origin}\r\n"), &face);
    post("https://evil.example").refuses(403, "the origin of the request is not this page");
    post("http://127.0.0.1:1").refuses(403, "the origin of the request is not this page");
    post("null").refuses(403, "the origin of the request is not this page");
    assert_eq!(post(&format!("http://127.0.0.1:{}", demo.port)).status, 200);
}

#[test]
fn requests_at_once_are_answered_as_one_after_the_other() {
    let demo = Demo::start(&[]);
    let faces = ["00000", "00001", "00002", "00003"].map(face);
    let edits = ["Blond_Hair", "-Eyeglasses=0.5,Male"];
    let all = || faces.iter().flat_map(|face| edits.map(|edit| (face, edit)));
    let translate = |(face, edit): (&Vec<u8>, &str)| {
        let answer = demo.post(&format!("/translate?edit={edit}"), face);
        answer.image();
        answer.body
    };
    let one_by_one: Vec<_> = all().map(translate).collect();
    // A connection that never says anything holds nobody up.
    let _silent = TcpStream::connect(("127.0.0.1", demo.port)).unwrap();
    let at_once: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = all().map(|each| scope.spawn(move || translate(each))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(at_once.len(), 8);
    assert!(at_once == one_by_one);
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
