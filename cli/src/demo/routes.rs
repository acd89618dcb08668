//! What there is to ask for. Every route is written here; no path of a request ever names a file.

use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::limits::{self, MAX_PIXELS};
use super::model::{PageModel, Picture};
use super::query::{Query, reference_bytes, split};
use super::queue::Queue;
use super::samples::Sample;
use super::server::{Route, Serve};
use super::upload::{MAX_BYTES, Upload};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";
const JSON: &str = "application/json";

/// The page's own files, which are part of the program.
const PAGE: [(&str, &str, &str); 9] = [
    ("/", HTML, include_str!("page.html")),
    ("/page.css", CSS, include_str!("page.css")),
    ("/page.js", JS, include_str!("page.js")),
    ("/elements.js", JS, include_str!("elements.js")),
    ("/asking.js", JS, include_str!("asking.js")),
    ("/picker.js", JS, include_str!("picker.js")),
    ("/controls.js", JS, include_str!("controls.js")),
    ("/styles.js", JS, include_str!("styles.js")),
    ("/icon.svg", SVG, include_str!("icon.svg")),
];

/// What is done to the image in a request's body.
const WORK: [&str; 4] = ["/prepare", "/translate", "/every", "/whole"];

/// Everything the server can answer with.
pub struct Routes<M> {
    /// One image at a time: a backend spreads it over all cores already, and images that are
    /// decoded one after the other bound the memory.
    model: Queue<M>,
    /// What the page builds its controls from, as JSON.
    description: String,
    samples: Vec<Sample>,
}

impl<M: PageModel> Routes<M> {
    /// The routes of a model that the page calls `name`.
    pub fn new(model: M, name: &str, samples: Vec<Sample>) -> Self {
        let description = json!({
            "name": name,
            "model": model.description(),
            "samples": samples,
            "limits": { "bytes": MAX_BYTES, "pixels": MAX_PIXELS, "types": limits::media_types() },
        });
        Self { model: Queue::new(model), description: description.to_string(), samples }
    }

    fn find(&self, path: &str) -> Option<Answer> {
        let answer = |kind, body: &[u8]| Answer { kind, body: body.to_vec(), headers: Vec::new() };
        if path == "/model.json" {
            return Some(answer(JSON, self.description.as_bytes()));
        }
        let page = PAGE.iter().find(|(route, ..)| *route == path);
        page.map(|(_, kind, text)| answer(kind, text.as_bytes())).or_else(|| {
            let sample = self.samples.iter().find(|sample| sample.path == path);
            sample.map(|sample| answer(PNG, &sample.png))
        })
    }
}

impl<M: PageModel> Serve for Routes<M> {
    /// The page and its parts are asked for by `GET`, work on the image in the body by `POST`.
    ///
    /// # Errors
    /// 404 for an unknown path, 405 for the wrong method, 400 when the length of the reference that
    /// follows the image makes no sense.
    fn route(&self, head: &Parts) -> Result<Route, Refusal> {
        let path = head.uri.path();
        if WORK.contains(&path) {
            return match head.method {
                Method::POST => {
                    let reference = reference_bytes(&head.headers)?;
                    Ok(Route::Work { files: 1 + usize::from(reference.is_some()) })
                }
                _ => Err(Refusal::wrong_method(path, "POST")),
            };
        }
        let Some(answer) = self.find(path) else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "there is nothing here"));
        };
        match head.method {
            // Of an answer to HEAD, the head alone is sent.
            Method::GET | Method::HEAD => Ok(Route::Answer(answer)),
            _ => Err(Refusal::wrong_method(path, "GET, HEAD")),
        }
    }

    /// # Errors
    /// 400 and 413 for what is wrong with an image or with what is to be done; 503 when too many
    /// images are in work.
    async fn work(&self, request: Request<Upload>) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        let work = move |model: &M| {
            let query = Query::of(&head.uri);
            let (file, reference) = split(&head.headers, &body.bytes)?;
            let photo = || limits::decode(file, "this file");
            match head.uri.path() {
                path @ ("/prepare" | "/every") if reference.is_some() => {
                    Err(Refusal::bad(format!("{path} takes one image, without a reference")))
                }
                "/prepare" => {
                    let (picture, labels) = model.prepare(photo()?)?;
                    Ok(png(picture, vec![("own-labels", json!(labels).to_string())]))
                }
                "/every" => Ok(png(model.every(photo()?, &query)?, Vec::new())),
                path => {
                    // Before the photo: one image that is decoded bounds the memory.
                    let wish = model.wish(&query, reference)?;
                    let picture = match path {
                        "/whole" => model.whole(photo()?, &wish),
                        _ => model.translate(photo()?, &wish),
                    };
                    Ok(png(picture?, Vec::new()))
                }
            }
        };
        self.model.run(work).await?
    }
}

/// A PNG, with the time that the networks took as browsers' tools show it. Where there is a mask,
/// its PNG follows, and `mask-bytes` says how long that is.
fn png(picture: Picture, mut headers: Vec<(&'static str, String)>) -> Answer {
    let milliseconds = picture.took.as_secs_f64() * 1e3;
    headers.push(("server-timing", format!("model;dur={milliseconds:.1}")));
    let mut body = picture.png;
    if let Some(mask) = picture.mask {
        headers.push(("mask-bytes", mask.len().to_string()));
        body.extend(mask);
    }
    Answer { kind: PNG, body, headers }
}
