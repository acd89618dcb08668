//! What has started this process.

/// By these a launcher tells its processes how many they are: Open MPI's `mpirun`, MPICH's, and
/// Slurm's `srun`. The first of them knows best: `mpirun` may have been started by `srun`.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// As one of how many processes a launcher such as `mpirun` has started this one; 1 where there is
/// none. It is what the environment says: with the feature `mpi`, `MpiJob` joins them.
pub fn launched_processes() -> usize {
    SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse().ok()).unwrap_or(1)
}
