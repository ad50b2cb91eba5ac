//! Codes of one's own pictures, and their clusters: pictures that a model finds alike stand in one row.
//!
//! `saddle train vae --data photos/`, then
//! `cargo run --release --example 6_codes_of_pictures -- runs/vae-photos-001 [photos/ [CLUSTERS [FILE.png]]]`

use std::path::Path;

use saddle::{
    data::Split,
    error::{Error, Result},
    graph::numel,
    metrics::{Points, probes::clusters},
    report::{self, Grid},
    trained::Trained,
};

/// Pictures of a cluster that are shown.
const SHOWN: usize = 12;
/// Starts of k-means, of which the best is kept, and their seed.
const STARTS: usize = 10;
const SEED: u64 = 0;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or_else(|| Error::usage("name the folder of a run"))?;
    let pictures = arguments.get(1).map(String::as_str);
    let count = arguments.get(2).map_or(Ok(10), |text| text.parse());
    let count: usize = count.map_err(|_| Error::usage("the number of clusters is a whole number"))?;
    let file = arguments.get(3).map_or("clusters.png", String::as_str);

    let trained = Trained::open(folder)?;
    // Without a path these are the pictures that the model learned from.
    let data = trained.data_of(pictures, Split::Train)?.expect("a part to learn from");
    if data.shape.len() != 3 || !(1..=data.len()).contains(&count) {
        return Err(Error::usage(format!("`{}` does not hold pictures for {count} clusters", data.name)));
    }
    let codes = trained.encode(&data, None)?;
    println!("{} codes of {} values, {}; {} vary", codes.len(), codes.width(), codes.layer.about, codes.varying());

    let values: Vec<f64> = codes.values.iter().map(|&value| f64::from(value)).collect();
    let found = clusters(Points::new(&values, codes.width()), count, STARTS, SEED);
    let empty = vec![-1.0f32; numel(&data.shape)];
    let mut rows: Vec<f32> = vec![];
    for cluster in 0..count {
        let members: Vec<usize> = (0..data.len()).filter(|&i| found[i] == cluster).collect();
        let names: Vec<String> = members.iter().take(3).map(|&i| data.name_of(i)).collect();
        println!("cluster {cluster}: {} pictures, such as {}", members.len(), names.join(", "));
        let shown = members.iter().map(|&i| data.example(i)).chain(std::iter::repeat(empty.clone()));
        rows.extend(shown.take(SHOWN).flatten());
    }
    report::save_png(Path::new(file), &Grid::of(SHOWN).draw(&rows, &data.shape)?)?;
    println!("{file}");
    Ok(())
}
