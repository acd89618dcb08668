//! Several workers and machines.

#[cfg(feature = "collective")]
use std::fs;
#[cfg(feature = "collective")]
use std::process::Command;

#[cfg(feature = "collective")]
use crate::ports;
use crate::program::{EXPRESSIONS, fails, folder};
#[cfg(feature = "collective")]
use crate::program::{STARGAN, TINY, succeeds, text};

/// One run by two workers of one process, and by two processes over loopback, as docs/scaling.md
/// tries it.
#[cfg(feature = "collective")]
#[test]
fn workers_and_nodes_train_one_model() {
    let folder = folder();
    let train = format!(
        "--data folder:{EXPRESSIONS}/train {TINY} --learning-rate 1e-9 --iterations 20 \
         --checkpoint-every 10 --sample-every 20"
    );
    succeeds("train", folder.path(), &format!("{train} --out one"));
    let stdout = succeeds("train", folder.path(), &format!("{train} --workers 2 --out two"));
    assert!(stdout.contains("checkpoint: two/checkpoints/00000020.safetensors"), "{stdout}");

    // As many processes, of which the second writes nothing.
    let port = ports::ports(2);
    let node = |rank: usize, out: &str, rest: &str| {
        let line = format!(
            "{train} {rest} --nodes 2 --node-rank {rank} \
             --orchestrator 127.0.0.1:{port} --out {out}{rank}"
        );
        Command::new(STARGAN)
            .arg("train")
            .args(line.split_whitespace())
            .current_dir(folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts")
    };
    for node in [node(1, "node", ""), node(0, "node", "")] {
        let output = node.wait_with_output().expect("its end");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert!(!folder.path().join("node1").exists());
    // All loss terms of the first iterations, which all of them share.
    let log = |run: &str| -> Vec<(String, f64)> {
        let text = fs::read_to_string(folder.path().join(run).join("timing.csv")).unwrap();
        assert!(text.lines().count() > 1, "a row below the names");
        let text = fs::read_to_string(folder.path().join(run).join("log.csv")).unwrap();
        let rows = text.lines().skip(1).map(|row| row.rsplit_once(',').unwrap());
        rows.map(|(term, value)| (term.to_owned(), value.parse().unwrap())).collect()
    };
    let one = log("one");
    assert!(!one.is_empty());
    for run in ["two", "node0"] {
        let found = log(run);
        assert_eq!(found.len(), one.len());
        for ((term, expected), (_, value)) in one.iter().zip(found) {
            assert!((value - expected).abs() <= 1e-4 * expected.abs().max(0.1), "{run} {term}");
        }
    }

    // Other settings are refused at both, and a place where nobody is.
    let [first, second] =
        [node(0, "other", "--seed 1"), node(1, "other", "--seed 2")].map(|node| {
            let output = node.wait_with_output().expect("its end");
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            text(&output.stderr)
        });
    let expected = "the configurations differ: run.seed is 2 here and 1 at worker 0";
    assert!(second.contains(&format!("error: {expected}")), "{second}");
    assert!(first.contains(&format!("error: worker 1 has ended the run: {expected}")), "{first}");
    let odd = format!("{train} --workers 3 --out odd");
    fails("train", folder.path(), &odd, 1, "a batch of 4 has no equal part for each of 3 workers");
    let line = format!("{train} --nodes 2 --node-rank 0 --orchestrator here");
    fails("train", folder.path(), &line, 2, "--orchestrator: expected HOST:PORT, found \"here\"");
}

#[cfg(not(feature = "collective"))]
#[test]
fn several_workers_are_a_feature() {
    let line = format!("--data folder:{EXPRESSIONS}/train --workers 2");
    fails("train", folder().path(), &line, 2, "--features collective");
}
