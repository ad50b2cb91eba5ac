//! A table of unusual arrays: the meaning of their shapes, types, values and members.

use saddle::data::{Dataset, Options, Split, Wanted};
use saddle::error::Error;
use saddle::settings::{Layout, Range};

use crate::arrays::{f32s, npy, npy_with, npz};
use crate::{bytes, floats, open_file};

/// A short text for a set: count, shape and classes.
fn told(set: &Dataset) -> String {
    let shape: Vec<String> = set.shape.iter().map(usize::to_string).collect();
    let labels = set.labels.as_ref().map_or(String::new(), |labels| format!(": {}", labels.names.join(" ")));
    format!("{} of {}{labels}", set.len(), shape.join("x"))
}

/// Evenly spaced values from 0 to `most`.
fn ramp(shape: &[usize], most: f32) -> Vec<u8> {
    let count: usize = shape.iter().product();
    f32s(shape, &(0..count).map(|i| most * (i % 256) as f32 / 255.0).collect::<Vec<_>>())
}

fn u8s(shape: &[usize], value: impl Fn(usize) -> u8) -> Vec<u8> {
    npy("|u1", shape, &(0..shape.iter().product()).map(value).collect::<Vec<_>>())
}

fn single() -> Options {
    Options { wanted: Wanted::Single, ..Options::default() }
}

fn sequences() -> Options {
    Options { wanted: Wanted::Sequences, ..Options::default() }
}

/// The short text and the full text of a set, or `!` and the sentence of an error.
fn answer(name: &str, file: &[u8], options: &Options) -> [String; 2] {
    match open_file(name, file, options) {
        Ok(set) => [told(&set), set.to_string()],
        Err(error) => ["!".into(), error.to_string()],
    }
}

#[test]
fn odd_arrays_are_read_as_people_mean_them() {
    let layout = |layout| Options { layout: Some(layout), ..single() };
    let ranged = |range| Options { range: Some(range), ..single() };
    let stray = |value: f32| {
        f32s(&[4, 20, 20], &(0..1600).map(|i| if i == 7 { value } else { (i % 11) as f32 / 10.0 }).collect::<Vec<_>>())
    };
    let fortran = npy_with("{'descr': '|u1', 'fortran_order': True, 'shape': (1, 2, 3), }", &[0, 3, 1, 4, 2, 5]);
    let cases: Vec<(Vec<u8>, Options, &str, &[&str])> = vec![
        (ramp(&[5, 28, 28], 1.0), single(), "5 of 1x28x28", &["grey images of 28x28", "values 0..1"]),
        (ramp(&[5, 28, 28], 1.0), sequences(), "5 of 28x28", &["sequences of 28 steps"]),
        (ramp(&[5, 28, 28], 1.0), Options::default(), "5 of 28x28", &[]),
        (ramp(&[5, 28, 28], 1.0), layout(Layout::Images), "5 of 1x28x28", &[]),
        (ramp(&[5, 28, 28], 1.0), layout(Layout::Points), "!", &["layout=points", "images"]),
        (u8s(&[3, 9, 7], |i| i as u8), sequences(), "3 of 9x7", &["sequences of 9 steps"]),
        (u8s(&[3, 9, 7], |i| i as u8), single(), "3 of 1x9x7", &["values 0..255"]),
        (u8s(&[28, 28, 3], |i| i as u8), single(), "!", &["28 x 28 x 3", "one image", "layout=images"]),
        (u8s(&[28, 28, 3], |i| i as u8), layout(Layout::Images), "28 of 1x28x3", &[]),
        (u8s(&[2, 1, 3], |i| i as u8), single(), "2 of 1x1x3", &[]),
        (ramp(&[6, 3, 16, 16], 1.0), single(), "6 of 3x16x16", &["channels first", "RGB images of 16x16"]),
        (ramp(&[6, 16, 16, 3], 1.0), single(), "6 of 3x16x16", &["channels last"]),
        (ramp(&[6, 1, 8, 8], 1.0), single(), "6 of 1x8x8", &["channels first"]),
        (ramp(&[6, 3, 16, 3], 1.0), single(), "6 of 3x3x16", &["channels last"]),
        (ramp(&[6, 8, 8, 4], 1.0), single(), "6 of 4x8x8", &["channels last", "RGB images of 8x8, with alpha"]),
        (ramp(&[6, 2, 8, 9], 1.0), single(), "6 of 2x8x9", &["channels first", "grey images of 9x8, with alpha"]),
        (ramp(&[6, 13, 32, 24], 1.0), single(), "6 of 13x32x24", &["channels first", "images of 24x32, 13 channels"]),
        (ramp(&[6, 32, 24, 13], 1.0), single(), "6 of 13x32x24", &["channels last"]),
        (ramp(&[6, 13, 13, 32], 1.0), single(), "!", &["fewer channels C"]),
        (
            ramp(&[6, 32, 24, 13], 1.0),
            Options { channels: Some(3), ..single() },
            "!",
            &["has 13 channels, which cannot become 3"],
        ),
        (ramp(&[5, 8, 8], 255.0), single(), "5 of 1x8x8", &["values 0..255"]),
        (ramp(&[5, 8, 8], 65535.0), single(), "5 of 1x8x8", &["values 0..65535"]),
        (stray(-1e-6), single(), "4 of 1x20x20", &["values 0..1, as all but 1 of 1600"]),
        (stray(1.2), single(), "4 of 1x20x20", &["values 0..1, as all but 1 of 1600", "cut off"]),
        (stray(7.0), single(), "4 of 1x20x20", &["values 0..1, as all but 1 of 1600"]),
        (ramp(&[5, 8, 8], 4e5), single(), "!", &["from 0 to 400000", "range=data"]),
        (ramp(&[5, 8, 8], 4e5), ranged(Range::Data), "5 of 1x8x8", &["0..400000, the least and the greatest"]),
        (
            ramp(&[5, 8, 8], 2.0),
            ranged(Range::Unit),
            "5 of 1x8x8",
            &["0..1, as `range` says", "values lie beyond 0..1 and are cut off"],
        ),
        (u8s(&[5, 8, 8], |i| (i % 3) as u8), single(), "5 of 1x8x8", &["nearly black", "range=data"]),
        (
            npy("<u2", &[1, 8, 8], &(0..64u16).flat_map(|i| (i * 64).to_le_bytes()).collect::<Vec<_>>()),
            single(),
            "1 of 1x8x8",
            &["values 0..65535", "nearly black", "above 16 of 255"],
        ),
        (fortran, single(), "1 of 1x2x3", &[]),
        (f32s(&[2], &[0.0; 2]), single(), "!", &["points are [N, D]"]),
    ];
    for (file, options, expected, says) in cases {
        let [found, text] = answer("a.npy", &file, &options);
        assert_eq!(found, expected, "{text}");
        for words in says {
            assert!(text.contains(words), "{expected}: no `{words}` in `{text}`");
        }
    }
}

#[test]
fn zeros_and_ones_are_black_and_white_in_every_type() {
    let ones = |size: usize| (0..64).flat_map(|i| [vec![i % 2], vec![0; size - 1]].concat()).collect::<Vec<u8>>();
    let cases = [("|u1", 1), ("|b1", 1), ("|i1", 1), ("<i8", 8), ("<u2", 2), ("<i4", 4)];
    for (kind, size) in cases {
        let set = open_file("a.npy", npy(kind, &[1, 8, 8], &ones(size)), &single()).unwrap();
        assert_eq!(bytes(&set)[..4], [0, 255, 0, 255], "{kind}");
        assert!(set.to_string().contains("values 0..1, as there is nothing but 0 and 1"), "{set}");
    }
    for (kind, one) in
        [("<f2", vec![0, 0x3c]), ("<f4", 1f32.to_le_bytes().to_vec()), ("<f8", 1f64.to_le_bytes().to_vec())]
    {
        let data: Vec<u8> = (0..64).flat_map(|i| if i % 2 == 1 { one.clone() } else { vec![0; one.len()] }).collect();
        let set = open_file("a.npy", npy(kind, &[1, 8, 8], &data), &single()).unwrap();
        assert_eq!(bytes(&set)[..4], [0, 255, 0, 255], "{kind}");
    }
}

/// The sets of both parts of an npz file.
fn parts(members: &[(&str, Vec<u8>)]) -> [Result<Dataset, Error>; 2] {
    [Split::Train, Split::Test].map(|split| open_file("a.npz", npz(members), &Options { split, ..single() }))
}

#[test]
fn members_are_found_under_the_usual_names() {
    let (x, test) = (u8s(&[4, 8, 8], |i| i as u8), u8s(&[2, 8, 8], |i| i as u8));
    let (y, few) = (u8s(&[4, 1], |i| 3 + i as u8 % 2), u8s(&[2], |_| 4));
    let both = ["4 of 1x8x8: 3 4", "2 of 1x8x8: 3 4"];
    type Case<'a> = (&'a [(&'a str, &'a Vec<u8>)], [&'a str; 2], &'a [&'a str]);
    let cases: &[Case] = &[
        (&[("x", &x), ("label", &y)], ["4 of 1x8x8: 3 4", "!"], &["x with label"]),
        (&[("X", &x), ("Y", &y)], ["4 of 1x8x8: 3 4", "!"], &["X with Y"]),
        (&[("data", &x), ("target", &y)], ["4 of 1x8x8: 3 4", "!"], &[]),
        (&[("images", &x), ("Classes", &y)], ["4 of 1x8x8: 3 4", "!"], &[]),
        (&[("arr_0", &x)], ["4 of 1x8x8", "!"], &[]),
        (
            &[
                ("train_images", &x),
                ("train_labels", &y),
                ("val_images", &test),
                ("val_labels", &few),
                ("test_images", &test),
                ("test_labels", &few),
            ],
            both,
            &["train_images with train_labels, beside test_images", "members (2: val_images, val_labels)"],
        ),
        (&[("x_train", &x), ("y_train", &y), ("x_test", &test), ("y_test", &few)], both, &[]),
        (&[("X_train", &x), ("Y_train", &y), ("X_val", &test), ("Y_val", &few)], both, &["beside X_val"]),
        (&[("Xtrain", &x), ("ytrain", &y), ("Xtest", &test), ("ytest", &few)], both, &[]),
        (
            &[("x", &x), ("y", &y), ("weights", &few), ("ids", &y)],
            ["4 of 1x8x8: 3 4", "!"],
            &["members (2: weights, ids)"],
        ),
        (&[("a", &x), ("b", &x)], ["!", "!"], &["members: a, b"]),
    ];
    for (members, expected, says) in cases {
        let members: Vec<(&str, Vec<u8>)> = members.iter().map(|(name, file)| (*name, (*file).clone())).collect();
        let [train, test] = parts(&members);
        let text = train.as_ref().map_or_else(std::string::ToString::to_string, std::string::ToString::to_string);
        let found = [&train, &test].map(|set| set.as_ref().map_or("!".to_owned(), told));
        assert_eq!(found, *expected, "{text}");
        says.iter().for_each(|words| assert!(text.contains(words), "no `{words}` in `{text}`"));
    }
}

#[test]
fn the_test_part_takes_classes_levels_and_channels_from_the_training_part() {
    let (x, y) = (ramp(&[4, 8, 8], 1.0), u8s(&[4], |i| i as u8));
    let dark = f32s(&[3, 8, 8], &[1.0; 192]);
    let with =
        |y_test: Vec<u8>| parts(&[("x", x.clone()), ("y", y.clone()), ("x_test", dark.clone()), ("y_test", y_test)]);
    let [train, test] = parts(&[("x_train", f32s(&[1, 8, 8], &[-1.0; 64])), ("x_test", dark.clone())]);
    assert_eq!((bytes(&train.unwrap())[0], bytes(&test.unwrap())[0]), (0, 255));
    let [_, test] = parts(&[("x_train", ramp(&[9, 8, 8], 255.0)), ("x_test", dark.clone())]);
    let test = test.unwrap();
    assert!(bytes(&test)[0] == 1 && test.to_string().contains("0..255"), "{test}");
    let [train, test] = with(u8s(&[3], |i| 1 + i as u8));
    let labels = [train.unwrap(), test.unwrap()].map(|set| set.labels.unwrap());
    assert_eq!(labels[0].names, labels[1].names);
    assert_eq!(labels[1].ids, [1, 2, 3]);
    let test = with(u8s(&[3], |i| 3 + i as u8))[1].as_ref().unwrap().clone();
    assert_eq!((test.len(), test.labels.as_ref().unwrap().ids.as_slice()), (1, [3].as_slice()));
    assert!(test.to_string().contains("of classes that the part to learn from has not (2"), "{test}");
    let [_, test] = parts(&[("x_train", ramp(&[4, 8, 8], 1.0)), ("x_test", ramp(&[4, 8, 8, 3], 1.0))]);
    assert_eq!(told(&test.unwrap()), "4 of 1x8x8");
    let series = |split| {
        let members = [("x_train", f32s(&[2, 2, 1], &[0.0, 1.0, 2.0, 4.0])), ("x_test", f32s(&[1, 2, 1], &[1.0, 2.0]))];
        open_file("a.npz", npz(&members), &Options { split, ..sequences() }).unwrap()
    };
    assert_eq!(
        (floats(&series(Split::Train)), floats(&series(Split::Test))),
        ([0.0, 0.25, 0.5, 1.0].as_slice(), [0.25, 0.5].as_slice())
    );
    assert_eq!(series(Split::Train).series, series(Split::Test).series);
}

#[test]
fn labels_that_are_no_classes_are_left_and_said() {
    let x = u8s(&[2, 8, 8], |i| i as u8);
    let text = |labels: Vec<u8>| parts(&[("x", x.clone()), ("y", labels)])[0].as_ref().unwrap().to_string();
    assert!(text(f32s(&[2], &[0.5, 1.0])).contains("`y` of `"), "{}", text(f32s(&[2], &[0.5, 1.0])));
    for (labels, words) in [
        (f32s(&[2], &[0.5, 1.0]), "it holds 0.5, and a class is a whole number"),
        (u8s(&[2, 3], |_| 1), "its shape is [2 x 3]"),
        (npy("<U2", &[2], &[0; 16]), "values of type <U2"),
    ] {
        let text = text(labels);
        assert!(text.contains(words) && !text.contains("class:"), "{text}");
    }
    assert!(text(f32s(&[2], &[-1.0, 1.0])).contains("2 classes: -1 (1), 1 (1)"));
    assert!(text(f32s(&[2], &[f32::NAN, 1.0])).contains("1 class: 1 (1), 1 without a class"));
    let [_, test] = parts(&[("x_train", x.clone()), ("x_test", x.clone()), ("y_test", u8s(&[2], |_| 1))]);
    assert!(test.unwrap().to_string().contains("the part to learn from has no labels"));
}

#[test]
fn a_damaged_test_part_is_an_error() {
    let x = u8s(&[2, 8, 8], |i| i as u8);
    let [train, test] = parts(&[("x_train", x.clone()), ("x_test", x[..x.len() - 1].to_vec())]);
    assert!(train.is_ok());
    assert!(test.unwrap_err().to_string().contains("`x_test`"));
}

#[test]
fn a_test_part_of_another_kind_is_converted_or_refused() {
    let test = |train: Vec<u8>, test: Vec<u8>| {
        let [_, test] = parts(&[("x_train", train), ("x_test", test)]);
        test
    };
    let images = || u8s(&[20, 8, 8], |i| i as u8);
    let cases = [
        (images(), f32s(&[2, 64], &[1.0; 128]), "has points of 64 values, and member `x_train`"),
        (images(), u8s(&[5, 9, 8], |i| i as u8), "has images of 8x9, and"),
        (f32s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), f32s(&[1, 2], &[0.0; 2]), "has points of 2 values"),
        (images(), npy("<u2", &[1, 8, 8], &[9; 128]), "64 of 64 values lie beyond 0..255"),
    ];
    for (train, other, words) in cases {
        let error = test(train, other).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("`x_test`"), "{words}: {error}");
    }
    let set = test(images(), ramp(&[4, 8, 8], 1.0)).unwrap();
    assert_eq!((bytes(&set)[1], bytes(&set)[255]), (1, 255), "values of 0..1 beside bytes");
    assert!(set.to_string().contains("each is read by its own range"), "{set}");
    let set = test(u8s(&[5, 8, 8, 3], |i| i as u8), u8s(&[5, 3, 8, 8], |i| i as u8)).unwrap();
    assert_eq!(told(&set), "5 of 3x8x8");
}
