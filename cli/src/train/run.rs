//! Training itself: the part of `train` that is compiled for every backend.

use std::path::Path;

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::metrics::CounterfactualLog;
use stargan::{
    CsvLog, Observer, Outcome, Parts, Progress, StarGan, TensorBoard, TimingLog, Trainer,
    TrainingConfig,
};

use super::settings::OnNonFinite;
use super::workers::Crew;
use super::{Args, Given, Inputs, Plan, open, train_data};
use crate::bundled::People;
use crate::data::Opened;
use crate::failure::{Failure, interrupted, stop_at_ctrl_c, usage};
use crate::output::Output;
use crate::{quickstart, report};

/// How a run starts.
pub enum Start {
    /// From its settings.
    New {
        config: Box<TrainingConfig<StarGan>>,
        inputs: Inputs,
        data: Vec<Opened>,
        people: Option<People>,
    },
    /// From its folder; with other data where they are given.
    Resume(Given),
}

/// Trains in the run folder `out`, or as another machine leads.
pub fn train<B: AutodiffBackend>(args: &Args, out: &Path, start: Start) -> Result<(), Failure> {
    let crew = Crew::<B>::connect(&args.workers, args.backend)?;
    let (trainer, plan) = match start {
        Start::New { config, data, .. } if !crew.leads() => {
            let data = train_data(data);
            return crew.follow(Some(&config), &|_| Ok(data.clone()));
        }
        Start::New { config, inputs, data, people } => {
            let plan = Plan::open(inputs, data, &config.recipe.spaces, people, args)?;
            let trainer = Trainer::<B, StarGan>::new(out, *config, &crew.device())?;
            plan.inputs.absolute().write(trainer.folder())?;
            (trainer, plan)
        }
        Start::Resume(given) if !crew.leads() => {
            if given.data.is_empty() {
                return usage("give --data: what the run began with is known to machine 0 only");
            }
            return crew.follow(None, &|spaces| Ok(train_data(open(&given.data, Some(spaces))?)));
        }
        Start::Resume(given) => {
            let mut trainer = Trainer::<B, StarGan>::resume(out, &crew.device())?;
            change(&mut trainer, args)?;
            let inputs = resumed(args, given, out)?;
            let spaces = &trainer.config().recipe.spaces;
            let data = open(&inputs.data, Some(spaces))?;
            let plan = Plan::open(inputs, data, spaces, None, args)?;
            (trainer, plan)
        }
    };
    let data = plan.train.clone();
    crew.lead(trainer, &data, |trainer| run(plan, trainer))
}

/// Changes of a resumed run what may change.
fn change<B: AutodiffBackend>(
    trainer: &mut Trainer<B, StarGan>,
    args: &Args,
) -> Result<(), Failure> {
    if let Some(iterations) = args.settings.iterations {
        if iterations < trainer.iteration() {
            return usage(format!(
                "--iterations {iterations}: the run has done {} already",
                trainer.iteration()
            ));
        }
        trainer.set_iterations(iterations)?;
    }
    if let Some(rate) = args.settings.learning_rate {
        trainer.set_learning_rate(rate)?;
    }
    if let Some(OnNonFinite(policy)) = args.settings.on_non_finite {
        trainer.set_on_non_finite(policy)?;
    }
    if let Some(policy) = args.settings.on_unreadable {
        trainer.set_on_unreadable(policy);
    }
    Ok(())
}

/// What the run in `out` was started with, and what the command line changes of it.
fn resumed(args: &Args, given: Given, out: &Path) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::read(out)?.unwrap_or_else(|| Inputs {
        data: Vec::new(),
        tests: Vec::new(),
        pairs: Vec::new(),
        evaluate_every: 0,
        sample_every: super::SAMPLE_EVERY,
        tensorboard: false,
    });
    if !given.data.is_empty() {
        inputs.data = given.data;
    }
    if !args.test_data.is_empty() {
        (inputs.tests, inputs.pairs) = (args.test_data.clone(), Vec::new());
    }
    if !given.pairs.is_empty() {
        inputs.pairs = given.pairs;
    }
    inputs.evaluate_every = args.evaluate_every.unwrap_or(inputs.evaluate_every);
    inputs.sample_every = args.sample_every.unwrap_or(inputs.sample_every);
    inputs.tensorboard |= args.tensorboard;
    if inputs.data.is_empty() {
        return usage("the run does not say what its data were, give --data as when it began");
    }
    Ok(inputs)
}

/// Trains and writes, whoever else trains.
fn run<B: AutodiffBackend>(
    mut plan: Plan,
    mut trainer: Trainer<B, StarGan>,
) -> Result<(), Failure> {
    stop_at_ctrl_c(trainer.stop_flag())?;
    let run = trainer.folder().to_owned();
    if plan.people.is_some() {
        eprintln!("sample grids appear in {}", run.join("samples").display());
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
    if plan.inputs.tensorboard {
        observers.push(Box::new(TensorBoard::every(20)));
    }
    let outcome = trainer.run(&plan.train, &mut observers)?;
    drop(observers);
    let checkpoint = match outcome {
        Outcome::Finished { checkpoint } => checkpoint,
        Outcome::Stopped { checkpoint } => {
            report::write(&run);
            return Err(interrupted(&run, &checkpoint, plan.backend));
        }
    };
    if let Some(scores) = plan.log.as_ref().and_then(CounterfactualLog::measured) {
        if plan.people.is_some() {
            println!("Error against the true change, in brackets that of doing nothing:\n");
        }
        println!("{scores}\n");
    }
    let report = report::write(&run);
    if let Some((export, existing)) = &plan.export {
        let output = Output::new(export, *existing)?;
        trainer.translator().save(output.place(), Parts::All)?;
        output.finish()?;
        println!("model: {}", export.display());
    }
    if let Some(people) = &plan.people {
        return quickstart::pictures(&trainer.translator(), people, &run);
    }
    if let Some(report) = report {
        println!("report: {}", report.display());
    }
    println!("checkpoint: {}", checkpoint.display());
    Ok(())
}
