//! Several workers compute what one computes, as threads and as processes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use stargan::burn::backend::Flex;
use stargan::burn::module::{Module, ModuleVisitor, Param};
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::collective::{Rendezvous, Worker, workers};
use stargan::train::{Collective, Follower, Iteration};
use stargan::{
    CsvLog, Dataset, DiscriminatorConfig, Domains, Error, Folder, GeneratorConfig, Observer,
    Outcome, Penalty, Result, Trainer, TrainingConfig,
};

use crate::ports::ports;
use crate::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, names, newest, one_at_a_time, tiny, trained,
};

/// Of a gradient's largest value. A worker's mean over its share and the mean of these round otherwise than the mean
/// over the whole batch: float32 rounding of sums over some thousand pixels.
const GRADIENT_TOLERANCE: f64 = 1e-4;

/// Of a loss term, which is logged with as many digits.
const LOSS_TOLERANCE: f64 = 1e-4;

fn rendezvous(port: u16) -> Rendezvous {
    Rendezvous { gather_within: Duration::from_secs(20), ..Rendezvous::new("127.0.0.1", port) }
}

/// What a worker that is one of several in `run` does: it trains, and its model is saved beside the run.
fn work(
    worker: Worker<Flex>,
    run: &Path,
    config: &TrainingConfig,
    data: &Folder,
) -> Result<Outcome> {
    let device = Default::default();
    let model = run.with_extension(format!("{}.safetensors", worker.rank()));
    let (outcome, translator) = if worker.rank() > 0 {
        let mut follower = Follower::<Cpu>::join(Box::new(worker), Some(config), &device)?;
        (follower.run(data)?, follower.translator())
    } else {
        let trainer = if run.join("config.json").exists() {
            let mut trainer = Trainer::<Cpu>::resume(run, &device)?;
            trainer.set_iterations(config.iterations);
            trainer
        } else {
            Trainer::<Cpu>::new(run, config.clone(), &device)?
        };
        let mut trainer = trainer.lead(Box::new(worker))?;
        (trainer.run(data, &mut CsvLog::every(1))?, trainer.translator())
    };
    // Of an earlier run in this folder.
    let _ = std::fs::remove_file(&model);
    translator.save(model, true)?;
    Ok(outcome)
}

/// The workers of one process, each in a thread of its own.
fn threads(
    count: usize,
    run: &Path,
    config: &TrainingConfig,
    data: &Folder,
) -> Vec<Result<Outcome>> {
    let workers = workers::<Flex>(&vec![Default::default(); count], None).unwrap();
    thread::scope(|scope| {
        let work = |worker| scope.spawn(move || work(worker, run, config, data));
        let threads: Vec<_> = workers.into_iter().map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The moments of Adam after one iteration, which are the gradients and their squares but for constant factors, and
/// the loss terms.
fn one_iteration(run: &Path) -> (Content, Vec<f64>) {
    let mut content = Content::of(&run.join("checkpoints/00000001.safetensors"));
    content.tensors.retain(|name, _| name.starts_with("adam."));
    let log = std::fs::read_to_string(run.join("log.csv")).unwrap();
    let values = log.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap());
    (content, values.collect())
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect()
}

fn compare_with_one(run: &Path, single: &(Content, Vec<f64>), name: &str) {
    let (found, losses) = one_iteration(run);
    let mut worst = (0.0_f64, "");
    assert_eq!(found.tensors.len(), single.0.tensors.len());
    for (name, (_, expected)) in &single.0.tensors {
        let (expected, found) = (floats(expected), floats(&found.tensors[name].1));
        let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let error = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // A gradient that is zero but for rounding, as of what an instance norm takes away again.
        if largest > 1e-12 {
            worst = if error / largest > worst.0 { (error / largest, name) } else { worst };
        }
    }
    println!("{name}: gradients {:.1e} of the largest ({})", worst.0, worst.1);
    assert!(worst.0 <= GRADIENT_TOLERANCE, "{name}: {worst:?}");
    assert_eq!(losses.len(), single.1.len());
    for (found, expected) in losses.iter().zip(&single.1) {
        assert!((found - expected).abs() <= LOSS_TOLERANCE * expected.abs().max(0.01));
    }
}

/// A rate so small that G's gradients are taken at the same D whichever way its own rounded, and every term there is.
fn still(domains: Domains) -> TrainingConfig {
    tiny(domains).with_learning_rate(1e-9).with_critic_steps(1).with_iterations(1)
}

fn single(folder: &Path, data: &Folder) -> (Content, Vec<f64>) {
    let config = still(Domains::single(data.labels().clone()));
    let run = folder.join("single");
    let mut trainer = Trainer::<Cpu>::new(&run, config, &Default::default()).unwrap();
    trainer.run(data, &mut CsvLog::every(1)).unwrap();
    one_iteration(&run)
}

/// Every worker's model is the same, bit for bit.
fn assert_identical(run: &Path, count: usize) {
    let model = |rank| Content::of(&run.with_extension(format!("{rank}.safetensors")));
    let first = model(0);
    for rank in 1..count {
        assert_eq!(model(rank).tensors, first.tensors, "worker {rank}");
    }
}

#[test]
fn threads_compute_what_one_worker_does() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let single = single(folder.path(), &data);
    for count in [2, 4] {
        let config = still(Domains::single(data.labels().clone()));
        let run = folder.path().join(format!("{count}"));
        for outcome in threads(count, &run, &config, &data) {
            assert_eq!(
                checkpoint_of(&outcome.unwrap()),
                run.join("checkpoints/00000001.safetensors")
            );
        }
        compare_with_one(&run, &single, &format!("{count} threads"));

        let config = tiny(config.domains).with_iterations(50);
        let run = folder.path().join(format!("{count} longer"));
        threads(count, &run, &config, &data).into_iter().for_each(|outcome| drop(outcome.unwrap()));
        assert_identical(&run, count);
    }
}

/// Tells a copy of this test program which worker it is: its process, how many there are, its devices, the port, the
/// iterations and the folder.
const WORKER: &str = "STARGAN_TEST_WORKER";

fn process(
    test: &str,
    [rank, processes, devices]: [usize; 3],
    port: u16,
    iterations: u64,
    folder: &Path,
) -> Child {
    let worker = format!("{rank},{processes},{devices},{port},{iterations},{}", folder.display());
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(WORKER, worker)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// In such a copy: trains, and ends the process.
fn work_if_told() {
    let Ok(worker) = std::env::var(WORKER) else { return };
    let [rank, processes, devices, port, iterations, folder] =
        worker.splitn(6, ',').collect::<Vec<_>>().try_into().unwrap();
    let [rank, processes, devices] =
        [rank, processes, devices].map(|text| text.parse::<usize>().unwrap());
    let (port, iterations, folder) =
        (port.parse().unwrap(), iterations.parse().unwrap(), Path::new(folder));
    let data = Folder::open(folder.join("data")).unwrap();
    let domains = Domains::single(data.labels().clone());
    let config = match iterations {
        1 => still(domains),
        _ => tiny(domains).with_iterations(iterations).with_checkpoint_every(2),
    };
    let run = folder.join("run");
    let ring = rendezvous(port).join(rank, processes);
    let ended = ring.and_then(|ring| {
        let workers = workers::<Flex>(&vec![Default::default(); devices], Some(ring))?;
        thread::scope(|scope| {
            let (run, config, data) = (&run, &config, &data);
            let work = |worker| scope.spawn(move || work(worker, run, config, data));
            let threads: Vec<_> = workers.into_iter().map(work).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<Vec<_>>>()
        })
    });
    match ended {
        Ok(_) => std::process::exit(0),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}

/// All of a run's processes, and what each said where it failed.
fn processes(test: &str, [processes, devices]: [usize; 2], iterations: u64, folder: &Path) {
    let port = ports(processes as u16);
    let start = |rank| process(test, [rank, processes, devices], port, iterations, folder);
    let children: Vec<_> = (0..processes).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn processes_compute_what_one_worker_does() {
    work_if_told();
    let test = "workers::processes_compute_what_one_worker_does";
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let single = single(folder.path(), &data);
    let run = folder.path().join("run");
    for [count, devices] in [[2, 1], [4, 1], [2, 2]] {
        processes(test, [count, devices], 1, folder.path());
        compare_with_one(&run, &single, &format!("{count} processes of {devices}"));
        std::fs::remove_dir_all(&run).unwrap();
        processes(test, [count, devices], 50, folder.path());
        assert_identical(&run, count * devices);
        if [count, devices] == [2, 1] {
            // Two threads add the same two numbers, in whichever order: a gradient that either lost would tell.
            let config = tiny(Domains::single(data.labels().clone())).with_iterations(50);
            let other = folder.path().join("threads");
            threads(2, &other, &config, &data).into_iter().for_each(|o| drop(o.unwrap()));
            let model = |run: &Path| Content::of(&run.with_extension("0.safetensors")).tensors;
            assert_eq!(model(&other), model(&run));
        }
        std::fs::remove_dir_all(&run).unwrap();
    }
}

/// How long the other processes may go on after one has been killed. What they do for that is at once; a machine that
/// is at work elsewhere may take its time to let them.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn killed_at_ten_moments_the_run_goes_on_from_its_last_checkpoint() {
    const ITERATIONS: u64 = 40;
    work_if_told();
    let test = "workers::killed_at_ten_moments_the_run_goes_on_from_its_last_checkpoint";
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    colours(&folder.path().join("data"));
    let run = folder.path().join("run");
    let last = run.join(format!("checkpoints/{ITERATIONS:08}.safetensors"));
    let began = Instant::now();
    processes(test, [2, 1], ITERATIONS, folder.path());
    let whole_run = began.elapsed();
    let expected = Content::of(&last);
    std::fs::remove_dir_all(&run).unwrap();

    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut kills, mut reached, mut slowest) = ([0, 0], 0, Duration::ZERO);
    let mut patience = whole_run;
    for attempt in 0.. {
        if kills[0] + kills[1] == 10 {
            break;
        }
        assert!(attempt < 100, "only {kills:?} of {attempt} kills met a run");
        let port = ports(2);
        let start = |rank| process(test, [rank, 2, 1], port, ITERATIONS, folder.path());
        let mut children = [start(0), start(1)];
        thread::sleep(patience.mul_f64(rng.random_range(0.3..0.9)));
        let victim = rng.random_range(0..2);
        children[victim].kill().unwrap();
        let killed = Instant::now();
        let killed_in_time = !children[victim].wait().unwrap().success();
        let mut other = children.into_iter().nth(1 - victim).unwrap();
        while other.try_wait().unwrap().is_none() {
            assert!(killed.elapsed() < NOTICED_WITHIN, "process {} hangs", 1 - victim);
            thread::sleep(Duration::from_millis(5));
        }
        let output = other.wait_with_output().unwrap();
        if killed_in_time && !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            let expected = ["is gone", "has gone", "have not come", "has not come", "not answer"];
            assert!(expected.iter().any(|text| message.contains(text)), "{message}");
            slowest = slowest.max(killed.elapsed());
            kills[victim] += 1;
        } else {
            // The machine has become faster than it was.
            patience = patience.mul_f64(0.8);
        }
        let newest = newest(&run);
        assert!(newest >= reached, "checkpoint {reached} is lost, {newest} is left");
        reached = newest;
        if reached == ITERATIONS {
            // The end is compared too, and the next kill meets another run.
            assert_eq!(Content::of(&last).tensors, expected.tensors);
            std::fs::remove_dir_all(&run).unwrap();
            reached = 0;
        }
    }
    processes(test, [2, 1], ITERATIONS, folder.path());
    assert_eq!(Content::of(&last).tensors, expected.tensors, "as the uninterrupted run");
    println!("killed: {kills:?} of processes 0 and 1; noticed within {slowest:.1?}");
}

#[test]
fn a_run_goes_on_with_another_number_of_workers() {
    let _turn = one_at_a_time();
    // One worker, then four, then two.
    let (_folder, run, trainer, data) = trained(6);
    let config = trainer.config().clone();
    drop(trainer);
    let workers = workers::<Flex>(&[(); 4].map(|()| Default::default()), None).unwrap();
    thread::scope(|scope| {
        for worker in workers {
            let (run, config, data) = (&run, &config, &data);
            scope.spawn(move || {
                let device = Default::default();
                if worker.rank() > 0 {
                    let follower = Follower::<Cpu>::join(Box::new(worker), Some(config), &device);
                    return follower.unwrap().run(data).unwrap();
                }
                let trainer = Trainer::<Cpu>::resume(run, &device).unwrap();
                // Noticed at the next multiple of ten.
                trainer.lead(Box::new(worker)).unwrap().run(data, &mut StopAfter(7)).unwrap()
            });
        }
    });
    assert!(run.join("checkpoints/00000010.safetensors").is_file());
    threads(2, &run, &config, &data).into_iter().for_each(|outcome| drop(outcome.unwrap()));
    assert_identical(&run, 2);
    let found = Content::of(&run.join("checkpoints/00000020.safetensors"));

    let (_folder, alone, ..) = trained(20);
    let alone = Content::of(&alone.join("checkpoints/00000020.safetensors"));
    assert_eq!(found.tensors.len(), alone.tensors.len());
    let generator = alone.tensors.iter().filter(|(name, _)| name.starts_with("generator."));
    for (name, (_, expected)) in generator {
        let pairs = floats(expected).into_iter().zip(floats(&found.tensors[name].1));
        let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // Each of G's ten updates moves a weight by about the learning rate of 1e-3, whichever way rounding says.
        assert!(difference < 5e-3, "{name}: {difference}");
    }
}

/// Two threads: what becomes of a leader and of a follower.
pub fn two<L: Send, F: Send>(
    leads: impl FnOnce(Box<Worker<Flex>>) -> L + Send,
    follows: impl FnOnce(Box<Worker<Flex>>) -> F + Send,
) -> (L, F) {
    let mut workers = workers::<Flex>(&[Default::default(), Default::default()], None).unwrap();
    let (follower, leader) = (workers.pop().unwrap(), workers.pop().unwrap());
    thread::scope(|scope| {
        let follower = scope.spawn(|| follows(Box::new(follower)));
        (leads(Box::new(leader)), follower.join().unwrap())
    })
}

#[test]
fn workers_that_do_not_fit_together_are_refused_at_the_start() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(Domains::single(data.labels().clone()));
    let mut number = 0;
    let mut refused = |leading: TrainingConfig, following: &TrainingConfig, others: &Folder| {
        number += 1;
        let run = folder.path().join(format!("{number}"));
        let (data, device) = (&data, Default::default());
        let (leader, follower) = two(
            |link| Trainer::<Cpu>::new(run, leading, &device)?.lead(link)?.run(data, &mut ()),
            |link| Follower::<Cpu>::join(link, Some(following), &device)?.run(others),
        );
        [leader, follower].map(|ended| ended.unwrap_err().to_string())
    };

    let [leader, follower] = refused(config.clone().with_learning_rate(2e-3), &config, &data);
    let difference = "the configurations differ: learning_rate is 0.001 here and 0.002 at worker 0; start all workers \
                      with the same settings";
    assert_eq!(follower, difference);
    assert_eq!(leader, format!("worker 1 has ended the run: {difference}"));
    // A worker's own number of threads is no such thing.
    let mut threads = config.clone();
    threads.loader_threads = 5;
    colours(&folder.path().join("fewer"));
    std::fs::remove_file(folder.path().join("fewer/red/3.png")).unwrap();
    let fewer = Folder::open(folder.path().join("fewer")).unwrap();
    let [leader, follower] = refused(config.clone(), &threads, &fewer);
    assert!(follower.contains("the data differ: [Fingerprint { images: 17,"), "{follower}");
    assert!(leader.contains("worker 1 has ended the run: the data differ"), "{leader}");

    let [leader, follower] =
        refused(config.clone().with_batch_size(5), &config.clone().with_batch_size(5), &data);
    assert!(leader.starts_with("a batch of 5 has no equal part for each of 2 workers"), "{leader}");
    assert_eq!(follower, format!("worker 0 has ended the run: {leader}"));
    let dragan = config.with_penalty(Penalty::Dragan);
    let [leader, _] = refused(dragan.clone(), &dragan, &data);
    assert!(
        leader.starts_with("the penalty dragan takes a standard deviation over the whole batch")
    );

    let busy = workers::<Flex>(&[Default::default(), Default::default()], None).unwrap();
    let error = workers::<Flex>(&[Default::default(), Default::default()], None).unwrap_err();
    assert!(error.to_string().contains("has a group of workers already"), "{error}");
    drop(busy);
}

#[test]
fn what_ends_one_worker_ends_all() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(Domains::single(data.labels().clone())).with_checkpoint_every(4);
    let device = Default::default();

    // An image that only one of them can't read.
    let broken = colours(&folder.path().join("broken"));
    std::fs::write(folder.path().join("broken/red/2.png"), "no image").unwrap();
    let run = folder.path().join("unreadable");
    let (leader, follower) = two(
        |link| Trainer::<Cpu>::new(&run, config.clone(), &device)?.lead(link)?.run(&data, &mut ()),
        |link| Follower::<Cpu>::join(link, None, &device)?.run(&broken),
    );
    assert!(follower.unwrap_err().to_string().contains("2.png"));
    let leader = leader.unwrap_err();
    assert!(
        matches!(&leader, Error::Workers(message) if message.contains("another worker is gone")),
        "{leader}"
    );

    // A worker that panics.
    let run = folder.path().join("panic");
    let (leader, follower) = two(
        |link| Trainer::<Cpu>::new(&run, config.clone(), &device)?.lead(link)?.run(&data, &mut ()),
        |link| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _follower = Follower::<Cpu>::join(link, None, &device);
                std::panic::resume_unwind(Box::new("a bug"));
            }))
        },
    );
    assert!(follower.is_err() && leader.unwrap_err().to_string().contains("is gone"));

    // Worker 0 panics, in hands that outlive the panic.
    struct Bug;
    impl Observer<Cpu> for Bug {
        fn iteration(&mut self, _: &Trainer<Cpu>, _: &Iteration<'_, Cpu>) -> Result<()> {
            std::panic::resume_unwind(Box::new("a bug"));
        }
    }
    let run = folder.path().join("observer");
    let (leader, follower) = two(
        |link| {
            let trainer = Trainer::<Cpu>::new(&run, config.clone(), &device).unwrap();
            let mut trainer = trainer.lead(link).unwrap();
            let run = std::panic::AssertUnwindSafe(|| trainer.run(&data, &mut Bug));
            (std::panic::catch_unwind(run).is_err(), trainer)
        },
        |link| Follower::<Cpu>::join(link, None, &device)?.run(&data),
    );
    assert!(leader.0 && follower.unwrap_err().to_string().contains("is gone"));
    let again = { leader.1 }.run(&data, &mut ()).unwrap_err().to_string();
    assert!(again.contains("this worker has left its run"), "{again}");

    // A stop, at whichever worker: all come to the same iteration, and the checkpoint is there.
    let run = folder.path().join("stopped");
    let (leader, follower) = two(
        |link| {
            let mut trainer = Trainer::<Cpu>::new(&run, config.clone(), &device)?.lead(link)?;
            trainer.run(&data, &mut ())
        },
        |link| {
            let mut follower = Follower::<Cpu>::join(link, None, &device)?;
            follower.stop_flag().store(true, Ordering::Relaxed);
            follower.run(&data)
        },
    );
    let checkpoint = run.join("checkpoints/00000000.safetensors");
    assert_eq!(
        [leader.unwrap(), follower.unwrap()]
            .map(|o| o == Outcome::Stopped { checkpoint: checkpoint.clone() }),
        [true; 2]
    );
    assert_eq!(names(run.join("checkpoints")), ["00000000.safetensors"]);
}

#[test]
fn processes_that_do_not_meet_say_so_in_time() {
    let meet = |port, process, processes, seconds| {
        let gather_within = Duration::from_secs(seconds);
        let at = Rendezvous { gather_within, ..rendezvous(port) };
        thread::spawn(move || at.join(process, processes))
    };
    let error = |ring: thread::JoinHandle<Result<_>>| ring.join().unwrap().unwrap_err().to_string();

    let began = Instant::now();
    let port = ports(2);
    let alone = error(meet(port, 1, 2, 1));
    assert!(
        alone.contains(&format!(
            "process 0 does not answer at ws://127.0.0.1:{port}; is it started"
        )),
        "{alone}"
    );
    let port = ports(4);
    let (first, third) = (meet(port, 0, 4, 2), meet(port, 2, 4, 2));
    let text = "of 4 processes, [1, 3] have not come";
    assert!(error(first).contains(text) && error(third).contains(text));
    // A host that answers nobody, and one that there is not.
    for host in ["192.0.2.1", "no-such-host.invalid"] {
        let gather_within = Duration::from_secs(1);
        let at = Rendezvous { gather_within, ..Rendezvous::new(host, 9) };
        let error = at.join(1, 2).unwrap_err().to_string();
        assert!(error.contains("process 1 of 2 has not met the others at"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());

    let port = ports(3);
    let (first, second) = (meet(port, 0, 2, 20), meet(port, 1, 3, 20));
    let text = "process 1 was started as one of 3, process 0 as one of 2";
    assert!(error(first).contains(text) && error(second).contains(text));
    let error = rendezvous(port).join(2, 2).unwrap_err().to_string();
    assert_eq!(error, "there is no process 2 of 2: they count from 0");
}

/// A backward pass is a thread's own: with as many at once as this, and networks of their own, none loses a gradient.
#[test]
fn backward_passes_at_once_lose_no_gradient() {
    const THREADS: u64 = 8;
    const PASSES: usize = 50;
    let _turn = one_at_a_time();
    let expected: Vec<_> = (0..THREADS).map(passes_of).collect();
    thread::scope(|scope| {
        for (number, expected) in (0..).zip(&expected) {
            scope.spawn(move || {
                for _ in 0..PASSES {
                    assert!(passes_of(number) == *expected, "networks {number}");
                }
            });
        }
    });
}

/// The gradients of networks number `number` after a pass through both.
fn passes_of(number: u64) -> Vec<Option<Vec<f32>>> {
    struct Gradients {
        of: <Cpu as AutodiffBackend>::Gradients,
        found: Vec<Option<Vec<f32>>>,
    }
    impl ModuleVisitor<Cpu> for Gradients {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Cpu, D>>) {
            let gradient = param.val().grad_remove(&mut self.of);
            self.found.push(gradient.map(|gradient| gradient.into_data().to_vec().unwrap()));
        }
    }
    let (device, mut rng) = (Default::default(), ChaCha8Rng::seed_from_u64(number));
    let generator = GeneratorConfig::new(3).with_base_channels(4).with_residual_blocks(1);
    let generator = generator.init::<Cpu>(&mut rng, &device).unwrap();
    let discriminator = DiscriminatorConfig::new(16, 3).with_base_channels(4).with_downsamplings(2);
    let discriminator = discriminator.init::<Cpu>(&mut rng, &device).unwrap();
    let images = Tensor::<Cpu, 4>::ones([2, 3, 16, 16], &device) * 0.1;
    let condition = Tensor::<Cpu, 2>::ones([2, 3], &device);
    let fake = generator.forward(images.clone(), condition.clone());
    let loss = discriminator.forward(fake.clone()).realness.mean()
        + (generator.forward(fake, condition) - images).abs().mean();
    let mut gradients = Gradients { of: loss.backward(), found: Vec::new() };
    generator.visit(&mut gradients);
    discriminator.visit(&mut gradients);
    assert!(gradients.found.iter().flatten().count() > 10);
    gradients.found
}
