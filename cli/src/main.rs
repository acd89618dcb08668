//! `stargan`: train, translate, measure and show, from the command line.

// terminal.rs has what can't end a command.
#![deny(clippy::print_stdout, clippy::print_stderr)]
#![recursion_limit = "256"] // wgpu's types nest deeply

mod backend;
mod bundled;
mod check;
mod crop;
mod data;
mod demo;
mod evaluate;
mod export;
mod failure;
#[cfg(feature = "gpu")]
mod gpu;
mod import;
mod inspect;
mod model;
mod named;
mod output;
mod pace;
mod preview;
mod quickstart;
mod report;
mod signals;
mod study;
mod terminal;
mod train;
mod translate;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

// Training allocates and frees buffers of many megabytes at every step, which the system's
// allocator hands back to the kernel every time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// StarGAN: one generator that translates images between many domains.
///
/// Results are on standard output, all else is on standard error. Exit code: 0, 1 for a failure, 2
/// for a command line that makes no sense, 130 for a run that a signal, such as Ctrl-C, has
/// stopped.
#[derive(Parser)]
#[command(name = "stargan", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Quickstart(quickstart::Args),
    Check(check::Args),
    Train(train::TrainArgs),
    Translate(translate::Args),
    Evaluate(evaluate::Args),
    Report(report::Args),
    Demo(demo::Args),
    Import(import::Args),
    Export(export::Args),
    Inspect(inspect::Args),
    #[command(subcommand)]
    Study(study::Study),
}

fn main() -> ExitCode {
    let command = Cli::command()
        .mut_subcommand("quickstart", quickstart::describe)
        .mut_subcommand("train", train::describe);
    let parsed = command.try_get_matches().and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(other) => return failure::exit_of_parser(&other),
    };
    // Which flag belongs to which --data is told from where they stand.
    let (_, places) = matches.subcommand().expect("clap requires a command");
    failure::exit(match &cli.command {
        Command::Quickstart(args) => quickstart::run(args, places),
        Command::Check(args) => check::run(args, places),
        Command::Train(args) => train::run_chosen(args, places),
        Command::Translate(args) => translate::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Report(args) => report::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => export::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Study(study) => study::run(study),
    })
}
