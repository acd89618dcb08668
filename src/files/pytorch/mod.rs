//! Weights that travel to and from the public PyTorch code.
//!
//! The networks are its networks to the parameter, so that its checkpoints (`200000-G.ckpt`,
//! `200000-D.ckpt`; StarGAN v2's `100000_nets_ema.ckpt`) can be used here and models of this crate
//! there. `docs/interop.md` has both ways step by step.

pub(crate) mod infer;
pub(crate) mod keys;
pub(crate) mod model;
pub(crate) mod read;
mod safetensors;
pub(crate) mod state_dict;
mod style_infer;
pub(crate) mod style_keys;
pub(crate) mod style_model;
