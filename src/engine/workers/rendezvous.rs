//! How processes find each other.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use burn_communication::websocket::{WsClient, WsClientChannel, WsServer, WsServerChannel};
use burn_communication::{Address, CommunicationChannel, Message, ProtocolClient, ProtocolServer};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::engine::workers::ring::{Links, Ring};
use crate::error::{Error, Result};

/// How long whoever has connected may take to say who it is.
const HELLO: Duration = Duration::from_secs(2);

/// How long a process waits before it tries to reach another again.
const RETRY: Duration = Duration::from_millis(100);

/// Where the processes of a run meet: process 0 listens there, and the others come to it.
///
/// Process `r` listens at `port + r` of its own machine, on every interface (burn-communication
/// can't do otherwise) and to anybody, unencrypted: let only the run's machines reach these ports.
/// It tells the others the address from which it reaches `host`, so a machine behind a translation
/// of addresses can't be one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    /// The machine of process 0, as all others reach it: a name or an IPv4 address.
    pub host: String,
    /// The port of process 0.
    pub port: u16,
    /// How long to wait until all have come: a minute by default.
    pub gather_within: Duration,
    /// How long another process may be silent in a run, which includes what only worker 0 does,
    /// such as sample grids and checkpoints: five minutes by default. A process that has ended is
    /// noticed at once.
    pub patience: Duration,
}

/// The first message of a process to process 0.
#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    version: String,
    process: usize,
    processes: usize,
    address: Ipv4Addr,
}

/// Its answer: the addresses of all in order, or why not.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Welcome { run: u64, addresses: Vec<String> },
    Refused(String),
}

/// The first message of a process to the one before it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Neighbour {
    run: u64,
    process: usize,
}

impl Rendezvous {
    /// At `host` and `port`, with the default times.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let (gather_within, patience) = (Duration::from_secs(60), Duration::from_secs(300));
        Self { host: host.into(), port, gather_within, patience }
    }

    /// Joins a ring of `processes` as process number `process`, from 0. Returns when all have come.
    ///
    /// Where the program has no [`tracing`](https://docs.rs/tracing) subscriber yet it gets one
    /// that is silent.
    ///
    /// # Errors
    /// [`Error::Workers`] when not all have come in time, process 0 can't be reached, a port is
    /// taken, or the processes do not fit together: other numbers of processes, one number twice,
    /// other versions of this crate.
    ///
    /// # Panics
    /// Inside of an async runtime, as do the functions of the [`Ring`].
    pub fn join(&self, process: usize, processes: usize) -> Result<Ring> {
        if process >= processes {
            let message =
                format!("there is no process {process} of {processes}: they count from 0");
            return Err(Error::Config(message));
        }
        // burn-communication would set one that prints every connection; where there is one
        // already, it stays.
        let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Workers(format!("no runtime for the network: {error}")))?;
        let meeting =
            Meeting { at: self, process, processes, until: Instant::now() + self.gather_within };
        match runtime.block_on(meeting.links()) {
            Ok(links) => Ok(Ring::new([process, processes], links, self.patience, runtime)),
            Err(error) => {
                // A name that is still being looked up is not waited for.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Meeting<'a> {
    at: &'a Rendezvous,
    process: usize,
    processes: usize,
    until: Instant,
}

impl Meeting<'_> {
    async fn links(self) -> Result<Links> {
        if self.processes == 1 {
            return Ok(None);
        }
        let (joining, mut joins) = unbounded_channel();
        let (following, mut followers) = unbounded_channel();
        let port = u16::try_from(self.process).ok().and_then(|p| self.at.port.checked_add(p));
        let port =
            port.ok_or_else(|| Error::Config("there is no port for the process".to_owned()))?;
        let server = WsServer::new(port)
            .route("/join", async move |channel| drop(joining.send(channel)))
            .route("/ring", async move |channel| drop(following.send(channel)));
        let serving = tokio::spawn(server.serve(pending()));
        let meet = async {
            let (run, addresses) = match self.process {
                0 => self.gather(&mut joins).await?,
                _ => self.ask().await?,
            };
            // Whoever came first has waited for the last; all are here now.
            let all_here = Self { until: Instant::now() + self.at.gather_within, ..self };
            let (next, previous) = tokio::try_join!(
                all_here.next(run, &mut followers),
                all_here.previous(run, &addresses)
            )?;
            Ok(Some((next, previous)))
        };
        tokio::select! {
            links = meet => links,
            ended = serving => {
                Err(self.error(format!("port {port} can't be listened at: {ended:?}")))
            }
        }
    }

    /// Process 0: waits for all others, and tells each of them where all are.
    async fn gather(
        &self,
        joins: &mut UnboundedReceiver<WsServerChannel>,
    ) -> Result<(u64, Vec<String>)> {
        let mut found = BTreeMap::new();
        let refused = loop {
            if found.len() + 1 == self.processes {
                break None;
            }
            let Ok(Some(mut channel)) = timeout_at(self.until, joins.recv()).await else {
                let missing: Vec<_> =
                    (1..self.processes).filter(|p| !found.contains_key(p)).collect();
                break Some(format!("of {} processes, {missing:?} have not come", self.processes));
            };
            let hello = timeout(HELLO, channel.recv()).await;
            // Whoever says nothing that makes sense is none of them.
            let Some(hello) = hello.ok().and_then(Result::ok).and_then(parse::<Hello>) else {
                continue;
            };
            let number = hello.process;
            if let Some(refusal) = self.refusal(&hello, found.contains_key(&number)) {
                answer(&mut channel, &Answer::Refused(refusal.clone())).await;
                break Some(refusal);
            }
            found.insert(number, (hello.address, channel));
        };
        if let Some(refusal) = refused {
            for (_, channel) in found.values_mut() {
                answer(channel, &Answer::Refused(refusal.clone())).await;
            }
            return Err(self.error(refusal));
        }
        let run = run_number();
        let own = self.at.host.clone();
        let others = found.values().map(|(address, _)| address.to_string());
        let addresses: Vec<String> = std::iter::once(own).chain(others).collect();
        for (_, channel) in found.values_mut() {
            answer(channel, &Answer::Welcome { run, addresses: addresses.clone() }).await;
        }
        Ok((run, addresses))
    }

    fn refusal(&self, hello: &Hello, taken: bool) -> Option<String> {
        let own = env!("CARGO_PKG_VERSION");
        let Hello { version, process, processes, .. } = hello;
        if version != own {
            Some(format!("process {process} runs version {version} of this crate, process 0 {own}"))
        } else if *processes != self.processes {
            Some(format!(
                "process {process} was started as one of {processes}, process 0 as one of {}",
                self.processes
            ))
        } else if *process == 0 || *process >= self.processes || taken {
            Some(format!("two processes were started as number {process}"))
        } else {
            None
        }
    }

    /// The others: ask process 0.
    async fn ask(&self) -> Result<(u64, Vec<String>)> {
        let mut channel = self.connect(&self.at.host, 0, "join").await?;
        let hello = Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: self.process,
            processes: self.processes,
            address: self.own_address()?,
        };
        say(&mut channel, &hello).await.map_err(|error| self.error(error))?;
        // Process 0 answers after its own time is over, at the latest.
        let received = timeout_at(self.until + self.at.gather_within, channel.recv()).await;
        match received.ok().and_then(Result::ok).and_then(parse::<Answer>) {
            Some(Answer::Welcome { run, addresses }) => Ok((run, addresses)),
            Some(Answer::Refused(why)) => Err(self.error(why)),
            None => Err(self.error("process 0 has gone before all had come")),
        }
    }

    /// The connection that the next process makes.
    async fn next(
        &self,
        run: u64,
        followers: &mut UnboundedReceiver<WsServerChannel>,
    ) -> Result<WsServerChannel> {
        let process = (self.process + 1) % self.processes;
        loop {
            let Ok(Some(mut channel)) = timeout_at(self.until, followers.recv()).await else {
                return Err(self.error(format!("process {process} has not come")));
            };
            let received = timeout(HELLO, channel.recv()).await;
            let neighbour = received.ok().and_then(Result::ok).and_then(parse);
            if neighbour == Some(Neighbour { run, process }) {
                return Ok(channel);
            }
        }
    }

    /// A connection to the process before this one.
    async fn previous(&self, run: u64, addresses: &[String]) -> Result<WsClientChannel> {
        let before = (self.process + self.processes - 1) % self.processes;
        // What process 0 calls itself, such as localhost, may mean another machine here.
        let host = if before == 0 { &self.at.host } else { &addresses[before] };
        let mut channel = self.connect(host, before, "ring").await?;
        let own = Neighbour { run, process: self.process };
        say(&mut channel, &own).await.map_err(|error| self.error(error))?;
        Ok(channel)
    }

    async fn connect(&self, host: &str, process: usize, route: &str) -> Result<WsClientChannel> {
        let url = format!("ws://{host}:{}", usize::from(self.at.port) + process);
        let address: Address = url.parse().map_err(|error: String| self.error(error))?;
        let attempts = async {
            loop {
                match WsClient::connect(address.clone(), route).await {
                    Some(channel) => return channel,
                    None => sleep(RETRY).await,
                }
            }
        };
        timeout_at(self.until, attempts).await.map_err(|_| {
            self.error(format!(
                "process {process} does not answer at {url}; is it started there, and is the port \
                 open?"
            ))
        })
    }

    /// The address from which this machine reaches process 0, and at which the others reach it.
    fn own_address(&self) -> Result<Ipv4Addr> {
        let found = (&self.at.host[..], self.at.port)
            .to_socket_addrs()
            .and_then(|mut all| {
                all.find(SocketAddr::is_ipv4)
                    .ok_or_else(|| std::io::Error::other("it has no IPv4 address"))
            })
            // No packet is sent by this.
            .and_then(|there| {
                let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
                socket.connect(there)?;
                socket.local_addr()
            });
        match found {
            Ok(SocketAddr::V4(address)) => Ok(*address.ip()),
            Ok(other) => Err(self.error(format!("{other} is no IPv4 address"))),
            Err(error) => Err(self.error(format!("{}: {error}", self.at.host))),
        }
    }

    fn error(&self, why: impl Display) -> Error {
        let Self { process, processes, at, .. } = self;
        Error::Workers(format!(
            "process {process} of {processes} has not met the others at {}:{} within {} s: {why}",
            at.host,
            at.port,
            at.gather_within.as_secs()
        ))
    }
}

/// Tells one run from another that was at the same place.
fn run_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn parse<T: DeserializeOwned>(message: Option<Message>) -> Option<T> {
    serde_json::from_slice(&message?.data).ok()
}

async fn say<C: CommunicationChannel>(
    channel: &mut C,
    message: &impl Serialize,
) -> Result<(), String> {
    let bytes = serde_json::to_vec(message).expect("JSON");
    channel.send(Message::new(bytes.into())).await.map_err(|error| format!("{error:?}"))
}

/// Answers somebody who may be gone again.
async fn answer(channel: &mut WsServerChannel, answer: &Answer) {
    let _ = say(channel, answer).await;
}
