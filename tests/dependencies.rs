//! Checks the licences and sources of the packages that are linked on this machine against deny.toml, without
//! cargo-deny.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rules() -> toml::Table {
    fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn strings(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect()
}

/// Whether allowed licences satisfy an SPDX expression. In expressions older than SPDX, a slash means OR.
fn met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let parts = |operator: &str| -> Option<Vec<String>> {
        let (mut parts, mut depth, mut start) = (vec![], 0, 0);
        for (at, c) in expression.char_indices() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            if depth == 0 && expression[at..].starts_with(operator) {
                parts.push(expression[start..at].to_string());
                start = at + operator.len();
            }
        }
        parts.push(expression[start..].to_string());
        (parts.len() > 1).then_some(parts)
    };
    if let Some(parts) = parts(" OR ").or_else(|| parts("/")) {
        return parts.iter().any(|part| met(part, allowed));
    }
    if let Some(parts) = parts(" AND ") {
        return parts.iter().all(|part| met(part, allowed));
    }
    match expression.trim().strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => met(inner, allowed),
        None => allowed.contains(expression.trim()),
    }
}

#[test]
fn expressions_are_read() {
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(String::from));
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR X",
    ] {
        assert!(met(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR X) AND MIT", "", "Apache-2.0"] {
        assert!(!met(bad, &allowed), "{bad}");
    }
}

#[test]
fn licences_and_sources_are_allowed() {
    let rules = rules();
    let allowed = strings(&rules["licenses"]["allow"]);
    let registries = strings(&rules["sources"]["allow-registry"]);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    if cfg!(feature = "parquet") {
        cargo.args(["--features", "parquet"]);
    }
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let host =
        String::from_utf8_lossy(&rustc.stdout).lines().find_map(|line| line.strip_prefix("host: ").map(String::from));
    let output =
        cargo.args(["--filter-platform", &host.expect("rustc says what it runs on")]).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    let mut licences = BTreeSet::new();
    for package in packages {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or_default());
        let own = exceptions.iter().filter(|exception| exception["crate"].as_str() == name.as_str());
        let allowed = own.flat_map(|exception| strings(&exception["allow"])).chain(allowed.iter().cloned()).collect();
        assert!(met(licence, &allowed), "{name} has the licence `{licence}`, which deny.toml does not allow");
        licences.insert(licence);
        if let Some(source) = package["source"].as_str() {
            assert!(registries.contains(source.trim_start_matches("registry+")), "{name} comes from {source}");
        }
    }
    assert!(packages.len() > 100, "{} packages", packages.len());
    println!("{} packages under {} licences", packages.len(), licences.len());
}

/// The packages of exceptions are still dependencies, and advisories are ignored for a reason.
#[test]
fn exceptions_have_reasons() {
    let rules = rules();
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for exception in rules["licenses"]["exceptions"].as_array().unwrap() {
        let package = exception["crate"].as_str().expect("a crate");
        assert!(lock.contains(&format!("name = \"{package}\"")), "{package} has gone, and its exception can");
    }
    for ignored in rules["advisories"]["ignore"].as_array().unwrap() {
        let reason = ignored["reason"].as_str().expect("a reason");
        let package = reason.split(' ').next().unwrap();
        assert!(lock.contains(&format!("name = \"{package}\"")), "{package} has gone, and its exception can");
    }
}

/// Every dependency is named somewhere in the code that may use it.
#[test]
fn every_dependency_is_used() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let of = |table: &toml::Table, key: &str| -> Vec<String> {
        table.get(key).and_then(|list| list.as_table()).into_iter().flat_map(|list| list.keys().cloned()).collect()
    };
    let mut linked = of(&manifest, "dependencies");
    let targets = manifest["target"].as_table().unwrap().values();
    linked.extend(targets.flat_map(|target| of(target.as_table().unwrap(), "dependencies")));
    let source = text_below("src");
    let tests = ["tests", "benches", "examples"].map(text_below).concat();
    for (names, text) in [(linked, &source), (of(&manifest, "dev-dependencies"), &tests)] {
        assert!(!names.is_empty());
        for name in names {
            let module = name.replace('-', "_");
            let used = [format!("{module}::"), format!("use {module}"), format!("{module}::{{")];
            assert!(used.iter().any(|form| text.contains(form.as_str())), "nothing uses {name}");
        }
    }
}

/// The Rust code of a folder.
fn text_below(folder: &str) -> String {
    let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    paths
        .map(|path| match path.is_dir() {
            true => text_below(&path.strip_prefix(root()).unwrap().to_string_lossy()),
            false if path.extension().is_some_and(|ending| ending == "rs") => fs::read_to_string(path).unwrap(),
            false => String::new(),
        })
        .collect()
}
