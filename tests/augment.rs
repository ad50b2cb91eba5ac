//! Random changes of images before a discriminator: what they do to pixels, the probability of the adaptive ones, and
//! what refuses them. `tests/torch.rs` compares whole rounds, `tests/gradients.rs` checks gradients through them.

mod common;
mod training;

use saddle::{
    grad::grad,
    graph::Graph,
    kernels::Clock,
    models::{self, parts::augment::augmented},
    objective,
    reference::Reference,
    session,
    settings::{Layer, Settings},
};
use training::{Device, discs, settings};

const ROWS: usize = 64;

/// Images `[ROWS, ..shape]` of numbers between -1 and 1, none of them 0, and what becomes of them; p: the probability
/// of adaptive changes.
fn changed(augment: &str, [c, h, w]: [usize; 3], p: f64) -> (Vec<f64>, Vec<f64>) {
    let (g, s) = (Graph::new(), settings(&["variant=gan", &format!("augment={augment}")]));
    let x = g.input("x", &[ROWS, c, h, w]);
    let y = augmented(&s, x, 1);
    assert_eq!(x.shape(), y.shape());
    let mut rng = common::Rng(5);
    let pixels: Vec<f64> = (0..x.len()).map(|_| (rng.below(2000) as f64 + 0.5) / 1000.0 - 1.0).collect();
    let inputs = [("x".into(), pixels.clone())].into();
    let r = Reference { inputs, clock: Clock { step: 3, seed: 9 }, ..Default::default() };
    let mut r = Reference { states: [("augment".into(), vec![0.0; 128])].into(), ..r };
    r.states.get_mut("augment").unwrap()[0] = p;
    (pixels, r.value(y))
}

/// Pixel (i, j) of a channel of an image; 0 beyond its borders.
fn at(image: &[f64], [h, w]: [usize; 2], i: i64, j: i64) -> f64 {
    let inside = (0..h as i64).contains(&i) && (0..w as i64).contains(&j);
    if inside { image[i as usize * w + j as usize] } else { 0.0 }
}

#[test]
fn translation_moves_all_channels_by_whole_pixels() {
    let (c, [h, w]) = (3, [12, 16]);
    let (x, y) = changed("translation", [c, h, w], 0.0);
    let mut seen = std::collections::BTreeSet::new();
    for (x, y) in x.chunks(c * h * w).zip(y.chunks(c * h * w)) {
        // An eighth of 12 and of 16 pixels, rounded: 2 and 2.
        let moved = |down: i64, right: i64| {
            x.chunks(h * w).zip(y.chunks(h * w)).all(|(x, y)| {
                (0..h * w).all(|n| {
                    let (i, j) = ((n / w) as i64, (n % w) as i64);
                    y[n] == at(x, [h, w], i - down, j - right)
                })
            })
        };
        let shifts = (-2..=2).flat_map(|down| (-2..=2).map(move |right| (down, right)));
        seen.insert(shifts.into_iter().find(|&(down, right)| moved(down, right)).expect("one of the shifts"));
    }
    assert!(seen.len() > 15, "of 25 shifts, 64 images have only {}", seen.len());
}

#[test]
fn cutout_takes_a_rectangle_of_half_the_sides() {
    for [h, w] in [[12, 16], [9, 14]] {
        let (x, y) = changed("cutout", [1, h, w], 0.0);
        let mut whole = 0;
        for (x, y) in x.chunks(h * w).zip(y.chunks(h * w)) {
            let holes: Vec<[usize; 2]> = (0..h * w).filter(|&n| y[n] == 0.0).map(|n| [n / w, n % w]).collect();
            assert!((0..h * w).all(|n| y[n] == 0.0 || y[n] == x[n]));
            let sides = [0, 1].map(|axis| {
                let along = || holes.iter().map(|hole| hole[axis]);
                along().max().unwrap() - along().min().unwrap() + 1
            });
            assert_eq!(sides[0] * sides[1], holes.len(), "a rectangle");
            assert!(sides[0] <= h.div_ceil(2) && sides[1] <= w.div_ceil(2), "{sides:?}");
            whole += usize::from(sides == [h.div_ceil(2), w.div_ceil(2)]);
        }
        assert!(whole > 8, "only {whole} of 64 holes lie inside the image");
    }
}

#[test]
fn flips_are_exact_and_as_likely_as_not() {
    let (x, y) = changed("flip", [2, 8, 12], 0.0);
    let mirrored: Vec<f64> = x.chunks(12).flat_map(|row| row.iter().rev().copied()).collect();
    let each = x.chunks(192).zip(mirrored.chunks(192)).zip(y.chunks(192));
    let flips = each.map(|((x, mirrored), y)| {
        assert!(y == x || y == mirrored);
        usize::from(y == mirrored)
    });
    let flips: usize = flips.sum();
    assert!((20..=44).contains(&flips), "{flips} of 64");
}

#[test]
fn colours_change_and_transparency_does_not() {
    for channels in [1, 2, 3, 4] {
        let (len, size) = (64, 64 * channels);
        let (x, y) = changed("colour", [channels, 8, 8], 0.0);
        for (x, y) in x.chunks(size).zip(y.chunks(size)) {
            let colours = if channels.is_multiple_of(2) { channels - 1 } else { channels };
            assert_ne!(x[..colours * len], y[..colours * len]);
            assert_eq!(x[colours * len..], y[colours * len..], "alpha");
            if colours == 1 {
                // Grey: brightness and contrast alone, one line for all pixels.
                let slope = (y[1] - y[0]) / (x[1] - x[0]);
                assert!((0.5..=1.5).contains(&slope));
                assert!((0..len).all(|n| (y[n] - (y[0] + slope * (x[n] - x[0]))).abs() < 1e-9));
            }
        }
    }
}

#[test]
fn adaptive_changes_are_none_at_first_and_are_of_every_image_at_probability_1() {
    for shape in [[3, 12, 12], [1, 9, 9], [4, 8, 16]] {
        let size: usize = shape.iter().product();
        let (x, y) = changed("adaptive", shape, 0.0);
        assert!(x.iter().zip(&y).all(|(x, y)| (x - y).abs() < 1e-12), "{shape:?}");
        let (x, y) = changed("adaptive", shape, 1.0);
        for (x, y) in x.chunks(size).zip(y.chunks(size)) {
            assert!(x != y && y.iter().all(|y| y.is_finite()), "{shape:?}");
            // Weights of interpolation sum to 1 and colours change by moderate factors: 2^(4 deviations of 1.5), or so.
            assert!(y.iter().all(|y| y.abs() < 100.0), "{shape:?}");
        }
    }
}

#[test]
fn an_adaptive_round_does_not_depend_on_the_parts_of_a_batch() {
    let rows = |parts: &str| {
        let accumulate = format!("accumulate={parts}");
        let common = ["variant=gan", "batch=16", "hidden_g=8", "hidden_d=8", "augment=adaptive", "ada_target=0"];
        let s = settings(&[&common[..], &["ada_kimg=0.05", "lecam=1", &accumulate]].concat());
        let mut session = Device::Cpu.session(&s, &discs(12));
        let of = |name: &str| session.metrics().iter().position(|metric| metric == name).unwrap();
        let places = ["d_loss", "g_loss", "augment_p", "r_t"].map(of);
        let rows = session.train(6).unwrap();
        rows.iter().map(|row| places.map(|place| row[place])).collect::<Vec<_>>()
    };
    let (one, two) = (rows("1"), rows("2"));
    assert!(one.iter().any(|row| row[2] > 0.5), "changes happen: {one:?}");
    for (a, b) in one.iter().flatten().zip(two.iter().flatten()) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{one:?} and {two:?}");
    }
}

#[test]
fn lecam_pulls_back_what_lies_beyond_the_other_kind() {
    let g = Graph::new();
    let (real, fake) = (g.input("real", &[3, 1]), g.input("fake", &[3, 1]));
    let loss = objective::lecam([real, fake], [g.scalar(0.5), g.scalar(-0.5)]);
    let inputs = [("real".into(), vec![2.0, -1.0, 0.0]), ("fake".into(), vec![-2.5, 1.0, 0.0])].into();
    let r = Reference { inputs, ..Default::default() };
    assert!((r.value(loss)[0] - ((6.25 + 0.25) + (9.0 + 0.25)) / 3.0).abs() < 1e-12);
    let gradients = grad(loss, &[real, fake]).iter().flat_map(|g| r.value(*g)).collect::<Vec<_>>();
    let want = [5.0, 0.0, 1.0, -6.0, 0.0, -1.0].map(|v| v / 3.0);
    assert!(gradients.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{gradients:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let said = |assignments: &[&str], data: &saddle::data::Dataset| {
        let mut layer = Layer::default();
        assignments.iter().for_each(|a| layer.assign(a).unwrap());
        let s = Settings::resolve(&models::menu(), &[layer])?;
        models::variant(&s.variant)?.model(&s, &session::examples(data)).map(|_| ())
    };
    let (images, points) = (discs(16), saddle::data::Dataset { shape: vec![2], ..discs(16) });
    for (assignments, data, word) in [
        (&["variant=gan", "augment=colour"][..], &points, "changes images"),
        (&["variant=dcgan", "augment=rotation"], &images, "colour, flip, translation, cutout"),
        (&["variant=dcgan", "cr=1"], &images, "say which changes"),
        (&["variant=dcgan", "cr_fake=1", "augment=adaptive"], &images, "say which changes"),
        (&["variant=dcgan", "augment=adaptive", "ada_kimg=0"], &images, "`ada_kimg`"),
        (&["variant=dcgan", "dragan=1"], &images, "norm_d=none"),
        (&["variant=ae-gan", "fusion=boundary", "augment=flip"], &images, "fusion=trunk"),
        (&["variant=vae", "augment=flip"], &images, "no option of vae"),
    ] {
        let error = said(assignments, data).unwrap_err().to_string();
        assert!(error.contains(word) && error.lines().count() == 1, "{assignments:?}: {error}");
    }
    for variant in ["gan", "dcgan", "vae-gan", "ae-gan"] {
        for augment in ["augment=color,cutout", "augment=adaptive"] {
            said(&[&format!("variant={variant}"), augment], &images).unwrap_or_else(|e| panic!("{variant}: {e}"));
        }
    }
}
