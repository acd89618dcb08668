//! Several processes, as MPI's launcher starts them.

use std::process::Command;

/// `mpirun`, on a machine that may have fewer cores than there are processes, and as root, as in
/// a container. `STARGAN_MPIRUN` is the one of another MPI, where the tests were built with that.
pub fn mpirun(processes: usize) -> Command {
    let program = std::env::var_os("STARGAN_MPIRUN").unwrap_or_else(|| "mpirun".into());
    let mut command = Command::new(program);
    command
        // All of these are Open MPI's; MPICH asks for nothing.
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .env("OMPI_MCA_rmaps_base_oversubscribe", "1")
        .env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        .env("OMPI_MCA_hwloc_base_binding_policy", "none")
        .args(["-n", &processes.to_string()]);
    command
}
