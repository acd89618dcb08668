//! HTTP: where the demo listens, and how a connection is served.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use super::answer::{Answer, Refusal, respond};
use super::patience::Patience;
use super::upload::{MAX_BYTES, Upload, Uploads};
use super::visitor;
use crate::failure::Failure;
use crate::signals::end_when_asked;
use crate::terminal::{result, tell};

/// Connections that are served at once; a browser opens up to six. Some systems let a program have
/// 256 files open.
const MAX_CONNECTIONS: usize = 200;

/// Connections that the system holds until there is room for them. Those beyond try again after a
/// second or more.
const MAX_WAITING: u32 = 1024;

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// What a connection buffers, in bytes.
const MAX_BUFFER: usize = 64 << 10;

/// How long, and for how many bytes, a client that still sends can read its refusal: to close a
/// connection with bytes unread takes back what was sent.
const FAREWELL: (Duration, u64) = (Duration::from_secs(1), 2 * MAX_BYTES as u64);

/// What there is to serve.
pub trait Serve: 'static {
    /// What a request with this head leads to.
    ///
    /// # Errors
    /// When there is no answer to it, whatever its body.
    fn route(&self, head: &Parts) -> Result<Route, Refusal>;

    /// What is made of the body of a request that leads to work.
    ///
    /// # Errors
    /// When nothing can be made of it.
    async fn work(&self, request: Request<Upload>) -> Result<Answer, Refusal>;
}

/// What a request leads to.
pub enum Route {
    /// An answer that is there; the request has no body.
    Answer(Answer),
    /// Work on the request's body, which holds so many files.
    Work { files: usize },
}

/// Serves `site` on `port` of 127.0.0.1 until Ctrl-C, and prints the address.
///
/// # Errors
/// When the port can't be had.
pub fn serve(port: u16, site: impl Serve) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::Failed(match error.kind() {
            ErrorKind::AddrInUse => format!("port {port} is in use: choose another with --port"),
            _ => format!("port {port}: {error}"),
        })
    };
    end_when_asked()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    LocalSet::new().block_on(&runtime, async {
        let listener = listen(port).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        result!("http://{address}");
        tell!("open this address in a browser; Ctrl-C ends it");
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let server = Server { site, slots, uploads: Uploads::new(), refused: Cell::new(None) };
        Rc::new(server).accept(listener).await
    })
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // On Unix, of connections that have ended; elsewhere, of other programs that still listen.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(MAX_WAITING)
}

/// A request, as far as it is read.
enum Received {
    Answer(Answer),
    Work(Request<Upload>),
}

struct Server<S> {
    site: S,
    slots: Arc<Semaphore>,
    uploads: Uploads,
    /// When the system has last refused a connection, such as for want of open files.
    refused: Cell<Option<Instant>>,
}

impl<S: Serve> Server<S> {
    async fn accept(self: Rc<Self>, listener: TcpListener) -> Result<(), Failure> {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned().await.expect("it stays open");
            let Ok((stream, _)) = listener.accept().await else {
                // Other connections have to end first.
                self.refused.set(Some(Instant::now()));
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let server = Rc::clone(&self);
            spawn_local(async move {
                server.serve(stream).await;
                drop(slot);
            });
        }
    }

    /// Serves a connection until it ends or its client takes too long.
    async fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).ok();
        let patience = Patience::new();
        tokio::select! {
            () = self.converse(&mut stream, &patience) => {}
            () = patience.end(|| self.is_crowded()) => {}
        }
    }

    async fn converse(&self, stream: &mut TcpStream, patience: &Patience) {
        let service =
            service_fn(async |request| Ok::<_, Infallible>(self.respond(request, patience).await));
        http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(TokioIo::new(&mut *stream), service)
            .await
            .ok();
        stream.shutdown().await.ok();
        let (time, bytes) = FAREWELL;
        timeout(time, copy(&mut stream.take(bytes), &mut sink())).await.ok();
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Response<Full<Bytes>> {
        patience.restart();
        let has_body = !request.body().is_end_stream();
        let (result, is_read) = match self.receive(request, patience).await {
            Ok(Received::Answer(answer)) => (Ok(answer), true),
            Ok(Received::Work(request)) => {
                patience.pause();
                (self.site.work(request).await, true)
            }
            Err(refusal) => (Err(refusal), !has_body),
        };
        patience.restart();
        let mut response = respond(result);
        if !is_read || self.is_crowded() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The answer, or the request with its whole body where that is to be worked on. Of others,
    /// none is read.
    async fn receive(
        &self,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Result<Received, Refusal> {
        let (head, body) = request.into_parts();
        visitor::check(&head)?;
        match self.site.route(&head)? {
            Route::Answer(_) if !body.is_end_stream() => {
                Err(Refusal::bad("there is nothing to do with a body here"))
            }
            Route::Answer(answer) => Ok(Received::Answer(answer)),
            Route::Work { files } => {
                let upload = self.uploads.read(body, files, || patience.restart()).await?;
                Ok(Received::Work(Request::from_parts(head, upload)))
            }
        }
    }

    /// Whether others wait for what a client has that keeps the server waiting.
    fn is_crowded(&self) -> bool {
        self.slots.available_permits() == 0
            || self.uploads.is_crowded()
            || self.refused.get().is_some_and(|last| last.elapsed() < Duration::from_secs(1))
    }
}
