//! What there is to ask for. Every route is written here; no path of a request ever names a file.

use oxhttp::model::{Body, Method, Request, StatusCode};
use serde_json::json;
use stargan::burn::tensor::backend::Backend;

use super::answer::{Answer, Refusal};
use super::limits::{self, MAX_BYTES, MAX_PIXELS};
use super::model::{Model, Picture};
use super::samples::Sample;

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

/// Everything the server can answer with.
pub struct Routes<B: Backend> {
    model: Model<B>,
    /// What the page builds its controls from, as JSON.
    description: String,
    samples: Vec<Sample>,
}

impl<B: Backend> Routes<B> {
    /// The routes of a model that the page calls `name`.
    pub fn new(model: Model<B>, name: &str, samples: Vec<Sample>) -> Self {
        let description = json!({
            "name": name,
            "model": model.lock().description(),
            "samples": samples,
            "limits": { "bytes": MAX_BYTES, "pixels": MAX_PIXELS },
        });
        Self { model, description: description.to_string(), samples }
    }

    /// The answer to a request: the page and its parts by `GET`, work on the image in the body by
    /// `POST`.
    ///
    /// # Errors
    /// 404 for an unknown path, 405 for the wrong method; 400 and 413 for what is wrong with the
    /// image or the edit.
    pub fn answer(&self, request: &mut Request<Body>) -> Result<Answer, Refusal> {
        let path = request.uri().path().to_owned();
        let work = ["/prepare", "/translate", "/every"].contains(&path.as_str());
        let found = if work { None } else { self.find(&path) };
        match (request.method(), work, found) {
            (&Method::POST, true, _) => self.work(&path, request),
            (&Method::GET, false, Some(answer)) => Ok(answer),
            (_, false, None) => Err(Refusal::new(StatusCode::NOT_FOUND, "there is nothing here")),
            _ => Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{path} is asked for with {}", if work { "POST" } else { "GET" }),
            )),
        }
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

    fn work(&self, path: &str, request: &mut Request<Body>) -> Result<Answer, Refusal> {
        let edit = edit(request);
        // All of the body before the lock: nobody waits for somebody else's slow upload.
        let bytes = limits::read_body(request)?;
        let job = self.model.lock();
        let image = job.square(&limits::decode(&bytes)?);
        match path {
            "/prepare" => {
                let (picture, labels) = job.prepare(&image)?;
                Ok(png(picture, vec![("own-labels", json!(labels).to_string())]))
            }
            "/every" => Ok(png(job.every(image)?, Vec::new())),
            _ => Ok(png(job.translate(&image, &edit)?, Vec::new())),
        }
    }
}

/// The edit in the query, `?edit=Blond_Hair%3D0.5`; empty without one.
fn edit(request: &Request<Body>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "edit").map(|(_, edit)| edit.into_owned()).unwrap_or_default()
}

/// A PNG, with the time that the networks took as browsers' tools show it.
fn png(picture: Picture, mut headers: Vec<(&'static str, String)>) -> Answer {
    let milliseconds = picture.took.as_secs_f64() * 1e3;
    headers.push(("server-timing", format!("model;dur={milliseconds:.1}")));
    Answer { kind: PNG, body: picture.png, headers }
}
