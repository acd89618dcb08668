//! What the workers of one run must have in common before they begin.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::config::TrainingConfig;
use crate::engine::difference::{Difference, differences};
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};

/// The first thing that worker 0 says. The version comes first of all, whatever follows it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Introduction {
    version: String,
    /// Another one rounds otherwise, so that the weights would drift apart.
    backend: String,
    config: Value,
}

/// Settings that may differ from worker to worker.
const OWN: [&str; 1] = ["run.loader_threads"];

impl Introduction {
    /// What worker 0, which computes by `backend`, says of its run.
    pub(crate) fn write<R: Recipe>(config: &TrainingConfig<R>, backend: String) -> Vec<u8> {
        let introduction = Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backend,
            config: serde_json::to_value(config).expect("a configuration is JSON"),
        };
        serde_json::to_vec(&introduction).expect("JSON")
    }

    /// The configuration in an introduction, for a worker that computes by `own_backend` and has
    /// the configuration `expected`; `None` takes any.
    pub(crate) fn read<R: Recipe>(
        introduction: &[u8],
        own_backend: &str,
        expected: Option<&TrainingConfig<R>>,
    ) -> Result<TrainingConfig<R>> {
        let unreadable = |error: serde_json::Error| {
            Error::Workers(format!("worker 0 introduces itself in another way: {error}"))
        };
        let Introduction { version, backend, config } =
            serde_json::from_slice(introduction).map_err(unreadable)?;
        let own = env!("CARGO_PKG_VERSION");
        if version != own {
            return Err(Error::Workers(format!(
                "worker 0 runs version {version} of this crate, this worker {own}: use one program \
                 everywhere"
            )));
        }
        if backend != own_backend {
            return Err(Error::Workers(format!(
                "worker 0 computes by the backend {backend}, this worker by {own_backend}: use one \
                 everywhere"
            )));
        }
        if let Some(expected) = expected {
            let differences = differences(expected, &config);
            let counts = |difference: &&Difference| !OWN.contains(&difference.setting.as_str());
            if let Some(Difference { setting, from, to }) = differences.iter().find(counts) {
                return Err(Error::Workers(format!(
                    "the configurations differ: {setting} is {from} here and {to} at worker 0; \
                     start all workers with the same settings"
                )));
            }
        }
        let mut config: TrainingConfig<R> = serde_json::from_value(config).map_err(unreadable)?;
        if let Some(expected) = expected {
            config.run.loader_threads = expected.run.loader_threads;
        }
        Ok(config)
    }
}
