//! Several workers of one run: the seam, and what carries their sums.

#[cfg(feature = "collective")]
pub(crate) mod devices;
pub(crate) mod follower;
pub(crate) mod introduction;
pub(crate) mod launcher;
#[cfg(feature = "mpi")]
pub(crate) mod mpi;
pub(crate) mod seam;
#[cfg(feature = "collective")]
pub(crate) mod worker;
