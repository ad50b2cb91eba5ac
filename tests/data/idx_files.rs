//! IDX files, plain and gzipped.

use std::collections::BTreeSet;
use std::path::PathBuf;

use saddle::data::{Dataset, Options, Split};

use crate::{assert_failure, bytes, folder_of, gzip, open_at};

fn idx(magic: u32, dims: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = magic.to_be_bytes().to_vec();
    file.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    file.extend(bytes);
    file
}

/// Two images of 2 x 3 with pixels 0 to 11.
fn two_images() -> Vec<u8> {
    idx(0x803, &[2, 2, 3], &(0..12).collect::<Vec<u8>>())
}

#[test]
fn idx_reads_the_same_plain_and_gzipped() {
    let (images, labels) = (two_images(), idx(0x801, &[2], &[1, 0]));
    let plain = folder_of(&[("train-images-idx3-ubyte", &images), ("train-labels-idx1-ubyte", &labels)]);
    let dotted = folder_of(&[("train-images.idx3-ubyte", &images), ("train-labels.idx1-ubyte", &labels)]);
    let zipped = folder_of(&[
        ("emnist-letters-train-images-idx3-ubyte.gz", &gzip(&images)),
        ("emnist-letters-train-labels-idx1-ubyte.gz", &gzip(&labels)),
    ]);
    for folder in [&plain, &dotted, &zipped] {
        let set = open_at(folder.path(), &Options::default()).unwrap();
        assert_eq!((set.shape.as_slice(), set.len(), set.item_len()), ([1, 2, 3].as_slice(), 2, 6));
        assert_eq!(bytes(&set), (0..12).collect::<Vec<u8>>());
        assert_eq!(set.labels.as_ref().unwrap().ids, [1, 0]);
        assert_eq!(set.classes(), 2);
        assert_eq!(set.example(1)[5], 11.0 / 127.5 - 1.0);
    }
    let file = open_at(&plain.path().join("train-images-idx3-ubyte"), &Options::default()).unwrap();
    assert_eq!(file.labels.unwrap().ids, [1, 0]);
}

#[test]
fn idx_splits_are_told_apart_by_name() {
    let test = idx(0x803, &[1, 1, 1], &[7]);
    let options = Options { split: Split::Test, ..Options::default() };
    for name in ["t10k-images-idx3-ubyte", "test-images.idx3-ubyte"] {
        let train_name = name.replace("t10k", "train").replace("test", "train");
        let folder = folder_of(&[(&train_name, &two_images()), (name, &test)]);
        assert_eq!(bytes(&open_at(folder.path(), &options).unwrap()), [7]);
        assert_eq!(bytes(&open_at(&folder.path().join(&train_name), &options).unwrap()), [7]);
        assert_eq!(open_at(folder.path(), &Options::default()).unwrap().len(), 2);
    }
    let alone = folder_of(&[("train-images-idx3-ubyte", &two_images())]);
    assert_failure(open_at(alone.path(), &options), &["no part to test with"]);
    let file = alone.path().join("train-images-idx3-ubyte");
    assert_failure(open_at(&file, &options), &["no part to test with"]);
    let several =
        folder_of(&[("a-train-images-idx3-ubyte", &two_images()), ("b-train-images-idx3-ubyte", &two_images())]);
    assert_failure(open_at(several.path(), &Options::default()), &["2 IDX files", "a-train-images-idx3-ubyte, b-"]);
}

#[test]
fn broken_idx_files_are_explained() {
    let good = two_images();
    let cases: [(&str, Vec<u8>, &[&str]); 9] = [
        ("images-idx3-ubyte", vec![], &["is empty", "0x00000803"]),
        ("images-idx3-ubyte", vec![0, 0], &["cut short", "2 of the 16 bytes"]),
        ("images-idx3-ubyte", good[..9].to_vec(), &["cut short", "9 of the 16 bytes"]),
        ("images-idx3-ubyte", idx(0x802, &[2, 2, 3], &[0; 12]), &["0x00000802", "0x00000803"]),
        ("images-idx3-ubyte", good[..20].to_vec(), &["2 x 2 x 3 = 12 bytes", "but 4 follow"]),
        ("images-idx3-ubyte", [good.as_slice(), &[0]].concat(), &["2 x 2 x 3 = 12 bytes", "follow"]),
        ("images-idx3-ubyte", idx(0x803, &[u32::MAX; 3], &[0; 5]), &["4294967295 x 4294967295", "but 5 follow"]),
        ("images-idx3-ubyte", idx(0x803, &[2, 0, 3], &[]), &["no pixels", "2 x 0 x 3"]),
        ("images-idx3-ubyte", idx(0x803, &[0, 28, 28], &[]), &["no pixels", "0 x 28 x 28"]),
    ];
    for (name, content, parts) in cases {
        let folder = folder_of(&[(name, &content)]);
        assert_failure(open_at(folder.path(), &Options::default()), &[parts, &[name]].concat());
        let folder = folder_of(&[(name, &gzip(&content))]);
        if !content.is_empty() {
            assert_failure(open_at(folder.path(), &Options::default()), &[parts, &[name]].concat());
        }
    }
}

#[test]
fn surplus_bytes_are_counted_where_they_can_be() {
    let name = "train-images-idx3-ubyte";
    let long = [two_images().as_slice(), &[0; 5]].concat();
    let plain = folder_of(&[(name, &long)]);
    assert_failure(open_at(plain.path(), &Options::default()), &["but 17 follow"]);
    let zipped = folder_of(&[(name, &gzip(&long))]);
    assert_failure(open_at(zipped.path(), &Options::default()), &["but more follow"]);
}

#[test]
fn broken_gzip_is_explained() {
    let name = "train-images-idx3-ubyte.gz";
    let not_zipped = folder_of(&[(name, &two_images())]);
    assert_failure(open_at(not_zipped.path(), &Options::default()), &[name, "not gzipped", "0x1f8b"]);

    let many: Vec<u8> = (0..40_000u32).map(|i| ((i * i) >> 7) as u8).collect();
    let mut zipped = gzip(&idx(0x803, &[100, 20, 20], &many));
    let cut = folder_of(&[(name, &zipped[..zipped.len() / 2])]);
    assert_failure(open_at(cut.path(), &Options::default()), &[name, "100 x 20 x 20 = 40000 bytes"]);

    let checksum = zipped.len() - 8;
    zipped[checksum] ^= 1;
    let damaged = folder_of(&[(name, &zipped)]);
    assert_failure(open_at(damaged.path(), &Options::default()), &[name, "damaged after 40000 bytes"]);
}

#[test]
fn labels_must_match_the_images() {
    let name = "train-labels-idx1-ubyte";
    let cases: [(Vec<u8>, &[&str]); 3] = [
        (idx(0x801, &[3], &[0; 3]), &["3 labels", "2 images"]),
        (idx(0x803, &[2], &[0; 2]), &["0x00000803", "IDX file of labels", "0x00000801"]),
        (idx(0x801, &[2], &[0; 1]), &["holds 2 bytes of labels", "1 follow"]),
    ];
    for (labels, parts) in cases {
        let folder = folder_of(&[("train-images-idx3-ubyte", &two_images()), (name, &labels)]);
        assert_failure(open_at(folder.path(), &Options::default()), &[parts, &[name]].concat());
    }
}

#[test]
fn idx_images_are_padded_a_little_and_resampled_beyond() {
    let folder = folder_of(&[("train-images-idx3-ubyte", &idx(0x803, &[1, 2, 2], &[9, 9, 9, 80]))]);
    let sized =
        |size: usize| open_at(folder.path(), &Options { size: Some(size.into()), ..Options::default() }).unwrap();
    let padded = sized(4);
    assert_eq!(bytes(&padded), [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 80, 9, 9, 9, 9, 9]);
    let large = sized(16);
    assert_eq!(large.shape, [1, 16, 16]);
    assert!(bytes(&large)[255] > 60 && bytes(&large)[0] < 20);
    let rgb = open_at(folder.path(), &Options { channels: Some(3), ..Options::default() }).unwrap();
    assert_eq!((rgb.shape.as_slice(), bytes(&rgb)), ([3, 2, 2].as_slice(), [9, 9, 9, 80].repeat(3).as_slice()));
}

#[test]
fn stacked_sets_draw_three_items_for_each_example() {
    let values: Vec<u8> = (0..200).collect();
    let folder = folder_of(&[("train-images-idx3-ubyte", &idx(0x803, &[200, 1, 1], &values))]);
    let set = open_at(folder.path(), &Options { stack: 3, ..Options::default() }).unwrap();
    assert_eq!((set.shape.as_slice(), set.item_len(), set.len()), ([3, 1, 1].as_slice(), 1, 200));
    let members: Vec<_> = (0..200).flat_map(|i| set.members(i)).collect();
    assert!(members.iter().all(|&member| member < 200));
    let distinct = members.iter().collect::<BTreeSet<_>>().len();
    assert!(distinct > 170, "600 draws of 200 find about 190, not {distinct}");
    let expected: Vec<f32> = set.members(5).iter().map(|&member| member as f32 / 127.5 - 1.0).collect();
    assert_eq!(set.example(5), expected);
}

#[test]
fn mnist_opens_where_it_is_present() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !folder.is_dir() {
        println!("skipped: there is no MNIST in {}", folder.display());
        return;
    }
    for (split, count, ones) in [(Split::Train, 60_000, 6742), (Split::Test, 10_000, 1135)] {
        let set = open_at(&folder, &Options { split, ..Options::default() }).unwrap();
        assert_eq!((set.shape.as_slice(), set.len(), set.classes()), ([1, 28, 28].as_slice(), count, 10));
        let ids = &set.labels.as_ref().unwrap().ids;
        assert_eq!(ids.iter().filter(|&&id| id == 1).count(), ones);
    }
    let large = open_at(&folder, &Options { size: Some(32.into()), split: Split::Test, ..Options::default() }).unwrap();
    let small = open_at(&folder, &Options { split: Split::Test, ..Options::default() }).unwrap();
    let sum = |set: &Dataset| bytes(set).iter().map(|&byte| u64::from(byte)).sum::<u64>();
    assert_eq!((large.shape.as_slice(), sum(&large)), ([1, 32, 32].as_slice(), sum(&small)));
}
