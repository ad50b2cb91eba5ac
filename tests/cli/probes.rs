//! Probes of codes in `saddle eval`, and `saddle classify`.

use saddle::{
    codes::Known,
    data::{self, Items, Options, Split},
    trained::Trained,
};
use serde_json::Value;

use super::{Place, refused};

/// A place with 400 drawn digits to learn from, 100 held-out ones, and a `vae` of them.
fn place() -> Place {
    let place = Place::new();
    let digits = data::open("digits", &Options::default()).unwrap();
    let (Items::Bytes(pixels), Some(labels)) = (&digits.items, &digits.labels) else { panic!("labelled bytes") };
    let write = |part: &str, from: usize, count: usize| {
        let file = |magic: u32, dims: &[u32], bytes: &[u8]| {
            let header = [&[magic, count as u32], dims].concat();
            [header.into_iter().flat_map(u32::to_be_bytes).collect(), bytes.to_vec()].concat()
        };
        let ids: Vec<u8> = labels.ids[from..][..count].iter().map(|id| *id as u8).collect();
        let images = file(0x803, &[28, 28], &pixels[from * 784..][..count * 784]);
        place.write(&format!("drawn/{part}-images-idx3-ubyte"), &images);
        place.write(&format!("drawn/{part}-labels-idx1-ubyte"), &file(0x801, &[], &ids));
    };
    write("train", 0, 400);
    write("t10k", 400, 100);
    let line = "train vae --data drawn --steps 300 --batch 32 hidden_e=64 latent=8 lr_g=0.003 samples=4 --out vae";
    said(&place, &format!("{line} --adapter cpu"));
    place
}

#[track_caller]
fn said(place: &Place, line: &str) -> String {
    let said = place.saddle(line);
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    said.out
}

fn lines(place: &Place, name: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(place.read(name)).unwrap();
    text.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

#[test]
fn codes_of_classes_are_probed() {
    let place = place();
    let line = "eval vae --effort 0.01 --importance 0 --adapter cpu --json";
    let first = said(&place, line);
    assert_eq!(said(&place, line), first, "equal twice");
    let reports: Vec<Value> = serde_json::from_str(&first).unwrap();
    let report = reports.last().unwrap();
    assert_eq!(report["title"], "What codes tell of the classes");
    let table = &report["tables"][0];
    let names: Vec<&str> = table["rows"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(names, ["values", "8 principal components", "code", "features"]);
    let columns: Vec<&str> = table["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let value = |row: usize, column: &str| {
        let place = columns.iter().position(|name| *name == column).unwrap();
        table["rows"][row][1][place].as_f64()
    };
    for (row, width) in [784.0, 8.0, 8.0, 64.0].into_iter().enumerate() {
        assert_eq!(value(row, "values"), Some(width));
        for column in ["all", "100", "5 near", "graph, 100"] {
            let share = value(row, column).unwrap();
            assert!(share > 0.4, "{} {column}: {share}, and chance is 0.1", names[row]);
        }
        assert_eq!(value(row, "1000"), None, "there are 20 of each class");
    }
    let notes = report["notes"].to_string();
    assert!(notes.contains("200 examples to learn from, 100 held-out ones"), "{notes}");
    assert!(notes.contains("learned from all labels of `train-images-idx3-ubyte` tells 0."), "{notes}");
    // Without held-out examples nothing is probed, and without classes nothing is said.
    std::fs::remove_file(place.path("drawn/t10k-images-idx3-ubyte")).unwrap();
    for (name, words) in [("t10k-labels-idx1-ubyte", true), ("train-labels-idx1-ubyte", false)] {
        std::fs::remove_file(place.path(&format!("drawn/{name}"))).unwrap();
        let line = "--data drawn --steps 2 --batch 8 hidden_e=8 latent=2 samples=4 holdout=0 --adapter cpu";
        said(&place, &format!("train vae {line} --out of-{name}"));
        let said = place.saddle(&format!("eval of-{name} --effort 0.001 --count 20 --importance 0 --adapter cpu"));
        assert!(said.code == Some(0) && !said.out.contains("What codes tell"), "{}", said.out);
        assert_eq!(said.err.contains("codes are not probed: there are no held-out"), words, "{}", said.err);
    }
}

#[test]
fn few_labels_give_all_examples_a_class() {
    let place = place();
    said(&place, "encode vae --out codes.npy --adapter cpu");
    // As many of each class keep their label, and the columns may stand in any order.
    let rows = lines(&place, "codes.names.csv");
    let few = |row: &[String]| {
        let class = if row[0].parse::<usize>().unwrap() < 100 { row[2].as_str() } else { "" };
        format!("{class},{}\n", row[1])
    };
    let labels = format!("class,name\n{}", rows[1..].iter().map(|row| few(row)).collect::<String>());
    place.write("few.csv", labels.as_bytes());
    let line = "classify vae --labels few.csv --adapter cpu";
    let printed = said(&place, &format!("{line} --held-out --out classes.csv"));
    let printed: Vec<&str> = printed.lines().collect();
    assert_eq!(
        printed[0],
        "classes of 100 examples (posterior means, 100 labels of 10 classes, step 300) in classes.csv"
    );
    let last = printed.last().unwrap();
    let share: f64 = last.split(' ').next().unwrap().parse().unwrap();
    let is_said = last.contains(" % right, of 100 unlabelled examples whose class is known; `");
    assert!(last.contains("` for all would be right of ") && !last.contains("tell nothing"), "{last}");
    assert!(share > 40.0 && is_said, "{last}");
    let doubtful = format!("{} examples found to be of another class than given, or", 100.0 - share);
    assert!(printed[1].starts_with(&doubtful), "{}", printed[1]);
    assert!(printed[2].starts_with("  ") && printed[2].contains(": given ") && printed[2].contains(", found "));
    // The labels of the data itself, each aside.
    let own = said(&place, "classify vae --adapter cpu --out own.csv");
    assert!(
        own.contains(" found to be of another class than given, or the classifier is wrong; the surest:\n  "),
        "{own}"
    );
    let found = lines(&place, "classes.csv");
    assert_eq!((found.len(), found[0].join(",").as_str()), (101, "name,class,probability,given"));
    let wanted = &place.read("drawn/t10k-labels-idx1-ubyte")[8..];
    let right = found[1..].iter().zip(wanted).filter(|(row, id)| row[1] == id.to_string()).count();
    assert_eq!(right as f64, share);
    assert!(found[1..].iter().all(|row| (0.1..=1.0).contains(&row[2].parse::<f64>().unwrap())));
    // The same in the library, and by the labels of the data itself.
    let trained = Trained::open(place.path("vae")).unwrap();
    let data = |split| {
        let spec = place.path("drawn");
        trained.data_of(Some(spec.to_str().unwrap()), split).unwrap().unwrap()
    };
    let (own, held_out) = (data(Split::Train), data(Split::Test));
    let known = Known::read(&place.path("few.csv"), &own, None).unwrap();
    assert_eq!((known.names.len(), known.labels.len()), (10, 100));
    let classes = trained.classify(&own, &known, &held_out).unwrap();
    let rows = found[1..].iter().zip(&classes);
    assert!(rows.into_iter().filter(|(row, (class, _))| row[1] == known.names[*class]).count() >= 98);
    let printed = said(&place, "classify vae --held-out --out all.csv --adapter cpu");
    assert!(printed.contains("400 labels of 10 classes"), "{printed}");
    // Of the examples that the labels are of, only the others count, however the data is named.
    for data in ["", "--data drawn"] {
        let printed = said(&place, &format!("{line} {data} --out own.csv --force"));
        assert!(printed.contains("classes of 400 examples"), "{printed}");
        assert!(printed.contains("of 300 unlabelled examples whose"), "{printed}");
    }
    // Labels of other names are not compared with the classes.
    place.write("others.csv", b"name,class\n0,cat\n1,dog\n2,cat\n");
    let printed = said(&place, "classify vae --labels others.csv --out others-c.csv --adapter cpu");
    assert!(printed.contains("none of the labels is a class of the data") && !printed.contains('%'), "{printed}");
    assert!(printed.contains("a label is `cat`, a class `0`"), "{printed}");

    let refuse = |labels: &str, code, words: &[&str]| {
        place.write("odd.csv", labels.as_bytes());
        refused(&place, "classify vae --labels odd.csv --out odd-c.csv --adapter cpu", code, words);
    };
    refuse("name,class\n0,a\n400,b\n", 2, &["`odd.csv`, line 3", "`train-images-idx3-ubyte` has no example `400`"]);
    refuse("name,class\n0,a\n1,b\n0,b\n", 2, &["line 4: `0` is `b` here and `a` before"]);
    refuse("name,class\n0,a\n1,a\n", 2, &["`odd.csv`", "two classes", "`a` alone"]);
    refuse("name,class\n0,\n1,\n", 2, &["`odd.csv`", "two classes", "none"]);
    refuse("name,kind\n0,a\n", 2, &["`odd.csv`", "`name` and `class`"]);
    refuse("name,class\n0,a\n1\n", 1, &["`odd.csv`", "line: 3"]);
    refused(&place, "classify vae --labels none.csv --out odd-c.csv --adapter cpu", 1, &["`none.csv`"]);
    refused(&place, &format!("{line} --out classes.csv"), 2, &["`classes.csv` exists"]);
    refused(&place, &format!("{line} --out odd-c.npy"), 2, &["odd-c.npy", "csv"]);
    refused(&place, &format!("{line} --layer pooled --out odd-c.csv"), 2, &["no layer `pooled`", "code"]);
    std::fs::remove_file(place.path("drawn/train-labels-idx1-ubyte")).unwrap();
    std::fs::remove_file(place.path("drawn/t10k-labels-idx1-ubyte")).unwrap();
    said(&place, "train vae --data drawn --steps 2 --batch 8 hidden_e=8 latent=2 samples=4 --out bare --adapter cpu");
    refused(&place, "classify bare --out odd-c.csv --adapter cpu", 2, &["has no labels", "--labels"]);
    place.write("points.csv", b"x,y\n0.5,1\n-1,2\n3,4\n1,1\n2,2\n");
    said(&place, "train gan --data points.csv --steps 2 --batch 4 samples=4 holdout=0 --out points --adapter cpu");
    place.write("two.csv", b"name,class\n0,a\n1,b\n");
    refused(
        &place,
        "classify points --labels two.csv --out odd-c.csv --adapter cpu",
        2,
        &["5 examples", "too few for 10 neighbours"],
    );
}
