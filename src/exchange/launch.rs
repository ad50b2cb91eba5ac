//! What started this process, and with how many others: launchers of MPI say it in the environment.

use std::env;

/// Processes that were started together.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The number of this one.
    pub rank: usize,
    /// How many there are.
    pub ranks: usize,
    /// Its number among those of this machine.
    pub local_rank: usize,
    /// How many of them are on this machine.
    pub local_ranks: usize,
    /// Whether Open MPI has started them.
    pub(super) is_open: bool,
    /// The library that the user names.
    named: Option<String>,
}

/// Names of libraries: Open MPI 2 to 5; MPICH and its kin; the MPI-5 standard; whatever is there.
const OPEN: [&str; 1] = ["libmpi.so.40"];
const MPICH: [&str; 1] = ["libmpi.so.12"];
const OTHERS: [&str; 4] = ["libmpi_abi.so.1", "libmpi_abi.so.0", "libmpi.so", "libmpi.dylib"];

impl Launch {
    /// How this process was started; none if it is alone.
    pub fn here() -> Option<Self> {
        Self::of(&|name| env::var(name).ok())
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |names: &[&str]| names.iter().find_map(|name| variable(name)?.parse::<usize>().ok());
        let open = number(&["OMPI_COMM_WORLD_SIZE"]);
        // `srun --mpi=pmix` names the rank only.
        let slurm = || variable("PMIX_RANK").and_then(|_| number(&["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"]));
        let ranks = open.or_else(|| number(&["PMI_SIZE"])).or_else(slurm).filter(|ranks| *ranks > 1)?;
        let tasks = || {
            // "2(x3),1": of each machine.
            let tasks = variable("SLURM_STEP_TASKS_PER_NODE")?;
            tasks.split(['(', ',']).next()?.parse().ok()
        };
        Some(Self {
            rank: number(&["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"])?,
            ranks,
            local_rank: number(&["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"]).unwrap_or(0),
            local_ranks: number(&["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"]).or_else(tasks).unwrap_or(1).max(1),
            is_open: open.is_some(),
            named: variable("SADDLE_MPI").filter(|name| !name.is_empty()),
        })
    }

    /// Names of libraries of MPI, in the order in which they are tried.
    pub fn libraries(&self) -> Vec<String> {
        match (&self.named, self.is_open) {
            (Some(name), _) => vec![name.clone()],
            (None, true) => [&OPEN[..], &OTHERS, &MPICH].concat().into_iter().map(String::from).collect(),
            (None, false) => [&MPICH[..], &OTHERS, &OPEN].concat().into_iter().map(String::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(variables: &[(&str, &str)]) -> Option<Launch> {
        let find = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
        Launch::of(&find)
    }

    #[test]
    fn launchers_are_known_by_their_variables() {
        let open = [
            ("OMPI_COMM_WORLD_SIZE", "4"),
            ("OMPI_COMM_WORLD_RANK", "3"),
            ("OMPI_COMM_WORLD_LOCAL_RANK", "1"),
            ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
        ];
        let found = launch(&open).unwrap();
        assert_eq!((found.ranks, found.rank, found.local_rank, found.local_ranks), (4, 3, 1, 2));
        assert_eq!(found.libraries()[0], "libmpi.so.40");
        let mpich = [("PMI_SIZE", "2"), ("PMI_RANK", "1"), ("MPI_LOCALRANKID", "1"), ("MPI_LOCALNRANKS", "2")];
        let found = launch(&mpich).unwrap();
        assert_eq!((found.ranks, found.rank, found.local_rank, found.local_ranks), (2, 1, 1, 2));
        assert_eq!(found.libraries()[0], "libmpi.so.12");
        let slurm = [
            ("PMIX_RANK", "5"),
            ("SLURM_NTASKS", "8"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_STEP_TASKS_PER_NODE", "4(x2)"),
            ("SADDLE_MPI", "/opt/libmpi.so"),
        ];
        let found = launch(&slurm).unwrap();
        assert_eq!((found.ranks, found.rank, found.local_rank, found.local_ranks), (8, 5, 1, 4));
        assert_eq!(found.libraries(), ["/opt/libmpi.so"]);
    }

    #[test]
    fn one_process_is_alone() {
        assert_eq!(launch(&[]), None);
        assert_eq!(launch(&[("OMPI_COMM_WORLD_SIZE", "1"), ("OMPI_COMM_WORLD_RANK", "0")]), None);
        // A batch script of Slurm, which runs once.
        assert_eq!(launch(&[("SLURM_NTASKS", "8"), ("SLURM_PROCID", "0")]), None);
    }
}
