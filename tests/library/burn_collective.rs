//! What burn-collective 0.21 does between processes, on which it rests that this crate joins them
//! in a ring of its own.
//!
//! When this fails after an update of burn, `engine::Ring` may no longer be needed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use burn_collective::{
    CollectiveConfig, PeerId, ReduceOperation, all_reduce, register, start_global_orchestrator,
};
use stargan::burn::backend::Flex;
use stargan::burn::tensor::{Tensor, TensorPrimitive};

use crate::ports::ports;
use crate::training::setup::test_name;

/// Tells a copy of this test program its number.
const NODE: &str = "STARGAN_TEST_NODE";

/// The number of the process that the two others meet at.
const ORCHESTRATOR: u16 = 2;

const TEST: &str = "the_second_sum_between_processes_never_ends";

/// Two processes sum twice: `SyncService::sync` empties a copy of its list of those that have come,
/// so that from the second time on the list never says again that all have.
#[test]
fn the_second_sum_between_processes_never_ends() {
    if let Ok(number) = std::env::var(NODE) {
        let (number, port) = number.split_once(',').unwrap();
        return node(number.parse().unwrap(), port.parse().unwrap());
    }
    let port = ports(3);
    let start = |number: u16| -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args([&test_name(module_path!(), TEST), "--exact", "--nocapture"])
            .env(NODE, format!("{number},{port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // In a process too: burn-communication prints every connection of one that serves.
    let mut orchestrator = start(ORCHESTRATOR);
    let mut nodes = [start(0), start(1)];
    let (said, lines) = mpsc::channel();
    for node in nodes.iter_mut().chain([&mut orchestrator]) {
        let (said, output) = (said.clone(), BufReader::new(node.stdout.take().unwrap()));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
    }
    let sums = |wanted: &str, within: Duration| {
        let mut found = 0;
        while found < 2 {
            match lines.recv_timeout(within) {
                Ok(line) => found += usize::from(line == wanted),
                Err(_) => break,
            }
        }
        found
    };
    let first = sums("sum 1: [3.0, 3.0]", Duration::from_secs(60));
    // The first takes milliseconds.
    let second = sums("sum 2: [3.0, 3.0]", Duration::from_secs(10));
    for node in nodes.iter_mut().chain([&mut orchestrator]) {
        node.kill().unwrap();
        node.wait().unwrap();
    }
    assert_eq!((first, second), (2, 0), "processes that have made the first and the second sum");
}

/// One process of the two, whose values are its number plus one, or the one that they meet at.
fn node(number: u16, port: u16) {
    if number == ORCHESTRATOR {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(start_global_orchestrator(port));
    }
    let own = port + 1 + number;
    let config = CollectiveConfig::default()
        .with_num_devices(1)
        .with_num_nodes(2)
        .with_global_address(format!("ws://127.0.0.1:{port}").parse().unwrap())
        .with_node_address(format!("ws://127.0.0.1:{own}").parse().unwrap())
        .with_data_service_port(own);
    let peer = PeerId::from(usize::from(number));
    register::<Flex>(peer, Default::default(), config).unwrap();
    for sum in [1, 2] {
        let value = f32::from(number) + 1.0;
        let values = Tensor::<Flex, 1>::full([2], value, &Default::default());
        let values = values.into_primitive().tensor();
        let values = all_reduce::<Flex>(peer, values, ReduceOperation::Sum).unwrap();
        let values = Tensor::<Flex, 1>::from_primitive(TensorPrimitive::Float(values));
        println!("sum {sum}: {:?}", values.into_data().to_vec::<f32>().unwrap());
    }
}
