//! Built-in sets that code draws, and requests that fit no set.

use saddle::data::{BUILT_IN, Options, Split, open};
use saddle::settings::Size;

use crate::{assert_usage, bytes, floats};

#[test]
fn wrong_requests_are_explained() {
    let with = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        options
    };
    assert_usage(open("digist", &Options::default()), &["`digist`", "did you mean `digits`?"]);
    assert_usage(open("/no/such/folder", &Options::default()), &["`/no/such/folder` does not exist"]);
    assert_usage(open("", &Options::default()), &["digits, shapes, ring, grid, sines, sines-rcgan"]);
    assert_usage(open("digits", &with(|o| o.size = Some(0.into()))), &["size 0", "1 to 16384"]);
    assert_usage(open("digits", &with(|o| o.size = Some(usize::MAX.into()))), &["1 to 16384"]);
    assert_usage(open("digits", &with(|o| o.channels = Some(5))), &["5 channels", "1 for grey, 2 for grey and alpha"]);
    assert_usage(open("digits", &with(|o| o.stack = 2)), &["stack of 2", "1 or 3"]);
    assert_usage(open("digits", &with(|o| (o.stack, o.channels) = (3, Some(1)))), &["stack of 3", "channel"]);
    assert_usage(open("ring", &with(|o| o.size = Some(28.into()))), &["`ring` holds drawn points"]);
    assert_usage(open("ring", &with(|o| o.window = Some(28))), &["`ring` holds drawn points", "window"]);
    assert_usage(open("digits", &with(|o| o.stride = Some(2))), &["`digits` holds drawn images", "stride"]);
    assert_usage(open("sines", &with(|o| o.size = Some(28.into()))), &["`sines` holds drawn sequences", "size"]);
    assert_usage(open("sines", &with(|o| o.stride = Some(2))), &["`sines` holds drawn sequences", "stride"]);
    for window in [0, 1, 65_537, usize::MAX] {
        let options = Options { window: Some(window), ..Options::default() };
        assert_usage(open("sines", &options), &[&format!("window of {window} is not possible"), "2 to 65536 steps"]);
    }
    assert_usage(open("x.csv", &with(|o| o.stride = Some(0))), &["stride of 0 is not possible"]);
}

#[test]
fn built_in_sets_are_balanced_and_follow_the_seed() {
    for (name, ..) in BUILT_IN {
        let opened = |seed, split| open(name, &Options { seed, split, ..Options::default() }).unwrap();
        let set = opened(1, Split::Train);
        assert_eq!(set.items, opened(1, Split::Train).items, "{name}");
        assert_ne!(set.items, opened(2, Split::Train).items, "{name}");
        let test = opened(1, Split::Test);
        assert!(test.len() < set.len());
        assert_ne!(test.example(0), set.example(0), "{name}");

        let Some(labels) = set.labels.as_ref() else {
            assert!(name.starts_with("sines"), "{name}");
            continue;
        };
        assert_eq!(labels.ids.len(), set.len());
        let fair = set.len() as f64 / set.classes() as f64;
        for class in 0..set.classes() as u32 {
            let count = labels.ids.iter().filter(|&&id| id == class).count() as f64;
            assert!((count - fair).abs() < 5.0 * fair.sqrt(), "{name}: class {class} has {count}");
        }
    }
}

#[test]
fn drawn_waves_obey_their_equations() {
    for (name, count, steps, features) in [("sines", 10_000, 24, 5), ("sines-rcgan", 14_000, 30, 1)] {
        let set = open(name, &Options::default()).unwrap();
        assert_eq!((set.shape.as_slice(), set.len()), ([steps, features].as_slice(), count));
        assert!(floats(&set).iter().all(|value| (0.0..=1.0).contains(value)), "{name}");
        let (mut least, mut greatest) = (f64::MAX, 0f64);
        for wave in (0..500).flat_map(|i| (0..features).map(move |feature| (i, feature))).map(|(i, feature)| {
            set.example(i)
                .into_iter()
                .skip(feature)
                .step_by(features)
                .map(|v| f64::from(2.0 * v - 1.0))
                .collect::<Vec<_>>()
        }) {
            // A sine obeys s(t-1) + s(t+1) = 2 cos(step) s(t), which gives the frequency where s is large enough.
            let at = (1..steps - 1).max_by(|&a, &b| wave[a].abs().total_cmp(&wave[b].abs())).unwrap();
            let twice_cos = (wave[at - 1] + wave[at + 1]) / wave[at];
            for t in 1..steps - 1 {
                let error = wave[t - 1] + wave[t + 1] - twice_cos * wave[t];
                assert!(error.abs() < 1e-5, "{name}: {error} at step {t}");
            }
            let step = (twice_cos / 2.0).clamp(-1.0, 1.0).acos();
            (least, greatest) = (least.min(step), greatest.max(step));
        }
        let turn = std::f64::consts::TAU / 30.0;
        let [low, high] = if name == "sines" { [0.0, 0.1] } else { [turn, 5.0 * turn] };
        let air = 0.05 * (high - low);
        assert!(
            (low - 1e-3..low + air).contains(&least) && (high - air..high + 1e-3).contains(&greatest),
            "{name}: {least}..{greatest}"
        );
    }
    let long = open("sines-rcgan", &Options { window: Some(7), split: Split::Test, ..Options::default() }).unwrap();
    assert_eq!((long.shape.as_slice(), long.len()), ([7, 1].as_slice(), 2_800));
    let csv = String::from_utf8(long.series.unwrap().to_csv(&[0.0, 0.5, 1.0], 7)).unwrap();
    assert_eq!(csv, "series,step,x0\n0,0,-1\n0,1,0\n0,2,1\n");
}

#[test]
fn drawn_images_come_in_any_size() {
    for (name, channels) in [("digits", 1), ("shapes", 3)] {
        for [width, height] in [[1, 1], [20, 20], [64, 64], [30, 20], [20, 30]] {
            let options = Options { size: Some(Size { width, height }), split: Split::Test, ..Options::default() };
            let set = open(name, &options).unwrap();
            assert_eq!((set.shape.as_slice(), set.len()), ([channels, height, width].as_slice(), 4000));
        }
        // What is drawn lies in the square in the middle, as it does in an image of that size.
        let drawn = |size| open(name, &Options { size: Some(size), ..Options::default() }).unwrap().example(7);
        let (square, wide) = (drawn(20.into()), drawn(Size { width: 30, height: 20 }));
        let middle = wide.chunks(30).flat_map(|row| &row[5..25]);
        assert!(square.iter().zip(middle).all(|(a, b)| (a - b).abs() < 0.02), "{name}");
    }
}

#[test]
fn drawn_digits_lie_like_those_of_mnist() {
    let set = open("digits", &Options { split: Split::Test, ..Options::default() }).unwrap();
    for (i, item) in bytes(&set).chunks(set.item_len()).enumerate() {
        let mass: f64 = item.iter().map(|&byte| f64::from(byte)).sum();
        let centre = |of: fn(usize) -> usize| {
            item.iter().enumerate().map(|(at, &byte)| (of(at) as f64 + 0.5) * f64::from(byte)).sum::<f64>() / mass
        };
        let (x, y) = (centre(|at| at % 28), centre(|at| at / 28));
        assert!((x - 14.0).abs() < 2.0 && (y - 14.0).abs() < 2.0, "digit {i} is centred at {x}, {y}");
        let share = mass / 255.0 / 784.0;
        assert!((0.015..0.45).contains(&share), "digit {i} covers {share}");
    }
}
