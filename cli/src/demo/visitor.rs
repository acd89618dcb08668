//! Who is answered: the demo's own page, under the names of this machine.

use hyper::StatusCode;
use hyper::header::{HOST, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::answer::Refusal;

/// Refuses what another site's page sends: names that lead here by a DNS trick, and foreign
/// origins.
///
/// # Errors
/// 400 without one valid host, 403 for another site's.
pub fn check(request: &Parts) -> Result<(), Refusal> {
    let authority = asked_for(request)
        .ok_or_else(|| Refusal::bad("the request names no valid host, or several"))?;
    let host = authority.host();
    if host != "127.0.0.1" && !host.eq_ignore_ascii_case("localhost") {
        return Err(forbidden("the host asked for"));
    }
    let own = format!("http://{authority}");
    if request.headers.get_all(ORIGIN).iter().any(|origin| origin.as_bytes() != own.as_bytes()) {
        return Err(forbidden("the origin of the request"));
    }
    Ok(())
}

/// The host in the request line, which counts where it is given, or in the one Host header.
fn asked_for(request: &Parts) -> Option<Authority> {
    let mut headers = request.headers.get_all(HOST).iter();
    let header = headers.next().filter(|_| headers.next().is_none());
    let named = request.uri.authority().cloned();
    let named = named.or_else(|| Authority::try_from(header?.as_bytes()).ok());
    named.filter(|authority| {
        let has_port = authority.as_str() != authority.host();
        !authority.as_str().contains('@') && has_port == authority.port_u16().is_some()
    })
}

fn forbidden(what: &str) -> Refusal {
    let message =
        format!("{what} is not this page: open http://127.0.0.1 with the port of the demo");
    Refusal::new(StatusCode::FORBIDDEN, message)
}
