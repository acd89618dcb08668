//! Several workers of one run: the seam, how they come together, and what carries their sums.

#[cfg(feature = "collective")]
pub(crate) mod devices;
pub(crate) mod follower;
pub(crate) mod introduction;
#[cfg(feature = "collective")]
pub mod net;
#[cfg(feature = "collective")]
pub(crate) mod rendezvous;
#[cfg(feature = "collective")]
pub(crate) mod ring;
pub(crate) mod seam;
#[cfg(feature = "collective")]
pub(crate) mod worker;
