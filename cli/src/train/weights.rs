//! `--weights`, `--identity` and `--reconstruction-ramp`: how much each loss term counts.

use std::str::FromStr;

use stargan::{IdentityWarmup, ReconstructionRamp, StarGan};

/// `--identity WEIGHT:LAST_ITERATION` or `none`.
#[derive(Clone, Copy)]
pub struct Identity(pub Option<IdentityWarmup>);

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

/// `--reconstruction-ramp START:SHARE` or `none`.
#[derive(Clone, Copy)]
pub struct Ramp(pub Option<ReconstructionRamp>);

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
        parse().ok_or_else(|| "expected START:SHARE, such as 3:0.375, or none".to_owned())
    }
}

/// `--weights [NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY]`.
#[derive(Clone)]
pub struct Weights {
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
    pub fn set_all(flags: &[Self], recipe: &mut StarGan) {
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
