//! HTTP: where the demo listens, and who is answered.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use oxhttp::Server;
use oxhttp::model::uri::Authority;
use oxhttp::model::{Body, Request, StatusCode};

use super::answer::{Answer, Refusal, respond};
use crate::failure::Failure;

/// Connections that are served at once, each by a thread; a browser opens up to six.
const MAX_CONNECTIONS: usize = 32;

/// How long a connection may be silent.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Serves `answer` on `port` of 127.0.0.1 until the process ends, and prints the address.
///
/// # Errors
/// When the port can't be had.
pub fn serve(
    port: u16,
    answer: impl Fn(&mut Request<Body>) -> Result<Answer, Refusal> + Send + Sync + 'static,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Failed(match error.kind() {
            ErrorKind::AddrInUse => format!("port {port} is in use: choose another with --port"),
            _ => format!("port {port}: {error}"),
        })
    };
    let port = match port {
        // The server takes a number only, so a free one is looked up first.
        0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(failed)?
            .port(),
        port => port,
    };
    let server = Server::new(move |request| respond(check(request).and_then(|()| answer(request))))
        .bind((Ipv4Addr::LOCALHOST, port))
        .with_max_concurrent_connections(MAX_CONNECTIONS)
        .with_global_timeout(TIMEOUT)
        .spawn()
        .map_err(failed)?;
    println!("http://127.0.0.1:{port}");
    std::io::stdout().flush().ok();
    eprintln!("open this address in a browser; Ctrl-C ends it");
    server.join().map_err(failed)
}

/// Refuses what another site's page sends: names that lead here by a DNS trick, and foreign
/// origins.
fn check(request: &Request<Body>) -> Result<(), Refusal> {
    let forbidden = |what: &str| {
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!("{what} is not this page: open http://127.0.0.1 with the port of the demo"),
        ))
    };
    // Of an ordinary request, the host of the URI is that of the Host header.
    let here = request
        .uri()
        .host()
        .is_some_and(|host| host == "127.0.0.1" || host.eq_ignore_ascii_case("localhost"));
    if !here {
        return forbidden("the host asked for");
    }
    let authority = request.uri().authority().map_or("", Authority::as_str);
    match request.headers().get("origin") {
        Some(origin) if origin.as_bytes() != format!("http://{authority}").as_bytes() => {
            forbidden("the origin of the request")
        }
        _ => Ok(()),
    }
}
