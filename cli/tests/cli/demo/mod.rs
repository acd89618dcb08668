//! The demo's server, asked over plain sockets as its page, and as nobody should, would ask it.

mod client;
mod connections;
mod load;
mod page;
mod parts;
mod refusals;
mod styles;
