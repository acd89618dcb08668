//! Modules of the demo whose own tests run here.
#![allow(dead_code, reason = "only their tests are run")]

#[path = "../../../src/demo/answer.rs"]
mod answer;
#[path = "../../../src/demo/patience.rs"]
mod patience;
#[path = "../../../src/demo/queue.rs"]
mod queue;
#[path = "../../../src/demo/upload.rs"]
mod upload;
