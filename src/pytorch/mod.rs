//! Weights that travel to and from the public PyTorch code.
//!
//! The networks are its networks to the parameter, so that its checkpoints (`200000-G.ckpt`, `200000-D.ckpt`) can be
//! used here and models of this crate there. `docs/interop.md` has both ways step by step.

mod infer;
mod keys;
mod model;
mod state_dict;

#[cfg(test)]
pub(crate) use keys::{Key, discriminator_keys, export, generator_keys, import};
pub use model::PublicModel;
