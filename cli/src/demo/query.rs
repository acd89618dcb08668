//! What a request says beside its images.

use hyper::{HeaderMap, Uri};

use super::answer::Refusal;
use super::upload::{MAX_BYTES, too_large};

/// The header that says how many bytes of a body, its last, are a second image.
const REFERENCE_BYTES: &str = "reference-bytes";

/// The query of a request, such as `?domain=dog&style=7`.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &value[..])
    }
}

/// The bytes at the end of a body that are a reference; without the header, there is none.
///
/// # Errors
/// 400 when the header is no length.
pub fn reference_bytes(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(REFERENCE_BYTES) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|length| length.parse().ok());
    length.map(Some).ok_or_else(|| {
        Refusal::bad(format!("{REFERENCE_BYTES}: expected a length in bytes, found {value:?}"))
    })
}

/// The image in `body`, and the reference that follows it.
///
/// # Errors
/// 400 when the header is no length or is longer than the body, 413 when one of them is too large.
pub fn split<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
) -> Result<(&'a [u8], Option<&'a [u8]>), Refusal> {
    let Some(length) = reference_bytes(headers)? else { return Ok((body, None)) };
    let end = body.len().checked_sub(length).ok_or_else(|| {
        Refusal::bad(format!(
            "{REFERENCE_BYTES}: the reference is to have {length} bytes, both images have {}",
            body.len()
        ))
    })?;
    let (image, reference) = body.split_at(end);
    if image.len().max(reference.len()) > MAX_BYTES {
        return Err(too_large());
    }
    Ok((image, Some(reference)))
}
