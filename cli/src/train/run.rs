//! Training itself: the part of `train` that is compiled for every backend.

use std::path::Path;

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::metrics::CounterfactualLog;
use stargan::{
    BackendKind, Best, CsvLog, EarlyStopping, Error, KeepBest, Observer, Outcome, Precision,
    Progress, TensorBoard, TimingLog, Trainer, TrainingConfig, resolve_model,
};

use super::best::Comparison;
use super::recipes::Trained;
use super::workers::Crew;
use super::{Args, Given, Inputs, Plan, Processes, open, train_data};
use crate::data::Opened;
use crate::failure::{Failure, going_on, interrupted, usage};
use crate::output::{Output, folder_of};
use crate::report;
use crate::signals::stop_when_asked;
use crate::terminal::{result, tell};

/// How a run starts.
pub enum Start<R: Trained> {
    /// From its settings.
    New { config: Box<TrainingConfig<R>>, inputs: Inputs, data: Vec<Opened> },
    /// From its folder; with other data where they are given.
    Resume(Given),
}

/// Trains in the run folder `out`, or as another process leads.
pub fn train<B: AutodiffBackend, R: Trained>(
    args: &Args,
    out: &Path,
    start: Start<R>,
    processes: &Processes,
) -> Result<(), Failure> {
    let crew = Crew::<B, R>::connect(&args.workers, args.backend, processes)?;
    let (trainer, plan) = match start {
        Start::New { config, data, .. } if !crew.leads() => {
            let data = train_data(data);
            return crew.follow(Some(&config), &|_| Ok(data.clone()));
        }
        Start::New { config, inputs, data } => {
            let policy = config.run.on_unreadable;
            let plan = Plan::open(inputs, data, &config.recipe, policy, args)?;
            config.check_data(&plan.train)?;
            plan.inputs.json()?;
            let trainer = R::begin::<B>(out, *config, args.from.as_deref(), &crew.device())?;
            plan.inputs.write(trainer.folder())?;
            (trainer, plan)
        }
        Start::Resume(given) if !crew.leads() => {
            // Of a folder that this process may not see, unless it is told.
            let sources = inputs(args, given, out)?.data;
            return crew.follow(None, &|spaces| Ok(train_data(open(&sources, Some(spaces))?)));
        }
        Start::Resume(given) => {
            let mut trainer = match &args.resume_from {
                Some(from) => Trainer::<B, R>::resume_from(out, from, &crew.device())?,
                None => Trainer::<B, R>::resume(out, &crew.device())
                    .map_err(|error| with_flag(error, out))?,
            };
            for foreign in trainer.foreign_checkpoints()? {
                let file = foreign.display();
                tell!("warning: {file}: it is not a checkpoint of this run and is left alone");
            }
            change(&mut trainer, args)?;
            let (done, iterations) = (trainer.iteration(), trainer.config().run.iterations);
            if done >= iterations {
                tell!(
                    "the run in {} is finished: {done} of {iterations} iterations are done; to \
                     train on, give --iterations a larger number",
                    out.display()
                );
            }
            let plan = resumed(&mut trainer, args, given)?;
            trainer.changes().iter().for_each(|change| tell!("{change}"));
            (trainer, plan)
        }
    };
    let data = plan.train.clone();
    crew.lead(trainer, &data, |trainer| run(plan, trainer))
}

/// How to go on where a checkpoint of the run in `out` is to blame.
fn with_flag(error: Error, out: &Path) -> Failure {
    match &error {
        Error::Checkpoint { path, .. } if path.starts_with(out) && path != out => {
            let hint = "to go on from another checkpoint: --resume-from CHECKPOINT";
            Failure::Failed(format!("{error}\n{hint}"))
        }
        _ => error.into(),
    }
}

/// Changes of a resumed run what may change.
fn change<B: AutodiffBackend, R: Trained>(
    trainer: &mut Trainer<B, R>,
    args: &Args,
) -> Result<(), Failure> {
    let settings = &args.settings;
    if let Some(iterations) = settings.iterations.filter(|&n| n < trainer.iteration()) {
        let done = trainer.iteration();
        return usage(format!("--iterations {iterations}: the run has done {done} already"));
    }
    trainer.set_run(|run| settings.change_run(run))?;
    trainer.set_recipe(|recipe| recipe.change(settings))?;
    Ok(())
}

/// What the run was started with, and what the command line changes of it.
fn resumed<B: AutodiffBackend, R: Trained>(
    trainer: &mut Trainer<B, R>,
    args: &Args,
    given: Given,
) -> Result<Plan, Failure> {
    let moved = !given.data.is_empty();
    let inputs = inputs(args, given, trainer.folder())?;
    let spaces = &trainer.config().recipe.labels().clone();
    let hint = |failure| match failure {
        Failure::Failed(message) if !moved => Failure::Failed(format!(
            "{message}; if the data are somewhere else now, say where: --data ..."
        )),
        other => other,
    };
    let data = open(&inputs.data, Some(spaces)).map_err(hint)?;
    let policy = trainer.config().run.on_unreadable;
    let plan = Plan::open(inputs, data, &trainer.config().recipe, policy, args)?;
    if args.data_changed {
        trainer.change_data(&plan.train)?;
    }
    trainer.check_data(&plan.train).map_err(|error| {
        match trainer.config().check_data(&plan.train) {
            Ok(()) => {
                Failure::Failed(format!("{error}; to go on with them as they are: --data-changed"))
            }
            Err(_) => error.into(),
        }
    })?;
    // What holds from here on, for whoever resumes it next.
    plan.inputs.write(trainer.folder())?;
    Ok(plan)
}

fn inputs(args: &Args, given: Given, out: &Path) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::read(out)?.unwrap_or_else(|| Inputs {
        data: Vec::new(),
        tests: Vec::new(),
        pairs: Vec::new(),
        evaluate_every: 0,
        sample_every: super::SAMPLE_EVERY,
        tensorboard: false,
        people: false,
        keep_best: None,
        stop_after_worse: None,
    });
    let measured_by = inputs.keep_best.clone();
    let missing = args.data.missing().unwrap_or(inputs.missing());
    if !given.data.is_empty() {
        inputs.data = given.data;
    }
    inputs.data.iter_mut().for_each(|source| source.missing = missing);
    if !args.test_data.is_empty() {
        if !inputs.pairs.is_empty() && given.pairs.is_empty() {
            tell!("warning: nothing is measured any more: give --pairs of the new --test-data");
        }
        (inputs.tests, inputs.pairs) = (args.test_data.clone(), Vec::new());
        inputs.people = false;
    }
    let measured_on_others = !args.test_data.is_empty() || !given.pairs.is_empty();
    if !given.pairs.is_empty() {
        inputs.pairs = given.pairs;
    }
    inputs.evaluate_every = args.evaluate_every.unwrap_or(inputs.evaluate_every);
    inputs.sample_every = args.sample_every.unwrap_or(inputs.sample_every);
    inputs.tensorboard |= args.tensorboard;
    args.best.set(&mut inputs);
    let otherwise = measured_on_others || inputs.keep_best != measured_by;
    if measured_by.is_some() && otherwise && out.join("best.json").exists() {
        return usage(format!(
            "the best so far was measured otherwise: move best.json and best.safetensors out of {} \
             first, and the run begins to keep its best anew",
            out.display()
        ));
    }
    if inputs.data.is_empty() {
        return usage("the run does not say what its data were, give --data as when it began");
    }
    Ok(inputs)
}

/// Why a run has ended early, and how it goes on.
fn failed(error: Error, run: &Path, backend: BackendKind) -> Failure {
    match resolve_model(run) {
        // Of a run that diverged the error says what to do.
        Ok(file) if file.is_file() && !matches!(error, Error::NonFinite { .. }) => {
            Failure::Failed(format!(
                "{error}\nthe last checkpoint is {}; to go on: {}",
                file.display(),
                going_on(run, backend)
            ))
        }
        _ => error.into(),
    }
}

/// Trains and writes, whoever else trains.
fn run<B: AutodiffBackend, R: Trained>(
    mut plan: Plan,
    mut trainer: Trainer<B, R>,
) -> Result<(), Failure> {
    stop_when_asked(trainer.stop_flag())?;
    if let Some((export, _)) = &plan.export {
        // That it can't be made is not to be found out after the whole run.
        folder_of(export)?;
    }
    let run = trainer.folder().to_owned();
    plan.images.tell(&run)?;
    if plan.people.is_some() {
        tell!("sample grids appear in {}", run.join("samples").display());
    }
    let mut observers: Vec<Box<dyn Observer<B> + '_>> = vec![
        Box::new(Progress::default()),
        Box::new(CsvLog::every(20)),
        Box::new(TimingLog::every(20)),
        Box::new(plan.grid),
    ];
    if let Some(log) = &mut plan.log {
        observers.push(Box::new(log));
    }
    let Comparison { best, stopping } = &mut plan.comparison;
    if let Some(best) = best {
        observers.push(Box::new(best));
    }
    if let Some(stopping) = stopping {
        observers.push(Box::new(stopping));
    }
    if plan.inputs.tensorboard {
        observers.push(Box::new(TensorBoard::every(20)));
    }
    let precision = trainer.config().run.precision;
    if precision != Precision::Float32 && plan.backend.is_cpu() {
        tell!("warning: a CPU pretends to compute in half precision, for tests: float32 is faster");
    }
    let ended = trainer.run(&plan.train, &mut observers);
    drop(observers);
    if let left_out @ 1.. = trainer.updates_left_out() {
        let scale = trainer.loss_scale();
        tell!(
            "{left_out} update(s) since the precision was set were left out, because float16 did \
             not hold their gradients; losses are scaled by {scale} now"
        );
    }
    let outcome = ended.map_err(|error| failed(error, &run, plan.backend))?;
    let Comparison { best, stopping } = &plan.comparison;
    let early = stopping.as_ref().and_then(EarlyStopping::stopped);
    let checkpoint = match (outcome, early) {
        (Outcome::Finished { checkpoint }, _) => checkpoint,
        (Outcome::Stopped { checkpoint }, Some(at)) => {
            tell!("iteration {at}: no longer better, so the run ends here");
            checkpoint
        }
        (Outcome::Stopped { checkpoint }, None) => {
            report::write(&run);
            return Err(interrupted(&run, &checkpoint, plan.backend));
        }
    };
    if let Some(scores) = plan.log.as_ref().and_then(CounterfactualLog::measured) {
        if plan.people.is_some() {
            result!("Error against the true change, in brackets that of doing nothing:\n");
        }
        result!("{scores}\n");
    }
    if let Some(Best { name, value, iteration, .. }) = best.as_ref().and_then(KeepBest::best) {
        let file = run.join("best.safetensors");
        result!("best {name}: {value:.5}, of iteration {iteration}: {}", file.display());
    }
    let report = report::write(&run);
    if let Some((export, existing)) = &plan.export {
        let output = Output::new(export, *existing)?;
        R::save(&trainer, &output.place())?;
        output.finish()?;
        result!("model: {}", export.display());
    }
    if let Some(people) = &plan.people {
        return R::pictures(&trainer, people);
    }
    if let Some(report) = report {
        result!("report: {}", report.display());
    }
    result!("checkpoint: {}", checkpoint.display());
    Ok(())
}
