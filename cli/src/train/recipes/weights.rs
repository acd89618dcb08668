//! The flags that say how much each loss term counts.

use std::str::FromStr;

use clap::Args;
use stargan::{IdentityWarmup, LossWeights, ReconstructionRamp, StarGan};

/// The heading of these flags in the help.
pub const LOSSES: &str = "Losses";

/// The weights of the loss terms.
#[derive(Args)]
pub struct WeightsArgs {
    /// Identity warm-up: its weight and the last iteration that has it, or "none"
    #[arg(long, value_name = "WEIGHT:LAST_ITERATION|none", help_heading = LOSSES)]
    identity: Option<Identity>,
    /// The weights of the loss terms beside the adversarial one, of all datasets or of the one of
    /// that name: domain, reconstruction (what --reconstruction-ramp ends with), penalty and, if it
    /// changes, identity warm-up; may be repeated
    #[arg(
        long,
        value_name = "[NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY]",
        help_heading = LOSSES
    )]
    weights: Vec<Weights>,
    /// The share of the domain weight with which D's domain head also learns to read translations
    /// as what they were before, so that a pattern which only pleases it is found out; 0 is the
    /// paper's
    #[arg(long, value_name = "F", help_heading = LOSSES)]
    fake_domain: Option<f64>,
    /// Begin with the share START of the reconstruction weight of --weights, and take it evenly to
    /// the whole from the share FROM of the run on, or "none": edits are whole before all else is
    /// kept
    #[arg(long, value_name = "START:FROM|none", help_heading = LOSSES)]
    reconstruction_ramp: Option<Ramp>,
}

impl WeightsArgs {
    /// The flags, by their names, that would make these weights.
    pub fn defaults(weights: &LossWeights) -> [(&'static str, String); 4] {
        let LossWeights { domain, reconstruction, penalty, .. } = weights;
        let ramp = weights.reconstruction_ramp;
        let ramp = ramp.map_or("none".to_owned(), |ramp| format!("{}:{}", ramp.start, ramp.from));
        let warmup = weights.identity;
        let (identity, last) =
            warmup.map_or((0.0, 0), |warmup| (warmup.weight, warmup.last_iteration));
        [
            ("identity", format!("{identity}:{last}")),
            ("weights", format!("{domain}:{reconstruction}:{penalty}:{identity}")),
            ("fake_domain", weights.fake_domain.to_string()),
            ("reconstruction_ramp", ramp),
        ]
    }

    /// Changes the weights that flags were given for.
    pub fn change(&self, mut recipe: StarGan) -> StarGan {
        if let Some(Identity(identity)) = self.identity {
            recipe = recipe.with_identity(identity);
        }
        if let Some(share) = self.fake_domain {
            recipe = recipe.with_fake_domain(share);
        }
        if let Some(Ramp(ramp)) = self.reconstruction_ramp {
            recipe = recipe.with_reconstruction_ramp(ramp);
        }
        Weights::set_all(&self.weights, &mut recipe);
        recipe
    }
}

/// `--identity WEIGHT:LAST_ITERATION` or `none`.
#[derive(Clone, Copy)]
struct Identity(Option<IdentityWarmup>);

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let parse = || {
            let (weight, last) = text.split_once(':')?;
            let (weight, last_iteration) = (weight.parse().ok()?, last.parse().ok()?);
            Some(Self(Some(IdentityWarmup { weight, last_iteration })))
        };
        parse().ok_or_else(|| "expected WEIGHT:LAST_ITERATION, such as 10:500, or none".to_owned())
    }
}

/// `--reconstruction-ramp START:FROM` or `none`.
#[derive(Clone, Copy)]
struct Ramp(Option<ReconstructionRamp>);

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let parse = || {
            let (start, from) = text.split_once(':')?;
            let (start, from) = (start.parse().ok()?, from.parse().ok()?);
            Some(Self(Some(ReconstructionRamp { start, from })))
        };
        parse().ok_or_else(|| "expected START:FROM, such as 0.15:0.375, or none".to_owned())
    }
}

/// `--weights [NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY]`.
#[derive(Clone)]
struct Weights {
    /// The dataset; none for all.
    name: Option<String>,
    domain: f64,
    reconstruction: f64,
    penalty: f64,
    identity: Option<f64>,
}

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weights) = match text.split_once('=') {
            Some((name, weights)) => (Some(name.to_owned()), weights),
            None => (None, text),
        };
        let weights: Option<Vec<f64>> = weights.split(':').map(|text| text.parse().ok()).collect();
        let (domain, reconstruction, penalty, identity) = match weights.as_deref() {
            Some(&[domain, reconstruction, penalty]) => (domain, reconstruction, penalty, None),
            Some(&[domain, reconstruction, penalty, identity]) => {
                (domain, reconstruction, penalty, Some(identity))
            }
            _ => {
                return Err(
                    "expected [NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY], such as 1:10:10 or \
                            faces=2:10:10:5"
                        .to_owned(),
                );
            }
        };
        Ok(Self { name, domain, reconstruction, penalty, identity })
    }
}

impl Weights {
    /// Sets all of `flags` in `recipe`: first those of all datasets, which then have no others.
    fn set_all(flags: &[Self], recipe: &mut StarGan) {
        let (named, all): (Vec<_>, Vec<_>) = flags.iter().partition(|flag| flag.name.is_some());
        if !all.is_empty() {
            recipe.dataset_weights.clear();
        }
        all.iter().chain(&named).for_each(|flag| flag.set(recipe));
    }

    /// Sets them in `recipe`; an identity warm-up's weight is the one there where none is given.
    fn set(&self, recipe: &mut StarGan) {
        let common = recipe.weights.clone();
        let weights = match &self.name {
            None => &mut recipe.weights,
            Some(name) => recipe.dataset_weights.entry(name.clone()).or_insert(common),
        };
        weights.domain = self.domain;
        weights.reconstruction = self.reconstruction;
        weights.penalty = self.penalty;
        if let Some(weight) = self.identity {
            let warmup = weights.identity.unwrap_or_default();
            weights.identity = (weight != 0.0).then_some(IdentityWarmup { weight, ..warmup });
        }
    }
}
