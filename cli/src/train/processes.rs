//! The processes of a run, which `mpirun` or a scheduler has started.

use crate::failure::Failure;

pub use job::Processes;

#[cfg(feature = "mpi")]
mod job {
    use stargan::engine::{MpiJob, MpiLink, launched_processes};

    use super::*;
    use crate::{failure, terminal};

    /// The processes of the run; none where it has one.
    pub struct Processes(Option<MpiJob>);

    impl Processes {
        /// Joins those that have been started with this one. The first says what is to be said.
        pub fn join() -> Result<Self, Failure> {
            if launched_processes() == 1 {
                return Ok(Self(None));
            }
            let job = MpiJob::join()?;
            if job.rank() > 0 {
                terminal::leave_it_to_the_first(job.rank());
            }
            Ok(Self(Some(job)))
        }

        /// How many there are.
        pub fn count(&self) -> usize {
            self.0.as_ref().map_or(1, MpiJob::processes)
        }

        /// The number of this one among those of its machine.
        pub fn on_this_machine(&self) -> usize {
            self.0.as_ref().map_or(0, MpiJob::rank_on_machine)
        }

        /// What connects this one with the others.
        pub fn link(&self) -> Option<MpiLink> {
            self.0.as_ref().map(MpiJob::link)
        }

        /// Says how the run has ended, and ends the others where it has failed.
        pub fn end(self, ended: Result<(), Failure>) -> Result<(), Failure> {
            let Some(job) = self.0 else { return ended };
            let whole = matches!(ended, Ok(()) | Err(Failure::Interrupted(_)));
            // Before the end of the job, which is that of this process too where it has failed.
            let code = failure::exit(ended);
            if whole {
                job.finish()?;
            }
            Err(Failure::Said(code))
        }
    }
}

#[cfg(not(feature = "mpi"))]
mod job {
    use stargan::engine::launched_processes;

    use super::*;
    use crate::failure::usage;

    /// There is one process.
    pub struct Processes;

    impl Processes {
        pub fn join() -> Result<Self, Failure> {
            match launched_processes() {
                1 => Ok(Self),
                // Each of them would train the same.
                several => usage(format!(
                    "this is one of {several} processes that were started together, and MPI is not \
                     compiled in: in a clone, cargo build --release --features mpi"
                )),
            }
        }

        pub fn count(&self) -> usize {
            1
        }

        #[cfg(feature = "collective")]
        pub fn on_this_machine(&self) -> usize {
            0
        }

        pub fn end(self, ended: Result<(), Failure>) -> Result<(), Failure> {
            ended
        }
    }
}
