use super::*;

/// The file that `scripts/check-tensorboard` read with the Python package.
const PINNED: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/tensorboard/pinned.tfevents"
));

#[test]
fn the_bytes_are_those_that_the_python_package_read() {
    // 2 x 1 pixels: red and blue. What encodes them may change; these bytes are a PNG file for
    // good.
    let png = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/tensorboard/two-pixels.png"
    ));
    let time = Duration::from_millis(1_700_000_000_250);
    let values = vec![scalar("data/d/real", -1.5), scalar("learning_rate", 1e-4)];
    let events = [
        version(time),
        summary(time, 20, values),
        summary(time, 300, vec![picture("samples", png, (2, 1))]),
        restart(time, 201),
        summary(time, 220, vec![scalar("data/d/real", 0.25)]),
    ];
    let bytes: Vec<u8> = events.into_iter().flat_map(|event| record(&event.into_bytes())).collect();
    assert_eq!(bytes, PINNED);
}
