//! Times an LSTM's or GRU's forward and backward pass on the CPU runner: `cargo bench --bench recurrent [NAME..]`.

use std::time::{Duration, Instant};

use saddle::{
    cpu::Cpu,
    grad::grad,
    graph::{Graph, Reset},
    nn::{Cell, Mode, Net, Recurrence, Start},
    plan::plan,
    runner::Runner,
};

/// Name, cell, steps, examples, inputs, units.
const CASES: &[(&str, Cell, [usize; 4])] = &[
    ("lstm 24x128 6->64", Cell::Lstm, [24, 128, 6, 64]),
    ("lstm 100x64 6->256", Cell::Lstm, [100, 64, 6, 256]),
    ("lstm 24x128 6->3", Cell::Lstm, [24, 128, 6, 3]),
    ("lstm 24x128 24->24", Cell::Lstm, [24, 128, 24, 24]),
    ("gru 24x128 6->64", Cell::Gru(Reset::After), [24, 128, 6, 64]),
    ("gru 100x64 6->256", Cell::Gru(Reset::After), [100, 64, 6, 256]),
    ("tensorflow_gru 24x128 6->3", Cell::TensorFlowGru, [24, 128, 6, 3]),
];

fn main() -> saddle::error::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for &(name, cell, shape) in CASES {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            time(name, cell, shape)?;
        }
    }
    Ok(())
}

/// Gradients of the sum of squares of all states, with respect to the parameters.
fn time(name: &str, cell: Cell, [steps, batch, inputs, units]: [usize; 4]) -> saddle::error::Result<()> {
    let graph = Graph::new();
    let net = Net::new(&graph, "n", Start::Uniform, Mode::Train);
    let x = graph.input("x", &[steps, batch, inputs]);
    let y = net.recurrent(cell, "a", x, units, &Recurrence::default());
    let gradients = grad(y.square().mean_all(), &net.parameters());
    graph.output("gradient", graph.pack(net.params, &gradients));
    let program = plan(&graph, &Cpu::caps(), None)?;
    let mut cpu = Cpu::new();
    let id = cpu.load(&program)?;
    let noise = |n: usize| (0..n).map(|i| ((i as f32 * 0.618_034).fract() - 0.5) * 0.2).collect::<Vec<f32>>();
    cpu.write_state("n", 0, &noise(graph.groups()[net.params].len))?;
    cpu.write_input(id, "x", &noise(x.len()))?;
    cpu.run(id, 3)?;
    let (mut times, begun) = (vec![], Instant::now());
    while times.len() < 9 || (begun.elapsed() < Duration::from_millis(600) && times.len() < 1000) {
        let start = Instant::now();
        cpu.run(id, 1)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (median, min, launches) = (times[times.len() / 2], times[0], program.launches.len());
    println!("{name:28} median {median:8.3} ms  min {min:8.3} ms  {launches} launches");
    Ok(())
}
