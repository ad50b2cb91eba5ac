//! Sets drawn by code, and requests that fit no set.

use saddle::data::{BUILT_IN, Options, Split, open};

use crate::{assert_usage, bytes};

#[test]
fn wrong_requests_are_explained() {
    let with = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        options
    };
    assert_usage(open("digist", &Options::default()), &["`digist`", "did you mean `digits`?"]);
    assert_usage(open("/no/such/folder", &Options::default()), &["`/no/such/folder` does not exist"]);
    assert_usage(open("", &Options::default()), &["digits, shapes, ring, grid"]);
    assert_usage(open("digits", &with(|o| o.size = Some(0))), &["size 0", "1 to 1024"]);
    assert_usage(open("digits", &with(|o| o.size = Some(usize::MAX))), &["1 to 1024"]);
    assert_usage(open("digits", &with(|o| o.channels = Some(2))), &["2 channels", "1 for grey or 3 for RGB"]);
    assert_usage(open("digits", &with(|o| o.stack = 2)), &["stack of 2", "1 or 3"]);
    assert_usage(open("digits", &with(|o| (o.stack, o.channels) = (3, Some(1)))), &["stack of 3", "channel"]);
    assert_usage(open("ring", &with(|o| o.size = Some(28))), &["`ring` holds points"]);
}

#[test]
fn built_in_sets_are_balanced_and_follow_the_seed() {
    for (name, _) in BUILT_IN {
        let opened = |seed, split| open(name, &Options { seed, split, ..Options::default() }).unwrap();
        let set = opened(1, Split::Train);
        assert_eq!(set.items, opened(1, Split::Train).items, "{name}");
        assert_ne!(set.items, opened(2, Split::Train).items, "{name}");
        let test = opened(1, Split::Test);
        assert!(test.len() < set.len());
        assert_ne!(test.example(0), set.example(0), "{name}");

        let labels = set.labels.as_ref().unwrap();
        assert_eq!(labels.ids.len(), set.len());
        let fair = set.len() as f64 / set.classes() as f64;
        for class in 0..set.classes() as u32 {
            let count = labels.ids.iter().filter(|&&id| id == class).count() as f64;
            assert!((count - fair).abs() < 5.0 * fair.sqrt(), "{name}: class {class} has {count}");
        }
    }
}

#[test]
fn drawn_images_come_in_any_size() {
    for (name, channels) in [("digits", 1), ("shapes", 3)] {
        for size in [1, 20, 64] {
            let options = Options { size: Some(size), split: Split::Test, ..Options::default() };
            let set = open(name, &options).unwrap();
            assert_eq!((set.shape.as_slice(), set.len()), ([channels, size, size].as_slice(), 4000));
        }
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
