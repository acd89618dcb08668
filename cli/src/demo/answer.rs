//! What the server says: answers, refusals, and the headers of both.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use stargan::Error;

/// Sent with every answer. The page loads nothing from elsewhere, is framed nowhere, and what it
/// makes stays out of caches.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// An answer with a body of the media type `kind`.
pub struct Answer {
    pub kind: &'static str,
    pub body: Vec<u8>,
    /// Further headers: names in lower case, ASCII values.
    pub headers: Vec<(&'static str, String)>,
}

/// An answer that says, in plain words, why there is none.
pub struct Refusal {
    status: StatusCode,
    message: String,
    /// A further header: its name in lower case, its value.
    header: Option<(&'static str, &'static str)>,
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// 400: the request must be another one.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 413: the file or its image is too large.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 405: `path` is there, for the methods in `allowed`.
    pub fn wrong_method(path: &str, allowed: &'static str) -> Self {
        let message = format!("{path} is asked for with {allowed}");
        let header = Some(("allow", allowed));
        Self { header, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, message) }
    }

    /// 503: other requests have all the room there is.
    pub fn busy() -> Self {
        let message = "the demo is busy with as many images as it takes: try again in a moment";
        let header = Some(("retry-after", "1"));
        Self { header, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::bad(error.to_string())
    }
}

/// Either of them as HTTP.
pub fn respond(result: Result<Answer, Refusal>) -> Response<Full<Bytes>> {
    let (status, answer) = match result {
        Ok(answer) => (StatusCode::OK, answer),
        Err(Refusal { status, message, header }) => {
            let kind = "text/plain; charset=utf-8";
            let headers = header.map(|(name, value)| (name, value.to_owned()));
            let headers = headers.into_iter().collect();
            (status, Answer { kind, body: message.into_bytes(), headers })
        }
    };
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(answer.kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in answer.headers {
        headers.insert(name, HeaderValue::try_from(value).expect("ASCII"));
    }
    response
}
