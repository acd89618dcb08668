//! More clients than there is room for, and clients that take their time.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use image::{GrayImage, ImageFormat};

use super::client::{Answer, Connection, Demo, face};

/// Hundreds of open files each, so one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn is_busy(answer: &Answer) {
    answer.refuses(503, "try again in a moment");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[test]
fn requests_at_once_are_answered_as_one_after_the_other() {
    let demo = Demo::start(&[]);
    let faces = ["00000", "00001", "00002", "00003"].map(face);
    let edits = ["Blond_Hair", "-Eyeglasses=0.5,Male"];
    let all = || faces.iter().flat_map(|face| edits.map(|edit| (face, edit)));
    let translate = |(face, edit): (&Vec<u8>, &str)| {
        let answer = demo.post(&format!("/translate?edit={edit}"), face);
        answer.image();
        answer.body
    };
    let one_by_one: Vec<_> = all().map(translate).collect();
    let at_once: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = all().map(|each| scope.spawn(move || translate(each))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(at_once.len(), 8);
    assert!(at_once == one_by_one);
}

#[test]
fn six_hundred_requests_at_once_are_all_answered_right() {
    const REQUESTS: usize = 600;
    let _alone = alone();
    let demo = Demo::start(&[]);
    let face = face("00001");
    let targets = ["/", "/page.js", "/samples/1.png", "/model.json", "/nothing"];
    let expected = targets.map(|target| demo.get(target));
    let translation = demo.post("/translate?edit=Male", &face);
    let together = Barrier::new(REQUESTS);
    let client = |n: usize| {
        together.wait();
        if n % 10 == 9 {
            let answer = demo.post("/translate?edit=Male", &face);
            match answer.status {
                200 => assert_eq!(answer.body, translation.body),
                _ => is_busy(&answer),
            }
            return;
        }
        let (target, expected) = (targets[n % 5], &expected[n % 5]);
        let answer = demo.get(target);
        assert_eq!((answer.status, answer.text()), (expected.status, expected.text()));
    };
    thread::scope(|scope| {
        for n in 0..REQUESTS {
            let client = &client;
            thread::Builder::new()
                .stack_size(256 << 10)
                .spawn_scoped(scope, move || client(n))
                .expect("a thread");
        }
    });
    assert_eq!(demo.post("/translate?edit=Male", &face).body, translation.body);
}

#[test]
fn silent_and_dripping_clients_hold_nobody_up() {
    let _alone = alone();
    let demo = Demo::start(&[]);
    let _silent: Vec<_> = (0..64).map(|_| demo.connect()).collect();
    let head = "GET / HTTP/1.1\r\nhost: localhost\r\n";
    let body = "POST /prepare HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n";
    let mut dripping: Vec<_> = (0..64).map(|_| demo.connect()).collect();
    for (n, connection) in dripping.iter_mut().enumerate() {
        connection.send([head, body][n % 2].as_bytes());
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                dripping.iter().for_each(|each| drop(each.stream().write(b"x")));
                thread::sleep(Duration::from_millis(50));
            }
        });
        for _ in 0..3 {
            let began = Instant::now();
            assert_eq!(demo.get("/").status, 200);
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn of_too_many_connections_the_slow_ones_end_without_a_word() {
    let _alone = alone();
    let demo = Demo::start(&[]);
    let mut idle = demo.connect();
    idle.send(&demo.request("GET", "/icon.svg", "", b""));
    assert_eq!(idle.answer().status, 200);
    let mut silent: Vec<Connection> = (0..250).map(|_| demo.connect()).collect();
    let began = Instant::now();
    assert_eq!(demo.get("/").status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    idle.ends();
    silent[0].ends();
}

#[test]
fn a_full_queue_says_so_and_the_page_is_there_all_the_same() {
    let _alone = alone();
    let demo = Demo::start(&[]);
    // Takes long to decode and little to send.
    let mut photo = std::io::Cursor::new(Vec::new());
    GrayImage::new(6_300, 6_300).write_to(&mut photo, ImageFormat::Png).unwrap();
    let request = demo.request("POST", "/prepare", "", photo.get_ref());
    let mut waiting: Vec<_> = (0..40).map(|_| demo.connect()).collect();
    waiting.iter_mut().for_each(|each| each.send(&request));
    let began = Instant::now();
    assert_eq!(demo.get("/").status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let refusal = loop {
        assert!(began.elapsed() < Duration::from_secs(10), "40 are too many");
        let answered = waiting.iter_mut().filter(|each| each.has_answer());
        let mut refused = answered.map(Connection::answer).filter(|answer| answer.status != 200);
        if let Some(refusal) = refused.next() {
            break refusal;
        }
        thread::sleep(Duration::from_millis(10));
    };
    is_busy(&refusal);
}

#[test]
fn files_that_do_not_end_leave_room_for_others_or_say_so() {
    let _alone = alone();
    let demo = Demo::start(&[]);
    let large = vec![0; 9_900_000];
    let unfinished = demo.request("POST", "/prepare", "", &large);
    let (first, rest) = unfinished.split_at(7_900_000);
    let waiting: Vec<_> = (0..15)
        .map(|_| {
            let mut connection = demo.connect();
            connection.send(first);
            connection
        })
        .collect();
    let until = |status: u16| {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = demo.post("/prepare", &large);
            if answer.status == status {
                return answer;
            }
            assert!(Instant::now() < deadline, "{}", answer.text());
        }
    };
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // While they go on sending, they keep their room.
        scope.spawn(|| {
            for piece in rest.chunks(70_000).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                waiting.iter().for_each(|each| drop(each.stream().write_all(piece)));
                thread::sleep(Duration::from_millis(300));
            }
        });
        is_busy(&until(503));
        is_over.store(true, Ordering::Relaxed);
    });
    // Nobody waits for those that send nothing more.
    until(400).refuses(400, "expected a PNG");
    demo.post("/prepare", &face("00001")).image();
    drop(waiting);
}

#[test]
fn a_file_that_keeps_coming_arrives_in_a_crowd() {
    let _alone = alone();
    let demo = Demo::start(&[]);
    let file = vec![0; 2_000_000];
    let mut steady = demo.connect();
    // A crowd for three seconds: 200 at a time end after one.
    let _silent: Vec<Connection> = (0..600).map(|_| demo.connect()).collect();
    let request = demo.request("POST", "/prepare", "", &file);
    for piece in request.chunks(request.len() / 10) {
        steady.send(piece);
        thread::sleep(Duration::from_millis(200));
    }
    steady.answer().refuses(400, "expected a PNG");
}

#[test]
fn nobody_works_for_clients_that_are_gone() {
    let _alone = alone();
    let demo = Demo::start(&[]);
    let mut photo = std::io::Cursor::new(Vec::new());
    GrayImage::new(6_300, 6_300).write_to(&mut photo, ImageFormat::Png).unwrap();
    let began = Instant::now();
    demo.post("/prepare", photo.get_ref()).image();
    let one = began.elapsed();
    let work = demo.request("POST", "/prepare", "", photo.get_ref());
    let gone: Vec<_> = (0..30).map(|_| demo.connect()).collect();
    gone.into_iter().for_each(|mut each| each.send(&work));
    // Until all of them are read: what comes after waits for them, if any are worked on.
    thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    while demo.post("/translate?edit=Male", &face("00001")).status != 200 {
        thread::sleep(Duration::from_millis(10));
    }
    let many = began.elapsed();
    assert!(many < one * 6 + Duration::from_secs(1), "one took {one:?}, 30 of them {many:?}");
}
