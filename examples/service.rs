//! A service: threads share one model, and requests that wait are translated together.
//!
//! Requests come over a channel here; in a web service its handlers hold the `Sender`.
//!
//! ```text
//! cargo run --release --example service [FOLDER]
//! ```

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs, thread};

use stargan::burn::backend::Flex;
use stargan::image::{DynamicImage, RgbImage};
use stargan::{Result, Translator, load_image};

const MODEL: &str = "examples/models/faces64.safetensors";
const EDITS: [&str; 2] = ["Blond_Hair", "+Eyeglasses"];
const WORKERS: usize = 2;
/// Most requests that one worker takes at once.
const BATCH: usize = 8;

struct Request {
    image: DynamicImage,
    edit: String,
    reply: Sender<Result<RgbImage>>,
}

/// Answers requests until nobody can send any. What waits is one batch per edit.
fn work(model: &Translator<Flex>, requests: &Mutex<Receiver<Request>>) {
    loop {
        let mut waiting: BTreeMap<String, Vec<Request>> = BTreeMap::new();
        {
            let requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(first) = requests.recv() else { return };
            for request in std::iter::once(first).chain(requests.try_iter()).take(BATCH) {
                waiting.entry(request.edit.clone()).or_default().push(request);
            }
        }
        for (edit, requests) in waiting {
            let images: Vec<_> = requests.iter().map(|request| request.image.clone()).collect();
            // An answer that nobody waits for any more is no failure.
            match model.translate_batch(&images, &edit) {
                Ok(translated) => requests.iter().zip(translated).for_each(|(request, image)| {
                    request.reply.send(Ok(image)).unwrap_or_default();
                }),
                Err(error) => requests.iter().for_each(|request| {
                    let error = stargan::Error::other(error.to_string());
                    request.reply.send(Err(error)).unwrap_or_default();
                }),
            }
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
        let image = load_image(format!("examples/data/faces/test/images/{number:05}.png"))?.into();
        let (reply, answer) = mpsc::channel();
        answers.push((format!("{folder}/{number:05} {edit}.png"), answer));
        service.send(Request { image, edit, reply })?;
    }
    for (path, answer) in answers {
        answer.recv()??.save(path)?;
    }
    Ok(())
}
