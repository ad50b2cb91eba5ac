//! Products of the CPU runner that are larger than those of its kernels' tests.

use saddle::{cpu::Cpu, graph::Graph, plan::plan, runner::Runner};

/// Sums of more terms than a task has rows: gradients of wide batches of long sequences.
#[test]
fn sums_of_many_terms() {
    let terms = (1 << 17) + 5;
    for (m, n) in [(3, 1), (65, 4), (8, 40)] {
        let graph = Graph::new();
        let (a, b) = (graph.input("a", &[terms, m]), graph.input("b", &[terms, n]));
        graph.output("turned", a.transpose().matmul(b));
        graph.output("plain", graph.input("c", &[m, terms]).matmul(b));
        let mut cpu = Cpu::new();
        let id = cpu.load(&plan(&graph, &Cpu::caps(), None).unwrap()).unwrap();
        // Each sum is of `terms` ones.
        for (name, len) in [("a", terms * m), ("b", terms * n), ("c", terms * m)] {
            cpu.write_input(id, name, &vec![1.0; len]).unwrap();
        }
        cpu.run(id, 1).unwrap();
        for name in ["turned", "plain"] {
            let found = cpu.read_output(id, name).unwrap();
            assert!(found.len() == m * n && found.iter().all(|x| *x == terms as f32), "{m} x {n}, {name}: {found:?}");
        }
    }
}
