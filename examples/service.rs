//! A service: threads share one model, and requests that wait are translated together.
//!
//! Requests come over a channel here; in a web service its handlers hold the `Sender`.
//!
//! ```text
//! cargo run --release --example service [FOLDER]
//! ```

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs, thread};

use stargan::burn::backend::Flex;
use stargan::image::DynamicImage;
use stargan::{Result, Translator, load_image};

const MODEL: &str = "examples/models/faces64.safetensors";
const EDITS: [&str; 2] = ["Blond_Hair", "+Eyeglasses"];
const WORKERS: usize = 2;
/// Most requests that one worker takes at once.
const BATCH: usize = 8;

struct Request {
    image: DynamicImage,
    edit: String,
    reply: Sender<Result<DynamicImage>>,
}

/// Answers requests until nobody can send any. What waits is one batch, whatever its edits.
fn work(model: &Translator<Flex>, requests: &Mutex<Receiver<Request>>) {
    loop {
        let waiting: Vec<Request> = {
            let requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(first) = requests.recv() else { return };
            std::iter::once(first).chain(requests.try_iter()).take(BATCH).collect()
        };
        let batch: Vec<_> = waiting.iter().map(|asked| (&asked.image, &asked.edit[..])).collect();
        for (Request { reply, .. }, answer) in waiting.iter().zip(model.translate_each(&batch)) {
            // An answer that nobody waits for any more is no failure.
            reply.send(answer).unwrap_or_default();
        }
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).unwrap_or_else(|| "runs/example-service".to_owned());
    fs::create_dir_all(&folder)?;
    // `Send`, `Sync` and cheap to clone: the clones share the weights.
    let model = Translator::<Flex>::open(MODEL, &Default::default())?;
    let (service, requests) = mpsc::channel();
    let requests = Arc::new(Mutex::new(requests));
    for _ in 0..WORKERS {
        let (model, requests) = (model.clone(), requests.clone());
        thread::spawn(move || work(&model, &requests));
    }
    let mut answers = Vec::new();
    for (number, edit) in (0..12).flat_map(|number| EDITS.map(|edit| (number, edit.to_owned()))) {
        let image = load_image(format!("examples/data/faces/test/images/{number:05}.png"))?;
        let (reply, answer) = mpsc::channel();
        answers.push((format!("{folder}/{number:05} {edit}.png"), answer));
        service.send(Request { image, edit, reply })?;
    }
    for (path, answer) in answers {
        answer.recv()??.save(path)?;
    }
    Ok(())
}
