//! What there is to ask for. Every route is written here; no path of a request ever names a file.

use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Uri};
use serde_json::json;
use stargan::burn::tensor::backend::Backend;

use super::answer::{Answer, Refusal};
use super::limits::{self, MAX_PIXELS};
use super::model::{Model, Picture};
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
const PAGE: [(&str, &str, &str); 5] = [
    ("/", HTML, include_str!("page.html")),
    ("/page.css", CSS, include_str!("page.css")),
    ("/page.js", JS, include_str!("page.js")),
    ("/controls.js", JS, include_str!("controls.js")),
    ("/icon.svg", SVG, include_str!("icon.svg")),
];

/// What is done to the image in a request's body.
const WORK: [&str; 4] = ["/prepare", "/translate", "/every", "/whole"];

/// Everything the server can answer with.
pub struct Routes<B: Backend> {
    /// One image at a time: a backend spreads it over all cores already, and images that are
    /// decoded one after the other bound the memory.
    model: Queue<Model<B>>,
    /// What the page builds its controls from, as JSON.
    description: String,
    samples: Vec<Sample>,
}

impl<B: Backend> Routes<B> {
    /// The routes of a model that the page calls `name`.
    pub fn new(model: Model<B>, name: &str, samples: Vec<Sample>) -> Self {
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

impl<B: Backend> Serve for Routes<B> {
    /// The page and its parts are asked for by `GET`, work on the image in the body by `POST`.
    ///
    /// # Errors
    /// 404 for an unknown path, 405 for the wrong method.
    fn route(&self, head: &Parts) -> Result<Route, Refusal> {
        let path = head.uri.path();
        if WORK.contains(&path) {
            return match head.method {
                Method::POST => Ok(Route::Work),
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
    /// 400 and 413 for what is wrong with the image or the edit; 503 when too many images are in
    /// work.
    async fn work(&self, request: Request<Upload>) -> Result<Answer, Refusal> {
        let path = request.uri().path().to_owned();
        let edit = edit(request.uri());
        let file = request.into_body();
        let work = move |model: &Model<B>| {
            let photo = limits::decode(&file.bytes)?;
            if path == "/whole" {
                return Ok(png(model.whole(&photo, &edit)?, Vec::new()));
            }
            let image = model.shown(photo);
            match path.as_str() {
                "/prepare" => {
                    let (picture, labels) = model.prepare(&image)?;
                    Ok(png(picture, vec![("own-labels", json!(labels).to_string())]))
                }
                "/every" => Ok(png(model.every(image)?, Vec::new())),
                _ => Ok(png(model.translate(&image, &edit)?, Vec::new())),
            }
        };
        self.model.run(work).await?
    }
}

/// The edit in the query, `?edit=Blond_Hair%3D0.5`; empty without one.
fn edit(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "edit").map(|(_, edit)| edit.into_owned()).unwrap_or_default()
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
